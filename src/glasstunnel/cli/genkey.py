"""``glasstunnel genkey``: a new private key, as wg(8) makes it."""

import argparse
import os
import stat
import sys

from glasstunnel.operate import keys

ERRORS = (OSError,)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's help; it has no arguments."""
    parser.description = (
        "Print a new private key in base64. Keep it secret:\n"
        "  umask 077; glasstunnel genkey > private.key; glasstunnel pubkey < private.key > public.key"
    )


def run(_arguments: argparse.Namespace) -> int:
    """Print the key."""
    warn_if_readable_by_others()
    print(keys.encode(keys.genkey(os.urandom)))
    return 0


def warn_if_readable_by_others() -> None:
    """Warn on standard error if standard output is a file that is open to all the world."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IRWXO:
        print(
            "Warning: writing to a file that is accessible to everybody; umask 077 prevents it.",
            file=sys.stderr,
        )
