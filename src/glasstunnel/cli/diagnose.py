"""``glasstunnel diagnose``: which layer fails first, with the evidence, and how to mend it.

Rule: it changes nothing. Standard output is the report; progress goes to a terminal on standard error. The
exit status is that of the cause's class (:mod:`glasstunnel.diagnose.causes`); 1 and 2 mean what they mean
everywhere.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

from glasstunnel import __version__
from glasstunnel.cli.language import translator
from glasstunnel.cli.style import Style
from glasstunnel.diagnose import causes, image, options
from glasstunnel.diagnose.addresses import canonical
from glasstunnel.diagnose.tunnel import causes as tunnel_causes
from glasstunnel.diagnose.tunnel import options as tunnel_options
from glasstunnel.host.errors import HostError, reason
from glasstunnel.operate import keys
from glasstunnel.operate.config import ConfigError
from glasstunnel.operate.status import StatusError

DEFAULT_IMAGE = "hello-world"
ERRORS = (options.DiagnosisError, HostError, ConfigError, StatusError)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = "Find out why something fails, layer by layer. Changes nothing."
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    _configure_pull(subjects)
    _configure_tunnel(subjects)


def _statuses(classes: Mapping[str, tuple[int, Iterable[str]]]) -> str:
    lines = [
        f"  {status:>2}  {name}: {', '.join(sorted(found))}" for name, (status, found) in classes.items()
    ]
    return "exit status:\n" + "\n".join(lines)


def _configure_pull(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    pull = subjects.add_parser(
        "docker-pull",
        help="why docker pull fails",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Find out why docker pull fails: name, TCP, TLS, HTTP, token, manifest, first bytes.\n"
            "It asks without an account. On Docker Hub it counts as one pull of the image.\n"
            "Public resolvers are asked for the names too: --resolver says which."
        ),
        epilog=_statuses(causes.CLASSES),
    )
    pull.add_argument(
        "image",
        nargs="?",
        type=_image,
        default=image.parse(DEFAULT_IMAGE),
        metavar="IMAGE",
        help=f"as for docker pull; any registry (default {DEFAULT_IMAGE})",
    )
    pull.add_argument("--json", action="store_true", help="print everything that was seen as JSON")
    pull.add_argument("--unmasked", action="store_true", help="do not hide the addresses of your own network")
    pull.add_argument(
        "--resolver",
        action="append",
        type=_resolver,
        metavar="ADDRESS[#NAME][,TRANSPORT=PORT…]",
        help="a public resolver to compare with, instead of the usual ones; may be repeated; NAME is that in "
        "its certificate, TRANSPORT is udp, tcp, tls or https, PORT 0 leaves one out",
    )
    pull.add_argument(
        "--deadline",
        type=_seconds,
        default=options.Deadlines().total,
        metavar="SECONDS",
        help=f"for everything together, 1 to 600 (default {options.Deadlines().total:.0f})",
    )
    pull.add_argument(
        "--innocent",
        default=options.Options().innocent,
        metavar="NAME",
        help="the name that nobody blocks, for the cross test (default %(default)s)",
    )
    pull.add_argument(
        "--ca-file", default="", metavar="FILE", help="certificates to trust instead of the system's"
    )


def _configure_tunnel(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    usual = tunnel_options.Deadlines()
    tunnel = subjects.add_parser(
        "tunnel",
        help="why a tunnel does not come up, or carries nothing",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Find out why a tunnel does not come up or carries nothing: configuration, endpoint, filter,\n"
            "keys, clocks, routes, sizes. It makes no handshake of its own: it lets the device try.\n"
            "Devices of others are read by wg; what they cannot tell is said."
        ),
        epilog=_statuses(tunnel_causes.CLASSES),
    )
    tunnel.add_argument("tunnel", metavar="IFACE|CONFIG", help="an interface, or a configuration as for up")
    tunnel.add_argument("--json", action="store_true", help="print everything that was seen as JSON")
    tunnel.add_argument(
        "--unmasked", action="store_true", help="do not hide the addresses of your own network"
    )
    tunnel.add_argument("--peer", type=_key, metavar="KEY", help="look at this peer only")
    tunnel.add_argument(
        "--to",
        type=_address,
        metavar="ADDRESS",
        help="an address that should be reached through the tunnel, or by the peers through this machine",
    )
    tunnel.add_argument(
        "--deadline",
        type=_seconds,
        default=usual.handshake,
        metavar="SECONDS",
        help="for the handshake, 1 to 600 (default %(default)s)",
    )
    tunnel.add_argument(
        "--nat-life",
        action="store_true",
        help="also measure how long a NAT before the peer remembers it; takes minutes",
    )


def run(arguments: argparse.Namespace) -> int:
    """Diagnose, and print the report."""
    return _run_tunnel(arguments) if arguments.subject == "tunnel" else _run_pull(arguments)


def _run_tunnel(arguments: argparse.Namespace) -> int:
    from glasstunnel.diagnose.tunnel import report, story
    from glasstunnel.diagnose.tunnel.probe import examine

    deadlines = replace(tunnel_options.Deadlines(), handshake=arguments.deadline)
    chosen = tunnel_options.Options(deadlines, arguments.peer or "", arguments.to or "", arguments.nat_life)
    _, progress = translator(), Style(sys.stderr)

    def say(step: str, seconds: int = 0) -> None:
        progress.step(_(story.STEPS[step]).format(seconds=seconds))

    try:
        evidence = examine.examine(arguments.tunnel, chosen, say)
    except PermissionError as error:
        raise HostError(f"diagnose tunnel needs the rights of root: {reason(error)}") from None
    finally:
        progress.step("")
    terminal = sys.stdout.isatty()
    status, text = report.printed(evidence, _, arguments.json, arguments.unmasked, terminal)
    print(text, end="")
    return status


def _run_pull(arguments: argparse.Namespace) -> int:
    from glasstunnel.diagnose import remedies, report, story, verdict
    from glasstunnel.diagnose.addresses import Mask
    from glasstunnel.diagnose.probe import pull

    chosen = options.Options(
        tuple(arguments.resolver or options.RESOLVERS),
        options.Deadlines.of(arguments.deadline),
        arguments.innocent,
        ca_file=arguments.ca_file,
    )
    _ = translator()
    progress = Style(sys.stderr)

    def say(who: str, what: str) -> None:
        progress.step(_("{who}: {what}").format(who=_(story.ROLES[who]), what=_(story.STEPS[what])))

    try:
        evidence = asyncio.run(pull.examine(arguments.image, chosen, say))
    finally:
        progress.step("")
    reached = verdict.reach_verdict(evidence)
    ways = remedies.remedies(reached, evidence, chosen.resolvers)
    mask = Mask(report.own_addresses(evidence))
    if arguments.json:
        document = report.as_json(reached, ways, evidence)
        print(report.json_text(document, mask, whole=arguments.unmasked))
    else:
        text = report.as_text(reached, evidence, _, __version__)
        mending = report.remedies_as_text(ways, _)
        terminal = sys.stdout.isatty()
        print(report.shown(text, mending, mask, _, whole=arguments.unmasked, terminal=terminal), end="")
    return reached.exit_status


def _image(text: str) -> image.Image:
    try:
        return image.parse(text)
    except image.ImageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _resolver(text: str) -> options.Resolver:
    try:
        return options.parse_resolver(text)
    except options.OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"expected 1 to 600 seconds, got {text!r}")
    return seconds


def _key(text: str) -> str:
    try:
        return keys.encode(keys.decode(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an IP address, got {text!r}") from None
