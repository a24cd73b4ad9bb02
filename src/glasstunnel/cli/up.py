"""``glasstunnel up``: bring an interface up from a configuration of wg-quick(8)."""

import argparse
import logging
import sys
from contextlib import suppress
from pathlib import Path

from glasstunnel.host.capture import Capture
from glasstunnel.host.errors import HostError
from glasstunnel.operate import files, up
from glasstunnel.operate.config import ConfigError

ERRORS = (ConfigError, HostError)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        "Bring an interface up, as wg-quick(8) does, and return when it works.\n"
        'The tunnel is served by a process of its own until "glasstunnel down".\n\n'
        "GLASSTUNNEL_DATA_PATH=plain in the environment lets it move packet by packet, without the\n"
        "kernel's segmentation offloads."
    )
    parser.add_argument(
        "config",
        metavar="NAME|FILE",
        help="NAME.conf in /etc/glasstunnel or /etc/wireguard, or a path to a file; "
        "the interface is called as the file is, without .conf",
    )
    parser.add_argument(
        "--foreground", action="store_true", help="stay, until Ctrl-C or SIGTERM (for systemd)"
    )
    parser.add_argument(
        "--capture",
        metavar="FILE",
        type=Path,
        help="write what passes to FILE for Wireshark (pcapng): the datagrams outside, the packets inside",
    )
    parser.add_argument(
        "--key-log",
        metavar="FILE",
        type=Path,
        help="write the keys of every handshake to FILE, with which Wireshark opens a capture",
    )
    parser.add_argument(
        "--namespace",
        action="store_true",
        help='in a network namespace of its own, for the programs of "glasstunnel exec"; no command of the '
        "configuration is run",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what is done")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every session too")


def run(arguments: argparse.Namespace) -> int:
    """Bring it up."""
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(format="glasstunnel: %(message)s", level=logging.INFO)
    logging.getLogger("glasstunnel").setLevel(level)
    file = files.find(arguments.config)
    name, config = files.interface_name(file), files.load(file)
    for warning in files.warnings(file, config):
        print(f"Warning: {warning}", file=sys.stderr)
    if arguments.dry_run:
        up.dry_run(name, config, print, apart=arguments.namespace)
    else:
        say = _nothing if arguments.quiet else _tell
        up.up(
            name,
            config,
            file.resolve(),
            foreground=arguments.foreground,
            say=say,
            observe=_observe(arguments.capture, arguments.key_log),
            apart=arguments.namespace,
        )
    return 0


def _observe(capture: Path | None, key_log: Path | None) -> up.Observe | None:
    """What writes the files that were asked for; the warning says what they are worth to a thief."""
    if capture:
        print(f"Warning: {capture} holds the packets of the tunnel unencrypted", file=sys.stderr)
    if key_log:
        print(f"Warning: whoever has {key_log} can decrypt all traffic of the tunnel", file=sys.stderr)
    if not (capture or key_log):
        return None
    files = [file and file.absolute() for file in (capture, key_log)]  # a daemon has another directory
    return lambda device: Capture(device, *files)


def _tell(text: str) -> None:
    with suppress(BrokenPipeError):  # that nobody listens any more is no reason to fail
        print(f"[#] {text}", file=sys.stderr, flush=True)


def _nothing(_text: str) -> None:
    pass
