"""The program of the chapter on ping answers what a host must answer, and is silent to everything else."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import answer_ping
import pytest
from answer_ping import answer

from glasstunnel.host.namespace import Namespace
from glasstunnel.ip import icmp, ipv4, udp
from glasstunnel.ip.address import parse_address
from tests.interop.lab import run

US, THEM = parse_address("10.9.0.1"), parse_address("10.9.0.2")
HEADER = ipv4.Header(source=US, destination=THEM, protocol=icmp.PROTOCOL)
ECHO = icmp.Echo(identifier=3, sequence=4, data=b"five").build()
PING = HEADER.build(ECHO)


def test_the_answer_to_a_ping_carries_the_same_back() -> None:
    reply = answer(PING)
    assert reply is not None
    packet = ipv4.Packet(reply)
    message = icmp.Message(packet.payload)
    assert (packet.source, packet.destination, packet.checksum_ok) == (THEM, US, True)
    assert (message.type, message.identifier, message.sequence) == (icmp.ECHO_REPLY, 3, 4)
    assert bytes(message.body) == b"five"
    assert message.checksum_ok()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x60" + PING[1:],
        HEADER.build(ECHO[:7]),
        replace(HEADER, more_fragments=True).build(ECHO),
        replace(HEADER, protocol=udp.PROTOCOL).build(ECHO),
        PING[:8] + b"\x01" + PING[9:],
        PING[:-1] + b"E",
        HEADER.build(icmp.Echo(3, 4, b"five", reply=True).build()),
    ],
    ids=["nothing", "IPv6", "cut short", "fragment", "UDP", "damaged header", "damaged data", "reply"],
)
def test_everything_else_is_not_answered(packet: bytes) -> None:
    assert answer(packet) is None


@pytest.mark.interop
def test_it_answers_the_kernels_pings() -> None:
    namespace = Namespace()
    with namespace:
        run("ip", "tuntap", "add", "dev", "glass0", "mode", "tun")
        run("ip", "addr", "add", "10.9.0.1/24", "dev", "glass0")
        run("ip", "link", "set", "glass0", "up")
        program = Path(answer_ping.__file__)
        process = subprocess.Popen(
            [sys.executable, program, "glass0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert "2 received" in run("ping", "-c", "2", "-i", "0.2", "-w", "20", "10.9.0.2")
    assert process.stdout
    assert process.stdout.readline() == "10.9.0.2 answered\n"
    process.send_signal(signal.SIGINT)
    process.communicate()
    namespace.close()
