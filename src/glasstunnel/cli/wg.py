"""The program ``glasstunnel-wg``: a bare interface in wireguard-go's place, driven by wg(8) and wg-quick(8).

Rule: arguments, environment and life are wireguard-go's, so that whoever starts that one can start this one
instead: the interface exists when the command returns, has no key until ``wg set`` gives it one, opens no
port until it is up, and ends when it is deleted, when its control socket is removed, or by a signal.
Section: wireguard-go main.go, ipc/uapi_linux.go; wg-quick(8) "WG_QUICK_USERSPACE_IMPLEMENTATION".
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial

from glasstunnel import __version__
from glasstunnel.host import control, daemon
from glasstunnel.host.answers import answer
from glasstunnel.host.backend import offload_wanted
from glasstunnel.host.control import ControlSocket
from glasstunnel.host.errors import HostError
from glasstunnel.host.loop import Loop
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.tun import Tun
from glasstunnel.host.tunnel import Tunnel
from glasstunnel.wireguard.device import Device

_NAME = "glasstunnel-wg"
_MTU = 1420  # bytes; wireguard-go device/constants.go DefaultMTU
_SILENT = logging.CRITICAL + 1
_LEVELS = {"verbose": logging.DEBUG, "debug": logging.DEBUG, "error": logging.ERROR, "silent": _SILENT}
_DESCRIPTION = """\
Create the WireGuard interface INTERFACE and return when it is there; a process of its own serves it.
It is wireguard-go's stand-in: wg(8), ip(8) and wg-quick(8) do the rest.

The process ends with "ip link delete INTERFACE"."""
_ENVIRONMENT = """\
environment:
  LOG_LEVEL                verbose (or debug), error (the default), silent; a process in the background
                           logs to our standard output if this is set, otherwise to the system
  WG_PROCESS_FOREGROUND=1  as --foreground
  WG_TUN_FD                an open TUN, to be served instead of a new one
  WG_UAPI_FD               a listening Unix socket, to be served instead of a new control socket
  GLASSTUNNEL_DATA_PATH=plain
                           packet by packet, without the kernel's segmentation offloads

WG_QUICK_USERSPACE_IMPLEMENTATION=glasstunnel-wg lets wg-quick(8) start it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the program's own); return the exit status."""
    arguments = _parser().parse_args(argv)
    wish = os.environ.get("LOG_LEVEL", "")
    logging.basicConfig(
        stream=sys.stdout,
        level=_LEVELS.get(wish, logging.ERROR),
        format=f"%(levelname)s: ({arguments.interface}) %(asctime)s %(message)s",
        datefmt="%Y/%m/%d %H:%M:%S",
    )
    serve = partial(_serve, arguments.interface)
    try:
        if arguments.foreground or os.environ.get("WG_PROCESS_FOREGROUND") == "1":
            serve(daemon.notify_ready)
        else:
            daemon.spawn(serve, keep_output=wish not in ("", "silent"))
    except HostError as error:
        print(f"{_NAME}: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(name: str, ready: Callable[[], None]) -> None:
    """Make the interface, serve it to its end, and clean up."""
    with closing(Loop()) as loop, loop.stopped_by(*daemon.ENDING), ExitStack() as end:
        passed = _descriptor("WG_TUN_FD")
        offload = offload_wanted()
        tun = (
            Tun(name, attach=True, offload=offload) if passed is None else Tun.adopt(passed, offload=offload)
        )
        end.callback(tun.close)
        with Netlink() as net:
            net.set_mtu(tun.name, _MTU)
        tunnel = Tunnel(Device(), tun, None, loop)
        end.callback(tunnel.close)
        tunnel.follow()
        passed = _descriptor("WG_UAPI_FD")
        listener = None if passed is None else control.adopt(passed)
        socket = ControlSocket(tun.name, loop, partial(answer, tunnel), listener=listener)
        end.callback(socket.close)
        socket.on_removal(loop.stop)
        ready()
        loop.run()


def _descriptor(variable: str) -> int | None:
    """The file descriptor that an environment variable names, if it names one."""
    text = os.environ.get(variable, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise HostError(f'{variable}: expected the number of a file descriptor, got "{text}"')
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description=_DESCRIPTION,
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{_NAME} {__version__}")
    parser.add_argument("-f", "--foreground", action="store_true", help="stay, and serve it in this process")
    parser.add_argument("interface", metavar="INTERFACE", help="its name, such as wg0")
    return parser
