"""``glasstunnel toyvpn``: a server and a client that speak with those of Android's sample ToyVpn.

Rule: the server's arguments are those of ToyVpnServer, so that who has a command line for it has one for us;
what is beyond has long names. The secret need not stand in the command line, where every user reads it.
"""

import argparse
import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from glasstunnel.host.errors import HostError, reason
from glasstunnel.host.names import check_name
from glasstunnel.ip import PacketError
from glasstunnel.ip.address import InterfaceAddress, Prefix, parse_interface_address, parse_prefix
from glasstunnel.operate.toyvpn import NOTICE
from glasstunnel.operate.toyvpn_client import ClientConfig, run_client
from glasstunnel.operate.toyvpn_server import ServerConfig, run_server
from glasstunnel.operate.values import Endpoint
from glasstunnel.toyvpn.parameters import from_arguments

VARIABLE = "GLASSTUNNEL_TOYVPN_SECRET"
"""In the environment: the secret."""
ERRORS = (HostError, ValueError)  # those of the core say what was expected
_log = logging.getLogger("glasstunnel")


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        "ToyVpn, the protocol of Android's sample: its client works with this server, and its server\n"
        f"with this client. {NOTICE}."
    )
    ends = parser.add_subparsers(dest="end", metavar="END", required=True)
    plain = argparse.RawDescriptionHelpFormatter
    server = ends.add_parser("server", help="serve clients", formatter_class=plain)
    server.description = (
        "Serve ToyVpn's clients until Ctrl-C or SIGTERM, and undo everything then.\n\n"
        "An interface that is not there is made: with --pool it gets the first address of the pool, or\n"
        "those of --address, the MTU of -m and routes to the clients. One that is there already (ip tuntap\n"
        "add) is served as it is, as by ToyVpnServer.\n\n"
        "  glasstunnel toyvpn server tun0 8000 --secret-file FILE --pool 10.0.0.0/24 --nat \\\n"
        "    -m 1400 -d 8.8.8.8 -r 0.0.0.0 0"
    )
    server.add_argument("interface", metavar="TUN", type=_name, help="the interface, such as tun0")
    server.add_argument("port", metavar="PORT", type=_port, help="UDP port")
    _add_secret(server)
    server.add_argument("-m", metavar="MTU", help="MTU of the clients")
    server.add_argument(
        "-a",
        metavar=("ADDRESS", "LENGTH"),
        nargs=2,
        action="append",
        default=[],
        help="address of the only client, if there is no --pool",
    )
    server.add_argument(
        "-r",
        metavar=("ADDRESS", "LENGTH"),
        nargs=2,
        action="append",
        default=[],
        help="what clients send into the tunnel",
    )
    server.add_argument("-d", metavar="ADDRESS", action="append", default=[], help="name server for clients")
    server.add_argument("-s", metavar="DOMAIN", action="append", default=[], help="search domain for clients")
    server.add_argument(
        "--pool",
        metavar="PREFIX",
        type=_prefix,
        action="append",
        default=[],
        help="addresses for many clients, such as 10.0.0.0/24; may be given once for IPv4 and once for IPv6",
    )
    server.add_argument(
        "--address",
        metavar="ADDRESS/LENGTH",
        type=_address,
        action="append",
        default=[],
        help="the server's own address in the tunnel",
    )
    server.add_argument(
        "--nat",
        action="store_true",
        help="let clients reach beyond this host with its address: forwarding (sysctl) and masquerade, in an "
        "nftables table of its own",
    )
    client = ends.add_parser("client", help="be the client of a server", formatter_class=plain)
    client.description = (
        "Connect to a server of ToyVpn, set up the interface as it says, and stay connected until Ctrl-C\n"
        "or SIGTERM; then undo everything."
    )
    client.add_argument("interface", metavar="TUN", type=_name, help="the interface to make, such as tun0")
    client.add_argument("host", metavar="SERVER", help="name or address of the server")
    client.add_argument("port", metavar="PORT", type=_port, help="its UDP port")
    _add_secret(client)
    client.add_argument(
        "--no-dns", action="store_true", help="leave the system's name servers and search domains as they are"
    )
    client.add_argument(
        "--namespace",
        action="store_true",
        help='in a network namespace of its own, for the programs of "glasstunnel exec TUN"',
    )
    for end in (server, client):
        end.add_argument("--json", action="store_true", help="print what happens as JSON, one object a line")
        end.add_argument("-q", "--quiet", action="store_true", help="do not print the steps that are done")


def _add_secret(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "secret",
        metavar="SECRET",
        nargs="?",
        help=f"the shared secret; better in {VARIABLE} in the environment, or in the file of --secret-file: "
        "a command line is read by every user",
    )
    parser.add_argument("--secret-file", metavar="FILE", type=Path, help="a file whose first line it is")


def run(arguments: argparse.Namespace) -> int:
    """Run one end."""
    logging.basicConfig(format="glasstunnel: %(message)s", level=logging.INFO)
    secret = _secret(arguments)
    say = _nothing if arguments.quiet or arguments.json else _say
    tell = _tell_json if arguments.json else _tell
    if arguments.end == "server":
        run_server(_server(arguments, secret), say, tell)
    else:
        server = Endpoint(arguments.host, arguments.port)
        run_client(
            ClientConfig(arguments.interface, server, secret, not arguments.no_dns, arguments.namespace),
            say,
            tell,
        )
    return 0


def _server(arguments: argparse.Namespace, secret: bytes) -> ServerConfig:
    words = ["-m", arguments.m] if arguments.m is not None else []
    for letter in ("a", "d", "r", "s"):
        for fields in getattr(arguments, letter):
            words += [f"-{letter}", *([fields] if isinstance(fields, str) else fields)]
    if arguments.pool and arguments.a:
        raise ValueError("-a: expected none with --pool, from which each client gets an address of its own")
    return ServerConfig(
        arguments.interface,
        arguments.port,
        secret,
        from_arguments(words),
        tuple(arguments.pool),
        tuple(arguments.address),
        arguments.nat,
    )


def _secret(arguments: argparse.Namespace) -> bytes:
    """From one of the three places; what is asked for by its name goes before the environment."""
    if arguments.secret is not None and arguments.secret_file:
        raise ValueError("secret: expected SECRET or --secret-file, got both")
    if arguments.secret is not None:
        print(
            f"Warning: the secret is in the process list; --secret-file or {VARIABLE} keeps it out",
            file=sys.stderr,
        )
        return os.fsencode(arguments.secret)
    if arguments.secret_file:
        try:
            lines = arguments.secret_file.read_bytes().splitlines()
        except OSError as error:
            raise HostError(f"cannot read {arguments.secret_file}: {reason(error)}") from error
        if not lines or not lines[0]:
            raise ValueError(f"{arguments.secret_file}: expected the secret in the first line, got nothing")
        return bytes(lines[0])
    if not os.environ.get(VARIABLE):
        raise ValueError(
            f"secret: expected SECRET, --secret-file, or {VARIABLE} in the environment, got none"
        )
    return os.fsencode(os.environ[VARIABLE])


def _tell(event: str, sentence: str, **_facts: object) -> None:
    level = logging.WARNING if event in ("notice", "warning") else logging.INFO
    _log.log(level, "%s", f"Warning: {sentence}" if level == logging.WARNING else sentence)


def _tell_json(event: str, sentence: str, **facts: object) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps({"event": event, **(facts or {"text": sentence})}), flush=True)


def _say(text: str) -> None:
    with suppress(BrokenPipeError):
        print(f"[#] {text}", file=sys.stderr, flush=True)


def _nothing(_text: str) -> None:
    pass


# Readers of arguments: argparse adds the argument's name to what they say


def _name(text: str) -> str:
    try:
        return check_name(text)
    except HostError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 0xFFFF:
        return int(text)
    raise argparse.ArgumentTypeError(f'expected a port from 1 to 65535, got "{text}"')


def _prefix(text: str) -> Prefix:
    try:
        return parse_prefix(text)
    except PacketError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> InterfaceAddress:
    try:
        return parse_interface_address(text)
    except PacketError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
