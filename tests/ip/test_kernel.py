"""The pure responders behind a real TUN: what the Linux kernel's own ping, TCP and counters say to them.

Each test runs in a network namespace of its own, which dies with the thread that made it.
"""

import errno
import os
import select
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from glasstunnel.ip import ipv4, ipv6, packet, tcp, udp
from glasstunnel.ip.address import parse_address
from glasstunnel.ip.echo import reply
from glasstunnel.ip.unreachable import host_unreachable
from tests.ip import network
from tests.ip.network import FAMILIES, NEEDS, OURS, PATIENCE, THEIRS, open_tun

pytestmark = NEEDS


def in_new_network(work: Callable[[int], None]) -> None:
    """Run ``work`` with the descriptor of a TUN in a new network namespace."""

    def run() -> None:
        descriptor = open_tun()
        try:
            work(descriptor)
        finally:
            os.close(descriptor)

    network.in_new_network(run)


def serve(descriptor: int, answer: Callable[[bytes], bytes | None], until: int) -> None:
    """Answer what comes out of the TUN until the descriptor ``until`` can be read or reports an error."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(until, select.POLLIN | select.POLLHUP | select.POLLERR)
    while True:
        ready = dict(poll.poll(PATIENCE * 1000))
        assert ready, f"nothing came for {PATIENCE} seconds"
        if descriptor in ready:
            answered = answer(os.read(descriptor, 65535))
            if answered is not None:
                os.write(descriptor, answered)
        elif until in ready:
            return


def next_datagram(descriptor: int) -> ipv4.Packet | ipv6.Packet:
    """The next packet with UDP in it; the kernel also speaks of its own accord, of neighbours and groups."""
    while True:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, f"nothing came for {PATIENCE} seconds"
        data = os.read(descriptor, 65535)
        view = ipv4.Packet(data) if packet.version(data) == 4 else ipv6.Packet(data)
        if (view.protocol if isinstance(view, ipv4.Packet) else view.next_header) == udp.PROTOCOL:
            return view


def counter(group: str, name: str) -> int:
    """A counter of this thread's network namespace, from SNMP's MIBs for IP, ICMP and their likes."""
    lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith(f"{group}: "))
    return int(values[names.index(name)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [0, 1, 56, 1400])
def test_the_kernels_ping_accepts_every_answer(family: socket.AddressFamily, size: int) -> None:
    def work(descriptor: int) -> None:
        # Without -w it waits no longer than two round trips, which a busy machine exceeds.
        timing = ("-c", "3", "-i", "0.01", "-w", str(PATIENCE))
        command = ["ping", *timing, "-s", str(size), THEIRS[family]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
            ended = os.pidfd_open(ping.pid)
            serve(descriptor, reply, ended)
            os.close(ended)
            output = ping.communicate(timeout=PATIENCE)[0]
        assert "3 received" in output
        assert "wrong data" not in output
        assert ping.returncode == 0

    in_new_network(work)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tcp_connection_to_nobody_fails_at_once_with_no_route_to_host(family: socket.AddressFamily) -> None:
    seen: list[bytes] = []

    def answer(data: bytes) -> bytes | None:
        if packet.destination(data) == parse_address(THEIRS[family]):
            seen.append(data)
        return host_unreachable(data, packet.destination(data))

    def work(descriptor: int) -> None:
        with socket.socket(family) as client:
            client.setblocking(False)
            assert client.connect_ex((THEIRS[family], 80)) == errno.EINPROGRESS
            serve(descriptor, answer, client.fileno())
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EHOSTUNREACH

    in_new_network(work)
    assert tcp.Segment(seen[0][20 if family == socket.AF_INET else 40 :]).flags == tcp.Flag.SYN


def test_the_kernel_takes_a_report_from_the_destination_but_none_from_its_own_address() -> None:
    def work(descriptor: int) -> None:
        theirs, ours = parse_address(THEIRS[socket.AF_INET]), parse_address(OURS[socket.AF_INET])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"anyone?", (THEIRS[socket.AF_INET], 53))
        data = next_datagram(descriptor).buf
        for source, heard in ((ours, 0), (theirs, 1)):
            report = host_unreachable(data, source)
            assert report is not None
            os.write(descriptor, report)  # the kernel has handled the packet when this returns
            assert counter("Icmp", "InDestUnreachs") == heard

    in_new_network(work)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_checksum_of_the_kernels_own_packets_verifies(family: socket.AddressFamily) -> None:
    def work(descriptor: int) -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.connect((THEIRS[family], 7))
            for size in range(0, 1400, 97):
                client.send(bytes((7 * at + size) & 0xFF for at in range(size)))
                view = next_datagram(descriptor)
                datagram = udp.Datagram(view.payload)
                assert len(datagram.payload) == size
                assert datagram.checksum_ok(view.source, view.destination)
                built = datagram.header().build(datagram.payload, view.source, view.destination)
                assert built == view.payload

    in_new_network(work)
