"""``glasstunnel diagnose``: which layer fails first, with the evidence, and how to mend it.

Rule: it changes nothing. Standard output is the report; progress goes to a terminal on standard error. The
exit status is that of the cause's class (:mod:`glasstunnel.diagnose.causes`); 1 and 2 mean what they mean
everywhere.
"""

import argparse
import asyncio
import sys

from glasstunnel import __version__
from glasstunnel.cli.language import translator
from glasstunnel.cli.style import Style
from glasstunnel.diagnose import causes, image, options

DEFAULT_IMAGE = "hello-world"
ERRORS = (options.DiagnosisError,)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = "Find out why something fails, layer by layer. Changes nothing."
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    statuses = "\n".join(
        f"  {status:>2}  {name}: {', '.join(sorted(found))}"
        for name, (status, found) in causes.CLASSES.items()
    )
    pull = subjects.add_parser(
        "docker-pull",
        help="why docker pull fails",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Find out why docker pull fails: name, TCP, TLS, HTTP, token, manifest, first bytes.\n"
            "It asks without an account. On Docker Hub it counts as one pull of the image.\n"
            "Public resolvers are asked for the names too: --resolver says which."
        ),
        epilog=f"exit status:\n{statuses}",
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


def run(arguments: argparse.Namespace) -> int:
    """Diagnose, and print the report."""
    from glasstunnel.diagnose import remedies, report, verdict
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
    evidence = asyncio.run(
        pull.examine(arguments.image, chosen, lambda who, what: progress.step(f"{who} {what}"))
    )
    progress.step("")
    reached = verdict.reach_verdict(evidence)
    ways = remedies.remedies(reached, evidence, chosen.resolvers)
    mask = Mask(report.own_addresses(evidence))
    if arguments.json:
        document = report.as_json(reached, ways, evidence)
        print(report.json_text(document, str if arguments.unmasked else mask))
    else:
        text = report.as_text(reached, evidence, _, __version__)
        mending = report.remedies_as_text(ways, _)
        print(text if arguments.unmasked else mask(text), end="")
        if mask(mending) != mending:
            print(
                "\n" + _("What follows holds addresses of your own network: it is not for a public report.")
            )
        print(mending, end="")
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
