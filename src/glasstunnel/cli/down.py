"""``glasstunnel down``: bring an interface down, and clean up after one whose process was killed."""

import argparse
import logging

from glasstunnel.host.errors import HostError
from glasstunnel.host.names import check_name
from glasstunnel.operate import up

ERRORS = (HostError,)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        'Bring down an interface that "glasstunnel up" has brought up, and return when it is gone.'
    )
    parser.add_argument("config", metavar="NAME|FILE", help='as for "glasstunnel up"; the file may be gone')


def run(arguments: argparse.Namespace) -> int:
    """Bring it down."""
    logging.basicConfig(format="glasstunnel: %(message)s", level=logging.INFO)
    print(up.down(_interface(arguments.config)))
    return 0


def _interface(name_or_file: str) -> str:
    return check_name(name_or_file.rpartition("/")[2].removesuffix(".conf"))
