"""How the sample's client reads the parameters: as Java does it, crashes included.

Rule: what Java's ``trim``, ``split``, ``charAt`` and ``parseShort`` do, these functions do. An exception that
the app catches ends its thread with a line in the log; any other ends the app. Section: ``configure`` of
ToyVpnConnection.java, the checks of ``android.net.VpnService.Builder``.
"""

from typing import Final, NamedTuple

from glasstunnel.ip import PacketError
from glasstunnel.ip.address import mask, parse_address

_CAUGHT: Final = ("IOException", "InterruptedException", "IllegalArgumentException")
_LOOPBACK_V6: Final = bytes(15) + b"\1"


class JavaError(Exception):
    """A Java exception of class ``name``; ``is_caught`` says whether ``run`` catches it."""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.name = name
        self.is_caught = name in _CAUGHT


class Call(NamedTuple):
    """A call of ``VpnService.Builder``."""

    method: str
    arguments: tuple[str | int, ...]


def configure(text: bytes) -> list[Call]:
    """What the client does with the bytes after the reply's 00: its calls of the builder, in order.

    Raises:
        JavaError: where Java throws.
    """
    calls: list[Call] = []
    # trim: whatever is not above the space. Bytes beyond ASCII become U+FFFD.
    trimmed = text.decode("ascii", "replace").strip("".join(map(chr, range(0x21))))
    for parameter in split(trimmed, " "):
        fields = split(parameter, ",")
        first = _field(fields, 0)
        if not first:
            raise JavaError("StringIndexOutOfBoundsException", "index=0 length=0")
        try:
            call = _call(first[0], fields)
        except _NumberFormatError:
            raise JavaError("IllegalArgumentException", f"Bad parameter: {parameter}") from None
        if call:
            calls.append(call)
    if not any(call.method == "addAddress" for call in calls):
        raise JavaError("IllegalArgumentException", "At least one address must be specified")
    return calls


def split(text: str, separator: str) -> list[str]:
    """Java's ``String.split``: empty strings at the end are left out, unless there was nothing to split."""
    if separator not in text:
        return [text]
    parts = text.split(separator)
    while parts and not parts[-1]:
        parts.pop()
    return parts


class _NumberFormatError(Exception):
    """Java's NumberFormatException, which ``configure`` itself catches."""


def _call(letter: str, fields: list[str]) -> Call | None:
    if letter == "m":
        mtu = _number(_field(fields, 1), 16)
        if mtu <= 0:
            raise JavaError("IllegalArgumentException", "Bad mtu")
        return Call("setMtu", (mtu,))
    if letter in "ar":
        text, length = _field(fields, 1), _number(_field(fields, 2), 32)
        address = _address(text)
        if not 0 <= length <= 8 * len(address):
            raise JavaError("IllegalArgumentException", "Bad prefixLength")
        if letter == "r" and mask(address, length) != address:
            raise JavaError("IllegalArgumentException", "Bad address")
        if letter == "a" and not any(address):
            raise JavaError("IllegalArgumentException", "Bad address")
        return Call("addAddress" if letter == "a" else "addRoute", (text, length))
    if letter == "d":
        text = _field(fields, 1)
        if not any(_address(text)):
            raise JavaError("IllegalArgumentException", "Bad address")
        return Call("addDnsServer", (text,))
    return Call("addSearchDomain", (_field(fields, 1),)) if letter == "s" else None


def _field(fields: list[str], index: int) -> str:
    if index >= len(fields):
        raise JavaError("ArrayIndexOutOfBoundsException", f"length={len(fields)}; index={index}")
    return fields[index]


def _number(text: str, bits: int) -> int:
    """``Short.parseShort`` or ``Integer.parseInt``."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdecimal()) or len(digits.lstrip("0")) > 10:
        raise _NumberFormatError
    value = -int(digits) if text[0] == "-" else int(digits)
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise _NumberFormatError
    return value


def _address(text: str) -> bytes:
    """``InetAddress.parseNumericAddress``, and the builder's refusal of loopback."""
    try:
        address = parse_address(text)
    except PacketError:
        raise JavaError("IllegalArgumentException", f"Not a numeric address: {text}") from None
    if address == _LOOPBACK_V6 or (len(address) == 4 and address[0] == 127):
        raise JavaError("IllegalArgumentException", "Bad address")
    return address
