"""``ping`` hears at once that an address has no peer, or its peer no endpoint, as behind a kernel's wg0."""

from pathlib import Path

import pytest

from tests.interop.lab import PATIENCE, Lab, run

pytestmark = pytest.mark.interop

# address, what ping(8) says: no peer has the first two, the peer of the others has no endpoint
UNREACHABLE = (
    ("10.9.0.77", "Destination Host Unreachable"),
    ("fd09::77", "Destination unreachable: Address unreachable"),
    ("10.9.0.2", "Destination Host Unreachable"),
    ("fd09::2", "Destination unreachable: Address unreachable"),
)


def test_ping_says_at_once_that_a_host_is_unreachable(lab: Lab, tmp_path: Path) -> None:
    with lab.up(lab.config(tmp_path)), lab.ours.namespace:
        for address, complaint in UNREACHABLE:
            # without an answer it would wait for a long time and count no error
            said = run("ping", "-n", "-c1", f"-W{PATIENCE:.0f}", address, check=False)
            assert f"From {address} icmp_seq=1 {complaint}" in said
            assert "+1 errors, 100% packet loss" in said
