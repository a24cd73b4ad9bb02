"""The kernel asked where packets would go, those of this machine and those that come in.

Rule: a question sends nothing. Asked about a packet that comes in, the kernel answers with what it would do
to it: EXDEV, the reverse path filter would drop it; EHOSTUNREACH, it is not to be forwarded (IPv4). A newer
kernel says EINVAL for whatever it would drop there: where the filter is on, that is taken for its doing.
Section:
rtnetlink(7) RTM_GETROUTE; kernel net/ipv4/route.c ``inet_rtm_getroute``, fib_frontend.c
``fib_validate_source``.
"""

import errno
import socket
import struct
import sys
from ipaddress import ip_address
from pathlib import Path

from glasstunnel.diagnose.tunnel.evidence import Way
from glasstunnel.host import rtnetlink
from glasstunnel.host.rtnetlink import attribute, attributes

_RTM_NEWROUTE, _RTM_GETROUTE = 24, 26
_DST, _SRC, _IIF, _OIF, _METRICS, _MARK = 1, 2, 3, 4, 8, 16  # RTA_…
_METRIC_MTU = 2  # RTAX_MTU
_ROUTE = struct.Struct("=8BI")  # struct rtmsg
_INT = struct.Struct("=i")
_UINT = struct.Struct("=I")


def way(destination: str, *, source: str = "", comes_in: str = "", mark: int = 0, prefix: str = "") -> Way:
    """Ask.

    Args:
        destination, source: addresses; ``source`` may be "" for a packet of this machine.
        comes_in: the interface by which it comes in, "" for one of this machine.
        mark: of the packet.
        prefix: for the record.
    """
    host, _, scope = destination.partition("%")
    packed = ip_address(host).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    origin = ip_address(source.partition("%")[0]).packed if source else b""
    question = _ROUTE.pack(family, 8 * len(packed), 8 * len(origin), 0, 0, 0, 0, 0, 0)
    question += attribute(_DST, packed)
    if origin:
        question += attribute(_SRC, origin)
    try:
        if comes_in:
            question += attribute(_IIF, _UINT.pack(socket.if_nametoindex(comes_in)))
        if scope:
            question += attribute(_OIF, _UINT.pack(socket.if_nametoindex(scope)))
        if mark:
            question += attribute(_MARK, _UINT.pack(mark))
        with rtnetlink.connect() as one:
            rtnetlink.send(one, _RTM_GETROUTE, question)
            answer = rtnetlink.receive(one)[0]
    except OSError as error:
        return Way(destination, source, comes_in, errno.errorcode.get(error.errno or 0, "EIO"), prefix=prefix)
    if answer.kind != _RTM_NEWROUTE:
        number = -_INT.unpack_from(answer.body)[0]
        if number == errno.EINVAL and comes_in and len(packed) == 4 and _is_filtered(comes_in):
            number = errno.EXDEV
        return Way(destination, source, comes_in, errno.errorcode.get(number, str(number)), prefix=prefix)
    found = dict(attributes(answer.body[_ROUTE.size :]))
    metrics = dict(attributes(found.get(_METRICS, b"")))
    index = _number(found, _OIF)
    name = socket.if_indextoname(index) if index else ""
    return Way(destination, source, comes_in, "", name, _number(metrics, _METRIC_MTU), prefix)


def _is_filtered(interface: str) -> bool:
    """Whether the reverse path filter is on there: the greater of two settings holds."""
    folder = Path("/proc/sys/net/ipv4/conf")
    try:
        return any(int((folder / name / "rp_filter").read_text()) for name in ("all", interface))
    except (OSError, ValueError):
        return False


def _number(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b""), sys.byteorder)
