"""What happens to a tunnel with the kernel in the course of its life: new keys, new addresses, silence."""

from base64 import b64decode
from pathlib import Path

import pytest

from glasstunnel.wireguard.parameters import Parameters
from tests.interop.end import LENGTHS, lost
from tests.interop.lab import glasstunnel, ping, run, until
from tests.interop.service import Ours
from tests.kernel.lab import MTU, KernelLab
from tests.kernel.vm import TAP

pytestmark = pytest.mark.kernel

HEADERS = {4: 20 + 8, 6: 40 + 8}  # IP and ICMP, bytes
OVERHEAD = 16 + 16  # of transport data: header and tag, WP §5.4.6


def test_the_program_brings_up_a_tunnel_with_the_kernel(lab: KernelLab, tmp_path: Path) -> None:
    address = f"Address = {', '.join(lab.ours.addresses)}\n"
    config = tmp_path / "gtkernel.conf"
    config.touch(mode=0o600)
    config.write_text(lab.ours.config(address, lab.theirs.peer(lab.theirs.endpoint(4))))
    with lab.kernel(), lab.namespace:
        done = glasstunnel("up", config)
        assert done.returncode == 0, done.stderr
        try:
            ping(lab.theirs.inner[4])
            ping(lab.theirs.inner[6])
            assert lab.shows("endpoints") == f"{lab.ours.outer[4]}:{lab.ours.port}"
        finally:
            assert glasstunnel("down", config).returncode == 0


@pytest.mark.parametrize("version", [4, 6])
def test_packets_as_long_as_the_tunnel_takes_and_longer_ones_in_fragments(
    lab: KernelLab, version: int
) -> None:
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4)) as ours:
        lab.ping_them(version)
        for size in (MTU - HEADERS[version], MTU - HEADERS[version] - 1, 5000):
            lab.ping_them(version, size)
            lab.ping_us(version, size)
    for datagrams in (ours.traffic.sent, ours.traffic.received):
        sizes = {size for kind, size in datagrams if kind == 4}
        assert max(sizes) == MTU + OVERHEAD  # 1420 is no multiple of 16, and yet nothing is added to it


def test_every_packet_is_padded_to_a_multiple_of_16_bytes_by_both(lab: KernelLab) -> None:
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4)) as ours:
        for size in range(17):
            lab.ping_them(4, size)
    for datagrams in (ours.traffic.sent, ours.traffic.received):
        assert all((size - OVERHEAD) % 16 == 0 for kind, size in datagrams if kind == 4)


def test_we_make_new_sessions_while_packets_flow_and_the_kernel_goes_along(lab: KernelLab) -> None:
    """The paper's times but for a rekey after 1 s; the kernel's own, after 120 s, is in test_waiting.py."""
    hasty = Parameters(rekey_after_time=1, rekey_timeout=0.5)
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4), parameters=hasty) as ours:
        while len(ours.traffic.sessions) < 4:
            assert lost_by(lab, 20) == 0
        assert set(ours.traffic.sessions) == {True}


@pytest.mark.parametrize("version", [4, 6])
def test_the_kernel_follows_us_to_another_address(lab: KernelLab, version: int) -> None:
    length = LENGTHS[version]
    new = {4: "192.0.2.9", 6: "2001:db8::9"}[version]
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(version)):
        lab.ping_them()
        with lab.namespace:
            run("ip", "address", "del", f"{lab.ours.outer[version]}/{length}", "dev", TAP)
            run("ip", "address", "add", f"{new}/{length}", "dev", TAP)
        try:
            lab.ping_them()
            host = f"[{new}]" if version == 6 else new
            assert lab.shows("endpoints") == f"{host}:{lab.ours.port}"
            lab.ping_us()
        finally:
            with lab.namespace:
                run("ip", "address", "del", f"{new}/{length}", "dev", TAP)
                old = f"{lab.ours.outer[version]}/{length}"
                run("ip", "address", "add", old, "dev", TAP)


@pytest.mark.parametrize("version", [4, 6])
def test_we_follow_the_kernel_to_another_address(lab: KernelLab, version: int) -> None:
    old, length = lab.theirs.outer[version], LENGTHS[version]
    new = {4: "192.0.2.8", 6: "2001:db8::8"}[version]
    with lab.kernel(lab.ours.endpoint(version)), lab.glasstunnel() as ours:
        lab.ping_us()
        lab.guest.run(f"ip address del {old}/{length} dev eth0; ip address add {new}/{length} dev eth0")
        try:
            lab.ping_us()
            (peer,) = ours.device.peers.values()
            assert peer.endpoint
            assert peer.endpoint.remote == (new, lab.theirs.port)
            lab.ping_them()
        finally:
            lab.guest.run(f"ip address del {new}/{length} dev eth0; ip address add {old}/{length} dev eth0")


def test_we_follow_the_kernel_to_another_port_and_back(lab: KernelLab) -> None:
    with lab.kernel(lab.ours.endpoint(4)), lab.glasstunnel() as ours:
        lab.ping_us()
        (peer,) = ours.device.peers.values()
        for port in (lab.theirs.port + 1000, lab.theirs.port):
            lab.guest.run(f"wg set {lab.interface} listen-port {port}")
            lab.ping_us()
            assert peer.endpoint
            assert peer.endpoint.remote == (lab.theirs.outer[4], port)
            lab.ping_them()


def test_a_changed_preshared_key_makes_no_session_until_both_have_it(lab: KernelLab) -> None:
    hasty = Parameters(rekey_after_time=1, rekey_timeout=0.5)
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4), parameters=hasty) as ours:
        lab.ping_them()
        psk = run("wg", "genpsk")
        lab.guest.run(
            f"echo {psk} >/tmp/psk; wg set {lab.interface} peer {lab.ours.public_key} preshared-key /tmp/psk"
        )
        before, asked = len(ours.traffic.sessions), initiations(ours)
        until(lambda: lost_by(lab, 1) < 2 and initiations(ours) >= asked + 2, "we have asked twice")
        assert len(ours.traffic.sessions) == before
        (peer,) = ours.device.peers.values()
        ours.do(lambda _: setattr(peer, "preshared_key", b64decode(psk)))
        until(lambda: lost_by(lab, 1) < 2 and len(ours.traffic.sessions) > before, "there is a new session")


def test_our_persistent_keepalive_makes_a_session_by_itself(lab: KernelLab) -> None:
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4), "PersistentKeepalive = 1") as ours:
        until(lambda: ours.traffic.sent.count((4, OVERHEAD)) >= 2, "two keepalives have been sent")


def test_the_kernels_persistent_keepalive_makes_a_session_by_itself(lab: KernelLab) -> None:
    with lab.glasstunnel() as ours, lab.kernel(lab.ours.endpoint(4), "PersistentKeepalive = 1"):
        until(lambda: ours.traffic.received.count((4, OVERHEAD)) >= 2, "two keepalives have come")


def test_we_send_a_keepalive_when_we_have_nothing_else_to_say(lab: KernelLab) -> None:
    """A packet for an address that nobody has wants no answer; ours comes after 0.3 s instead of 10."""
    brief = Parameters(keepalive_timeout=0.3)
    with (
        lab.kernel(lab.ours.endpoint(4), "AllowedIPs = 10.9.0.0/24"),
        lab.glasstunnel(parameters=brief) as ours,
    ):
        lab.ping_us()
        before = ours.traffic.sent.count((4, OVERHEAD))
        lab.guest.run("ping -c1 -W1 10.9.0.99 </dev/null >/dev/null 2>&1 &")
        until(lambda: ours.traffic.sent.count((4, OVERHEAD)) > before, "we have sent a keepalive")


def initiations(ours: Ours) -> int:
    """How many initiations we have sent."""
    return sum(kind == 1 for kind, _ in ours.traffic.sent)


def lost_by(lab: KernelLab, count: int) -> int:
    """How many of our pings remain without the kernel's answer."""
    with lab.namespace:
        return lost(lab.theirs.inner[4], count)
