"""Tunnels that grow old while other tests run, so that what takes the kernel minutes need not be waited for.

The kernel's constants cannot be changed and its clock cannot be advanced without leaving ours behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.interop.lab import run
from tests.interop.service import Ours
from tests.kernel.lab import KernelLab

NOBODY = "10.9.2.99"
"""An address in the kernel's tunnel that answers nothing."""


@dataclass(frozen=True)
class Aged:
    """Our ends of the two."""

    pinging: Ours
    """The kernel is the initiator, and sends a ping each second."""
    silent: Ours
    """We are the initiator; the kernel has had one packet that it had no answer to, and then nothing."""
    lab: KernelLab

    def answered(self) -> list[int]:
        """The numbers of the pings that the kernel has had answers to; the first is 0."""
        said = self.lab.guest.run("cat /tmp/pings")
        return [int(number) for number in re.findall(r"seq=(\d+)", said)]


@contextmanager
def ageing(lab: KernelLab) -> Iterator[Aged]:
    """Begin both."""
    first, second = (KernelLab(lab.guest, lab.namespace, lab.service, number) for number in (1, 2))
    with first.glasstunnel() as pinging, first.kernel(first.ours.endpoint(4)):
        lab.guest.run(f"ping {first.ours.inner[4]} </dev/null >/tmp/pings 2>&1 &")
        nobody = f"AllowedIPs = {NOBODY}/32"
        with second.kernel(), second.glasstunnel(second.theirs.endpoint(6), nobody) as silent:
            second.ping_them()
            with lab.namespace:
                run("ping", "-c1", "-W0.1", NOBODY, check=False)
            yield Aged(pinging, silent, lab)
