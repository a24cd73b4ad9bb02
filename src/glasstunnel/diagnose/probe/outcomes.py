"""From the exceptions of sockets, TLS and HTTP to an outcome and a few words.

Rule: the first cause in an exception's chain that is known decides; libraries wrap what the system said.
"""

import errno
import os
import ssl
from collections.abc import Iterator

import httpx2

from glasstunnel.diagnose.evidence import Outcome

_BY_NUMBER = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.TIMEOUT,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.EACCES: Outcome.UNREACHABLE,  # a "prohibit" route or ICMP says so
    errno.EPERM: Outcome.UNREACHABLE,  # the local firewall does
    errno.EADDRNOTAVAIL: Outcome.UNREACHABLE,  # no address of that family here
    errno.EAFNOSUPPORT: Outcome.UNREACHABLE,
    errno.EINVAL: Outcome.UNREACHABLE,  # connecting to an address that is none
}


def of(error: BaseException) -> tuple[Outcome, str]:
    """The outcome that an exception means, and its words."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Outcome.UNTRUSTED, str(cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return of_tls(cause)
        if isinstance(cause, TimeoutError) and cause.errno is None:
            return Outcome.TIMEOUT, ""
        if isinstance(cause, OSError) and cause.errno in _BY_NUMBER:
            outcome = _BY_NUMBER[cause.errno]
            return outcome, os.strerror(cause.errno) if outcome is Outcome.UNREACHABLE else ""
    if isinstance(error, httpx2.ConnectError):
        return Outcome.UNREACHABLE, "no connection"
    said = next((cause for cause in _chain(error) if not isinstance(cause, BaseExceptionGroup)), error)
    return Outcome.FAILED, " ".join(str(said).split()) or type(said).__name__


def of_tls(error: ssl.SSLError) -> tuple[Outcome, str]:
    """What an error of TLS means that is not about the certificate."""
    reason = str(error.reason or error)
    if "ALERT" in reason or reason.startswith(("TLSV1_", "TLSV13_")):  # as OpenSSL calls some of them
        return Outcome.ALERT, reason.lower().replace("_", " ")
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return Outcome.CLOSED, ""
    return Outcome.GARBLED, reason.lower().replace("_", " ")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, what caused it, and so on; members of a group too."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        waiting += [other for other in (cause.__cause__, cause.__context__) if other is not None]
