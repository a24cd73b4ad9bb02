"""``glasstunnel genpsk``: a new preshared key, as wg(8) makes it."""

import argparse
import os

from glasstunnel.cli.genkey import warn_if_readable_by_others
from glasstunnel.operate import keys

ERRORS = (OSError,)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's help; it has no arguments."""
    parser.description = (
        "Print a new preshared key in base64: a secret that two peers share beyond their keys."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Print the key."""
    warn_if_readable_by_others()
    print(keys.encode(keys.genpsk(os.urandom)))
    return 0
