"""One side sits behind a router that translates addresses and forgets a flow after two seconds of silence.

That persistent keepalives keep it from forgetting is in test_sticky.py; here is what happens without them.
Section: WP §6.5; the scenario of the kernel's netns.sh with a short life of conntrack's entries.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from glasstunnel.host.namespace import Namespace, veth_pair
from tests.interop.end import End, is_silent
from tests.interop.lab import interface_name, ping, run, until, wireguard_go
from tests.interop.service import Ours, Service

pytestmark = pytest.mark.interop

FORGETS_AFTER = 2  # seconds
CONNTRACK = Path("/proc/sys/net/netfilter")
FLOWS = Path("/proc/thread-self/net/nf_conntrack")
MASQUERADE = """
table ip nat
flush table ip nat
table ip nat {{
    chain postrouting {{
        type nat hook postrouting priority srcnat
        oifname "outside" meta l4proto udp masquerade to :{ports}
    }}
}}
"""


class Nat:
    """A host ``inside``, a router, and a host ``outside`` that cannot reach the first by itself."""

    def __init__(self, inside: Namespace, router: Namespace, outside: Namespace) -> None:
        self.inside, self.router, self.outside = inside, router, outside
        self.hidden = End({4: "10.1.0.2"}, {4: "10.9.0.1"}, 51001)
        self.public = End({4: "192.0.2.2"}, {4: "10.9.0.2"}, 51002)
        veth_pair(inside, "eth0", router, "inside")
        veth_pair(router, "outside", outside, "eth0")
        with inside:
            run("ip", "address", "add", "10.1.0.2/24", "dev", "eth0")
            run("ip", "route", "add", "default", "via", "10.1.0.1")
        with router:
            run("ip", "address", "add", "10.1.0.1/24", "dev", "inside")
            run("ip", "address", "add", "192.0.2.1/24", "dev", "outside")
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
                (CONNTRACK / name).write_text(str(FORGETS_AFTER))
        with outside:
            run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")

        self.translate_to("2000-2999")

    def translate_to(self, ports: str) -> None:
        """New flows get one of these ports at the router's outer address."""
        with self.router:
            run("nft", "-f", "-", text=MASQUERADE.format(ports=ports))

    def flows(self) -> int:
        """How many of the tunnel the router remembers."""
        with self.router:
            return FLOWS.read_text().count(f" dport={self.public.port} ")

    @contextmanager
    def tunnel(self, who: str) -> Iterator[Ours]:
        """With ``ours`` or wireguard-go inside. Yields ours."""
        ours_inside = who == "ours"
        hidden = self.hidden.config(self.public.peer(self.public.endpoint(4)))
        public = self.public.config(self.hidden.peer())
        with ExitStack() as stack:
            service = stack.enter_context(closing(Service(self.inside if ours_inside else self.outside)))
            if ours_inside:  # the public side is there first
                other = wireguard_go(self.outside, interface_name(), public, self.public.addresses)
                stack.enter_context(other)
                yield stack.enter_context(service.interface(hidden, self.hidden.addresses))
            else:
                ours = stack.enter_context(service.interface(public, self.public.addresses))
                other = wireguard_go(self.inside, interface_name(), hidden, self.hidden.addresses)
                stack.enter_context(other)
                yield ours


@pytest.fixture
def nat() -> Iterator[Nat]:
    with closing(Namespace()) as inside, closing(Namespace()) as router, closing(Namespace()) as outside:
        yield Nat(inside, router, outside)


@pytest.mark.parametrize("who", ["ours", "wireguard-go"])
def test_without_keepalives_the_way_closes_until_the_hidden_side_speaks_and_is_found_at_another_port(
    nat: Nat, who: str
) -> None:
    with nat.tunnel(who) as ours:
        with nat.inside:
            ping(nat.public.inner[4])
        until(lambda: not nat.flows(), "the router has forgotten")
        nat.translate_to("3000-3999")
        with nat.outside:
            assert is_silent(nat.hidden.inner[4])
        with nat.inside:
            ping(nat.public.inner[4])
        with nat.outside:
            ping(nat.hidden.inner[4])
            if who == "wireguard-go":
                host, port = endpoint(ours)
                assert host == "192.0.2.1"
                assert 3000 <= port <= 3999
        assert len(ours.traffic.sessions) == 1


def endpoint(ours: Ours) -> tuple[str, int]:
    """Where we think the other side is."""
    (peer,) = ours.device.peers.values()
    assert peer.endpoint
    return peer.endpoint.remote
