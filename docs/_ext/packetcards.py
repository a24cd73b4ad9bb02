"""The directive `packetcard`: an IP packet taken apart field by field, as the byte cards do with messages.

    ```{packetcard} ping
    ```

The rule: a card shows bytes that `glasstunnel.ip` built, cut by the lengths that they state themselves; each
byte stands in one row, and each row says what the bytes mean in this packet.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bytecards import Card, Field
from glasstunnel.ip import icmp, ipv4, ipv6, tcp, udp
from glasstunnel.ip.address import format_address, parse_address
from glasstunnel.ip.options import Option, build_options

US, THEM = parse_address("192.0.2.1"), parse_address("198.51.100.7")
US6, THEM6 = parse_address("2001:db8::1"), parse_address("2001:db8::7")
DATA = "玻璃隧道".encode()


def ping() -> bytes:
    """An echo request that carries the name of the book."""
    echo = icmp.Echo(identifier=1, sequence=1, data=DATA)
    return ipv4.Header(source=US, destination=THEM, protocol=icmp.PROTOCOL).build(echo.build())


def ping6() -> bytes:
    """The same over IPv6."""
    echo = icmp.Echo(identifier=1, sequence=1, data=DATA)
    return ipv6.Header(source=US6, destination=THEM6, next_header=icmp.PROTOCOL_V6).build(
        echo.build(US6, THEM6)
    )


def datagram() -> bytes:
    """The same twelve bytes as a UDP datagram."""
    upper = udp.Header(40000, 7).build(DATA, US, THEM)
    return ipv4.Header(source=US, destination=THEM, protocol=udp.PROTOCOL).build(upper)


def syn() -> bytes:
    """The first segment of a TCP connection, with the three options that nearly all have."""
    options = build_options(
        [
            Option(tcp.MAXIMUM_SEGMENT_SIZE, (1460).to_bytes(2)),
            Option(tcp.SACK_PERMITTED),
            Option(tcp.WINDOW_SCALE, bytes([7])),
        ]
    )
    header = tcp.Header(
        source_port=40000,
        destination_port=443,
        sequence=0x01020304,
        flags=tcp.Flag.SYN,
        window=64240,
        options=options,
    )
    upper = header.build(b"", US, THEM)
    return ipv4.Header(source=US, destination=THEM, protocol=tcp.PROTOCOL, dont_fragment=True).build(upper)


class Piece(NamedTuple):
    """Some bytes of a packet: how many, their name, what they mean, and the kind that gives a colour."""

    size: int
    name: str
    meaning: str
    kind: str


def pieces(packet: bytes) -> Iterator[Piece]:
    """A packet of either version, from the first byte to the last."""
    if packet[0] >> 4 == 6:
        view = ipv6.Packet(packet)
        yield from _ipv6(view)
        yield from UPPER[view.next_header](bytes(view.payload))
    else:
        old = ipv4.Packet(packet)
        yield from _ipv4(old)
        yield from UPPER[old.protocol](bytes(old.payload))


def _ipv4(packet: ipv4.Packet) -> Iterator[Piece]:
    words = packet.header_length // 4
    fragment = "不可分片" if packet.dont_fragment else "可以分片"
    yield Piece(1, "Version, IHL", f"版本 4；首部 {words} 个字，即 {packet.header_length} 字节", "header")
    yield Piece(1, "DSCP, ECN", f"服务类别 {packet.dscp}，拥塞标记 {packet.ecn}", "header")
    yield Piece(2, "Total Length", f"总长 {packet.total_length}", "nonce")
    yield Piece(2, "Identification", f"同一个报文的各片编号相同（{packet.identification}）", "header")
    yield Piece(2, "Flags, Fragment Offset", f"{fragment}，偏移 {packet.fragment_offset}", "header")
    yield Piece(1, "TTL", f"还能走 {packet.ttl} 跳", "nonce")
    yield Piece(1, "Protocol", f"上层是 {NAMES[packet.protocol]}（{packet.protocol}）", "index")
    yield Piece(2, "Header Checksum", "首部的校验和", "mac")
    yield Piece(4, "Source", format_address(packet.source), "public")
    yield Piece(4, "Destination", format_address(packet.destination), "public")


def _ipv6(packet: ipv6.Packet) -> Iterator[Piece]:
    label = f"版本 6；服务类别 {packet.dscp}，拥塞标记 {packet.ecn}，流标签 {packet.flow_label}"
    yield Piece(4, "Version, Traffic Class, Flow Label", label, "header")
    yield Piece(2, "Payload Length", f"首部以后 {len(packet.payload)} 字节", "nonce")
    yield Piece(1, "Next Header", f"后面是 {NAMES[packet.next_header]}（{packet.next_header}）", "index")
    yield Piece(1, "Hop Limit", f"还能走 {packet.hop_limit} 跳", "nonce")
    yield Piece(16, "Source", format_address(packet.source), "public")
    yield Piece(16, "Destination", format_address(packet.destination), "public")


def _icmp(upper: bytes) -> Iterator[Piece]:
    message = icmp.Message(upper)
    yield Piece(1, "Type", f"回显请求（{message.type}）", "index")
    yield Piece(1, "Code", "这一类没有细分", "header")
    yield Piece(2, "Checksum", "ICMP 的校验和", "mac")
    yield Piece(2, "Identifier", f"哪个程序在问（{message.identifier}）", "header")
    yield Piece(2, "Sequence Number", f"它的第几问（{message.sequence}）", "header")
    yield Piece(len(message.body), "Data", "原样送回的数据，“玻璃隧道”四个字的 UTF-8", "secret")


def _udp(upper: bytes) -> Iterator[Piece]:
    one = udp.Datagram(upper)
    yield Piece(2, "Source Port", f"源端口 {one.source_port}", "index")
    yield Piece(2, "Destination Port", f"目的端口 {one.destination_port}", "index")
    yield Piece(2, "Length", f"连同首部 {one.length} 字节", "nonce")
    yield Piece(2, "Checksum", "连同伪首部的校验和", "mac")
    yield Piece(len(one.payload), "Data", "数据", "secret")


def _tcp(upper: bytes) -> Iterator[Piece]:
    segment = tcp.Segment(upper)
    words = segment.header_length // 4
    yield Piece(2, "Source Port", f"源端口 {segment.source_port}", "index")
    yield Piece(2, "Destination Port", f"目的端口 {segment.destination_port}", "index")
    yield Piece(4, "Sequence Number", f"序号 {segment.sequence:#010x}", "header")
    yield Piece(4, "Acknowledgment Number", "还没有什么可确认", "header")
    yield Piece(1, "Data Offset", f"首部 {words} 个字，即 {segment.header_length} 字节", "nonce")
    yield Piece(1, "Control Bits", segment.flags.name or "", "index")
    yield Piece(2, "Window", f"窗口 {segment.window}", "nonce")
    yield Piece(2, "Checksum", "连同伪首部的校验和", "mac")
    yield Piece(2, "Urgent Pointer", "不用", "header")
    yield Piece(len(segment.options), "Options", "最大段长 1460；SACK；窗口放大 2 的 7 次方；补零", "secret")


UPPER: dict[int, Callable[[bytes], Iterator[Piece]]] = {
    icmp.PROTOCOL: _icmp,
    icmp.PROTOCOL_V6: _icmp,
    udp.PROTOCOL: _udp,
    tcp.PROTOCOL: _tcp,
}
NAMES = {icmp.PROTOCOL: "ICMP", icmp.PROTOCOL_V6: "ICMPv6", udp.PROTOCOL: "UDP", tcp.PROTOCOL: "TCP"}
CARDS = {
    "ping": ("IPv4 上的一个 ping", ping),
    "ping6": ("IPv6 上的同一个 ping", ping6),
    "udp": ("同样的内容，装在 UDP 里", datagram),
    "syn": ("TCP 连接的第一段", syn),
}


def fields(packet: bytes) -> Iterator[Field]:
    """The pieces with their bytes."""
    offset = 0
    for piece in pieces(packet):
        end = offset + piece.size
        yield Field(offset, packet[offset:end], piece.name, piece.meaning, piece.kind)
        offset = end


class PacketCard(Card):
    """`{packetcard} NAME`."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        name = self.arguments[0]
        if name not in CARDS:
            raise self.error(f"no packet is called {name!r}; there are: {', '.join(CARDS)}")
        caption, build = CARDS[name]
        packet = build()
        return self.card(f"packetcard-{name}", f"{caption}：{len(packet)} 字节", fields(packet))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive; the style sheet is that of the byte cards."""
    app.setup_extension("bytecards")
    app.add_directive("packetcard", PacketCard)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
