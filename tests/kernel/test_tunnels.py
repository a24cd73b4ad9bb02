"""Our tunnel and the Linux kernel's own WireGuard, in every combination that matters on the wire.

The role of a side is forced, not hoped for: only the initiator knows an endpoint.
"""

import pytest

from tests.interop.lab import run
from tests.kernel.lab import KernelLab

pytestmark = pytest.mark.kernel

SIZE = 300_000  # bytes by TCP in each direction: some hundred packets


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("psk", [False, True], ids=["no-psk", "psk"])
@pytest.mark.parametrize("initiator", ["ours", "kernel"])
def test_a_tunnel_with_the_kernel_carries_pings_and_tcp(
    lab: KernelLab, initiator: str, psk: bool, outer: int, inner: int
) -> None:
    shared = [f"PresharedKey = {run('wg', 'genpsk')}"] if psk else []
    ours, theirs = list(shared), list(shared)
    if initiator == "ours":
        ours.append(lab.theirs.endpoint(outer))
    else:
        theirs.append(lab.ours.endpoint(outer))
    with lab.kernel(*theirs), lab.glasstunnel(*ours):
        pings = [lab.ping_them, lab.ping_us]
        for ping in pings if initiator == "ours" else reversed(pings):
            ping(inner)
        lab.send(inner, SIZE)
        lab.fetch(inner, SIZE)
        assert lab.shows("latest-handshakes") != "0"
