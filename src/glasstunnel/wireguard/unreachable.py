"""What the sender of a packet hears when there is no way for it: ICMP, host unreachable, at once.

Rule: a report is a packet of its own, the burst stays as it is, and there are no more of them than Linux's
own limit for ICMP lets through. Section: kernel device.c ``wg_xmit``; RFC 1812 §4.3.2.8 and RFC 4443 §2.4 (f)
for the limit, which is Linux's ``icmp_msgs_per_sec`` and ``icmp_msgs_burst``; which packets are never
answered is in :mod:`glasstunnel.ip.unreachable`.
"""

from typing import Final

from glasstunnel.ip.unreachable import host_unreachable
from glasstunnel.wireguard.burst import Burst

REPORTS_PER_SECOND: Final = 1000
REPORTS_AT_ONCE: Final = 50


class Unreachable:
    """Writes reports, as many as its token bucket holds."""

    __slots__ = ("_filled_at", "_tokens")

    def __init__(self) -> None:
        self._tokens: float = REPORTS_AT_ONCE
        self._filled_at = 0.0

    def report(self, now: float, burst: Burst, dst: bytes) -> list[bytes]:
        """Reports to the senders of the packets of a burst.

        They come from ``dst``, the packets' own destination, as if that host had been asked.
        """
        elapsed, self._filled_at = now - self._filled_at, now
        self._tokens = min(REPORTS_AT_ONCE, self._tokens + elapsed * REPORTS_PER_SECOND)
        reports = []
        for packet in burst.packets():
            report = host_unreachable(packet, dst) if self._tokens >= 1 else None
            if report:
                self._tokens -= 1
                reports.append(report)
        return reports
