"""The closed list of what can be at fault with a tunnel, and the exit status of each class.

Rule: a diagnosis ends with exactly one of these; they are in the order in which a tunnel needs what they are
about, and that is the order of judging. Statuses 1 and 2 stay what they are for every command.
"""

from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """What is at fault. "There" is the other end, as far as it can be told from this one."""

    ALL_WELL = "all-well"
    NOT_UP = "not-up"
    INTERFACE_DOWN = "interface-down"
    NO_PEER = "no-peer"
    NO_PRIVATE_KEY = "no-private-key"
    OWN_KEY_AS_PEER = "own-key-as-peer"
    OVERLAPPING_ALLOWED_IPS = "overlapping-allowed-ips"
    ENDPOINT_MISSING = "endpoint-missing"
    ENDPOINT_UNRESOLVED = "endpoint-unresolved"
    ENDPOINT_MOVED = "endpoint-moved"
    NO_ROUTE = "no-route"
    ENDPOINT_THROUGH_TUNNEL = "endpoint-through-tunnel"
    ENDPOINT_CLOSED = "endpoint-closed"
    ENDPOINT_UNREACHABLE = "endpoint-unreachable"
    FIREWALL = "firewall"
    REVERSE_PATH_FILTER = "reverse-path-filter"
    WRONG_PRESHARED_KEY = "wrong-preshared-key"
    WE_HAVE_WRONG_KEY = "we-have-wrong-key"
    PEER_HAS_WRONG_KEY = "peer-has-wrong-key"
    PEER_CLOCK_BEHIND = "peer-clock-behind"
    CLOCK_BEHIND = "clock-behind"
    SILENT = "silent"
    NOT_ROUTED = "not-routed"
    ALLOWED_IPS_MISSING = "allowed-ips-missing"
    LARGE_PACKETS_LOST = "large-packets-lost"
    FORWARDING_OFF = "forwarding-off"
    NO_MASQUERADE = "no-masquerade"
    NO_DATA = "no-data"


CLASSES: Final = {
    "well": (0, (Cause.ALL_WELL,)),
    "interface": (20, (Cause.NOT_UP, Cause.INTERFACE_DOWN)),
    "configuration": (
        21,
        (
            *(Cause.NO_PEER, Cause.NO_PRIVATE_KEY, Cause.OWN_KEY_AS_PEER, Cause.OVERLAPPING_ALLOWED_IPS),
            Cause.ENDPOINT_MISSING,
        ),
    ),
    "endpoint": (
        22,
        (
            *(Cause.ENDPOINT_UNRESOLVED, Cause.ENDPOINT_MOVED, Cause.NO_ROUTE),
            *(Cause.ENDPOINT_THROUGH_TUNNEL, Cause.ENDPOINT_CLOSED, Cause.ENDPOINT_UNREACHABLE),
        ),
    ),
    "filter": (23, (Cause.FIREWALL, Cause.REVERSE_PATH_FILTER)),
    "keys": (24, (Cause.WRONG_PRESHARED_KEY, Cause.WE_HAVE_WRONG_KEY, Cause.PEER_HAS_WRONG_KEY)),
    "clock": (25, (Cause.PEER_CLOCK_BEHIND, Cause.CLOCK_BEHIND)),
    "silence": (26, (Cause.SILENT,)),
    "data": (
        27,
        (
            *(Cause.NOT_ROUTED, Cause.ALLOWED_IPS_MISSING, Cause.FORWARDING_OFF, Cause.NO_MASQUERADE),
            *(Cause.NO_DATA, Cause.LARGE_PACKETS_LOST),
        ),
    ),
}
"""Each class with its exit status and its causes."""


def class_of(cause: Cause) -> str:
    """The class of a cause."""
    return next(name for name, (_, causes) in CLASSES.items() if cause in causes)


def exit_status(cause: Cause) -> int:
    """The exit status of ``glasstunnel diagnose tunnel`` for it."""
    return CLASSES[class_of(cause)][0]
