"""The closed list of causes, and the exit status of each class of them.

Rule: a diagnosis ends with exactly one of these. Statuses 1 and 2 stay what they are for every command: could
not run at all, and a wrong command line.
"""

from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """What is at fault."""

    ALL_WELL = "all-well"
    NO_NETWORK = "no-network"
    STALE_HOSTS = "stale-hosts"
    POISONED_RESOLVER = "poisoned-resolver"
    RESOLVER_FAILS = "resolver-fails"
    BLOCKED_ADDRESS = "blocked-address"
    NAME_BASED_RESET = "name-based-reset"
    LARGE_PACKETS_LOST = "large-packets-lost"
    PROXY_NEEDED = "proxy-needed"
    INTERCEPTING_CERTIFICATE = "intercepting-certificate"
    WRONG_CLOCK = "wrong-clock"
    PROXY_BROKEN = "proxy-broken"
    MIRROR_BROKEN = "mirror-broken"
    TOKEN_HOST = "token-host"  # noqa: S105 - the name of a cause
    BLOB_HOST = "blob-host"
    RATE_LIMIT = "rate-limit"
    IMAGE_OR_PERMISSION = "image-or-permission"
    REGISTRY_FAILS = "registry-fails"


class Confidence(StrEnum):
    """How sure a verdict is."""

    CERTAIN = "certain"  # a probe shows it and its opposite was tried
    LIKELY = "likely"  # fits everything that was seen; something else could too
    POSSIBLE = "possible"  # the best that can be said


CLASSES: Final = {
    "well": (0, {Cause.ALL_WELL}),
    "network": (10, {Cause.NO_NETWORK}),
    "names": (11, {Cause.STALE_HOSTS, Cause.POISONED_RESOLVER, Cause.RESOLVER_FAILS}),
    "path": (
        12,
        {Cause.BLOCKED_ADDRESS, Cause.NAME_BASED_RESET, Cause.LARGE_PACKETS_LOST, Cause.PROXY_NEEDED},
    ),
    "trust": (13, {Cause.INTERCEPTING_CERTIFICATE, Cause.WRONG_CLOCK}),
    "configuration": (14, {Cause.PROXY_BROKEN, Cause.MIRROR_BROKEN}),
    "other host": (15, {Cause.TOKEN_HOST, Cause.BLOB_HOST}),
    "registry": (16, {Cause.RATE_LIMIT, Cause.IMAGE_OR_PERMISSION, Cause.REGISTRY_FAILS}),
}
"""Each class with its exit status and its causes."""


def class_of(cause: Cause) -> str:
    """The class of a cause."""
    return next(name for name, (_, causes) in CLASSES.items() if cause in causes)


def exit_status(cause: Cause) -> int:
    """The exit status of ``glasstunnel diagnose`` for it."""
    return CLASSES[class_of(cause)][0]
