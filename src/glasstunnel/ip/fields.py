"""The one sentence in which every parser and builder of this room complains.

Rule: a complaint names the field, what was expected and what was there; nothing of the payload is printed.
"""

from glasstunnel.ip import PacketError


def require(name: str, value: int, low: int, high: int, unit: str = "") -> None:
    """Raise :exc:`PacketError` naming the field ``name`` unless ``low <= value <= high``."""
    if not low <= value <= high:
        wanted = f"{low}" if low == high else f"{low} to {high}"
        raise PacketError(f"{name}: expected {wanted}{unit and ' ' + unit}, got {value}")


def require_at_least(name: str, value: int, low: int) -> None:
    """Raise :exc:`PacketError` unless ``value`` bytes are at least ``low``."""
    if value < low:
        raise PacketError(f"{name}: expected at least {low} bytes, got {value}")


def require_multiple(name: str, value: int, step: int, high: int) -> None:
    """Raise :exc:`PacketError` unless ``value`` bytes are a multiple of ``step`` from 0 to ``high``."""
    if value % step or not 0 <= value <= high:
        raise PacketError(f"{name}: expected a multiple of {step} from 0 to {high} bytes, got {value}")
