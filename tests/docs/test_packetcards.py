"""The packet cards show every byte of the packets that the pages build, each once and in its place."""

import subprocess
import sys
from pathlib import Path

import pytest

import packetcards
from glasstunnel.ip import icmp, ipv4, ipv6, tcp, udp
from tests.docs.pages import DOCS

# Lengths of the fields: RFC 791 section 3.1, RFC 8200 section 3, RFC 792, RFC 768, RFC 9293 section 3.1.
IPV4 = [1, 1, 2, 2, 2, 1, 1, 2, 4, 4]
IPV6 = [4, 2, 1, 1, 16, 16]
SIZES = {
    "ping": [*IPV4, 1, 1, 2, 2, 2, 12],
    "ping6": [*IPV6, 1, 1, 2, 2, 2, 12],
    "udp": [*IPV4, 2, 2, 2, 2, 12],
    "syn": [*IPV4, 2, 2, 4, 4, 1, 1, 2, 2, 2, 12],
}


@pytest.mark.parametrize("name", packetcards.CARDS)
def test_a_card_shows_every_byte_of_its_packet_in_fields_of_their_length(name: str) -> None:
    packet = packetcards.CARDS[name][1]()
    fields = list(packetcards.fields(packet))
    assert b"".join(field.value for field in fields) == packet
    assert [len(field.value) for field in fields] == SIZES[name]
    assert [field.offset for field in fields] == [sum(SIZES[name][:at]) for at in range(len(fields))]


def test_every_checksum_on_a_card_is_right() -> None:
    for name in ("ping", "udp", "syn"):
        assert ipv4.Packet(packetcards.CARDS[name][1]()).checksum_ok
    us, them = packetcards.US, packetcards.THEM
    assert icmp.Message(ipv4.Packet(packetcards.ping()).payload).checksum_ok()
    assert udp.Datagram(ipv4.Packet(packetcards.datagram()).payload).checksum_ok(us, them)
    assert tcp.Segment(ipv4.Packet(packetcards.syn()).payload).checksum_ok(us, them)
    six = ipv6.Packet(packetcards.ping6())
    assert icmp.Message(six.payload).checksum_ok(six.source, six.destination)


def test_an_unknown_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# 题\n\n```{packetcard} pong\n```\n", "utf-8")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(DOCS / '_ext')!r})\n"
        'extensions = ["myst_parser", "packetcards"]\nlanguage, root_doc = "zh_CN", "index"\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", ".", "html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode
    assert "no packet is called 'pong'; there are: ping, ping6, udp, syn" in done.stderr
