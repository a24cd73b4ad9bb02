"""The path between the client and the world: a middlebox that forwards packets, and can be made to interfere.

Rule: a fault is what an observer on the real path can do with packets, no more: answer a DNS query before the
true answer comes, reset a connection whose first data names a forbidden host, reset or swallow by address or
port, swallow packets that are large, lead an address elsewhere; over IPv6 as over IPv4. :meth:`Path.pass_on`
is pure, a packet in and packets out; :class:`Forwarder` moves them between two TUN interfaces. Section: RFC
791 §3.1, RFC 8200 §3, RFC 9293 §3.10.7 (which resets are accepted), RFC 6066 §3 (server_name).
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from glasstunnel.host.tun import Tun
from glasstunnel.ip import PacketError, ipv4, ipv6, tcp, udp

DNS = 53
HOME = "192.168.77."  # a neighbour: what is sent there is not on the path, unless the cable is cut
_INJECTED_TTL = 187  # seconds: what is written into a forged answer


@dataclass
class Faults:
    """What the path does to packets; addresses as text, names without a final dot. Empty: nothing."""

    reset_names: frozenset[str] = frozenset()  # named in a ClientHello: both ends get a reset
    spared: str = ""  # an address at which names are not looked at
    reset_addresses: frozenset[str] = frozenset()  # a SYN there is answered with a reset
    drop_addresses: frozenset[str] = frozenset()  # nothing comes through, nor back
    drop_ports: frozenset[int] = frozenset()  # of TCP and UDP: nothing comes through
    reset_ports: frozenset[int] = frozenset()  # a SYN there is answered with a reset
    only_addresses: frozenset[str] | None = None  # nothing but these is let out
    forged: dict[str, str] = field(default_factory=dict)  # name: the address in the answer that comes first
    largest: int = 65535  # bytes, IP header included: larger packets vanish
    led_to: dict[str, str] = field(default_factory=dict)  # address: the one that receives its packets instead


class Path:
    """The faults in force, applied packet by packet."""

    def __init__(self, always_led: dict[str, str]) -> None:
        self._always_led = always_led
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        """Let these faults, and no others, be in force."""
        self._faults = faults
        self._led = {_packed(of): _packed(to) for of, to in (self._always_led | faults.led_to).items()}
        self._origin: dict[tuple[bytes, int, int], bytes] = {}  # of a flow led elsewhere: what it was sent to

    def pass_on(self, raw: bytes, from_client: bool) -> Iterator[tuple[bool, bytes]]:
        """What happens to a packet: for each packet that leaves, whether the client receives it, and it."""
        with suppress(PacketError):  # what is no packet ends here
            packet = _Packet.of(raw)
            far = str(ip_address(packet.destination if from_client else packet.source))
            faults = self._faults
            if far in faults.drop_addresses:
                return
            if faults.only_addresses is not None and far not in faults.only_addresses:
                return
            if far.startswith(HOME):
                yield not from_client, raw
                return
            if len(packet.raw) > faults.largest:
                return
            if packet.protocol == tcp.PROTOCOL:
                yield from self._tcp(packet, from_client, far)
            elif packet.protocol == udp.PROTOCOL:
                yield from self._udp(packet, from_client)
            else:
                yield not from_client, raw

    def _tcp(self, packet: _Packet, from_client: bool, far: str) -> Iterator[tuple[bool, bytes]]:
        segment = tcp.Segment(packet.payload)
        if from_client:
            if segment.destination_port in self._faults.drop_ports:
                return
            shut = far in self._faults.reset_addresses or (
                segment.destination_port in self._faults.reset_ports
            )
            if segment.flags & tcp.Flag.SYN and shut:
                yield True, _reset(packet, segment, back=True)
                return
            if far != self._faults.spared and server_name(segment.payload) in self._faults.reset_names:
                yield True, _reset(packet, segment, back=True)
                yield False, self._led_elsewhere(_reset(packet, segment, back=False), True)
                return
        yield not from_client, self._led_elsewhere(packet.raw, from_client)

    def _udp(self, packet: _Packet, from_client: bool) -> Iterator[tuple[bool, bytes]]:
        datagram = udp.Datagram(packet.payload)
        if from_client and datagram.destination_port in self._faults.drop_ports:
            return
        if from_client and datagram.destination_port == DNS:
            answer = forged_answer(bytes(datagram.payload), self._faults.forged)
            if answer:
                ends = packet.destination, packet.source
                ports = udp.Header(datagram.destination_port, datagram.source_port)
                yield True, _built(*ends, udp.PROTOCOL, ports.build(answer, *ends))
        yield not from_client, packet.raw

    def _led_elsewhere(self, raw: bytes, from_client: bool) -> bytes:
        """The packet with another destination, or, on its way back, with the source that the client knows."""
        packet = _Packet.of(raw)
        segment = tcp.Segment(packet.payload)
        if from_client:
            other = self._led.get(packet.destination)
            if other is None:
                return raw
            ends = packet.source, other
            self._origin[other, segment.source_port, segment.destination_port] = packet.destination
        else:
            known = self._origin.get((packet.source, segment.destination_port, segment.source_port))
            if known is None:
                return raw
            ends = known, packet.destination
        return _built(*ends, tcp.PROTOCOL, segment.header().build(segment.payload, *ends))


class _Packet(NamedTuple):
    """A packet of either version, as far as the path looks at it; extension headers it does not know."""

    source: bytes
    destination: bytes
    protocol: int
    payload: memoryview
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> _Packet:
        if raw[0] >> 4 == 6:
            six = ipv6.Packet(raw)
            return cls(six.source, six.destination, six.next_header, six.payload, bytes(six.buf))
        four = ipv4.Packet(raw)
        return cls(four.source, four.destination, four.protocol, four.payload, bytes(four.buf))


def _built(source: bytes, destination: bytes, protocol: int, payload: bytes) -> bytes:
    """A packet of the version of its addresses."""
    if len(source) == 16:
        return ipv6.Header(source=source, destination=destination, next_header=protocol).build(payload)
    return ipv4.Header(source=source, destination=destination, protocol=protocol).build(payload)


def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _reset(packet: _Packet, segment: tcp.Segment, *, back: bool) -> bytes:
    """A reset that the receiver accepts: to the sender of this segment, or in the sender's name."""
    length = len(segment.payload) + bool(segment.flags & tcp.Flag.SYN)
    after = (segment.sequence + length) % 2**32
    if back:
        ends, ports = (packet.destination, packet.source), (segment.destination_port, segment.source_port)
        sequence, acknowledgment = segment.acknowledgment, after
    else:
        ends, ports = (packet.source, packet.destination), (segment.source_port, segment.destination_port)
        sequence, acknowledgment = segment.sequence, segment.acknowledgment
    reset = tcp.Header(
        source_port=ports[0],
        destination_port=ports[1],
        sequence=sequence,
        acknowledgment=acknowledgment,
        flags=tcp.Flag.RST | tcp.Flag.ACK,
    )
    return _built(*ends, tcp.PROTOCOL, reset.build(b"", *ends))


def forged_answer(query: bytes, forged: dict[str, str]) -> bytes:
    """An answer to a DNS query for a forged name; b"" for others.

    An IPv4 address is the answer whatever type is asked for, an IPv6 address to a query for AAAA alone.
    """
    try:
        question = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return b""
    if not question.question:
        return b""
    name, asked = question.question[0].name, question.question[0].rdtype
    address = forged.get(name.to_text(omit_final_dot=True).lower())
    record = dns.rdatatype.AAAA if address and ":" in address else dns.rdatatype.A
    if address is None or (record == dns.rdatatype.AAAA != asked):
        return b""
    answer = dns.message.make_response(question, recursion_available=True)
    answer.use_edns(False)  # injectors do not trouble with it
    answer.answer.append(dns.rrset.from_text(name, _INJECTED_TTL, "IN", record, address))
    return answer.to_wire()


def server_name(data: memoryview) -> str:
    """The host that a ClientHello at the begin of ``data`` names, or "": RFC 8446 §4.1.2, RFC 6066 §3."""
    if len(data) < 43 or data[0] != 22 or data[5] != 1:  # handshake record, client_hello
        return ""
    with suppress(IndexError):
        at = 43  # record 5, handshake 4, version 2, random 32
        at += 1 + data[at]  # session id
        at += 2 + int.from_bytes(data[at : at + 2])  # cipher suites
        at += 1 + data[at]  # compression
        at += 2
        while at + 4 <= len(data):
            kind, length = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
            if kind == 0:  # server_name: list length 2, type 1, length 2, the name
                return bytes(data[at + 9 : at + 4 + length]).decode("ascii", "replace").lower()
            at += 4 + length
    return ""


class Forwarder:
    """A thread that moves packets between the client's TUN and the world's, through a :class:`Path`."""

    def __init__(self, client: Tun, world: Tun, path: Path) -> None:
        self._ends = {True: client, False: world}
        self._path = path
        self._end, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="path", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for from_client, tun in self._ends.items():
                selector.register(tun.fd, selectors.EVENT_READ, from_client)
            selector.register(self._end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._end:
                        return
                    self._forward(key.fd, key.data)

    def _forward(self, fd: int, from_client: bool) -> None:
        with suppress(BlockingIOError):
            while True:
                for to_client, packet in self._path.pass_on(os.read(fd, 65536), from_client):
                    os.write(self._ends[to_client].fd, packet)

    def close(self) -> None:
        """Stop forwarding."""
        os.close(self._stop)
        self._thread.join()
        os.close(self._end)
