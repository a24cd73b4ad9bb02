"""``glasstunnel pubkey``: from a private key on standard input to its public key on standard output."""

import argparse
import sys

from glasstunnel.operate import keys

ERRORS = (keys.KeyTextError, OSError)
_ENOUGH = 4096  # bytes; a key has 44


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's help; it has no arguments."""
    parser.description = (
        "Read a private key in base64 from standard input and print the public key that belongs to it:\n"
        "  glasstunnel pubkey < private.key > public.key"
    )


def run(_arguments: argparse.Namespace) -> int:
    """Print the key."""
    text = sys.stdin.buffer.read(_ENOUGH).decode("ascii", errors="replace")
    print(keys.encode(keys.pubkey(keys.decode(text.strip()))))
    return 0
