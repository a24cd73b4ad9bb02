"""Echo requests that a phone answers through its tunnel."""

import pytest

from glasstunnel.ip import echo, ipv4, packet
from glasstunnel.ip.address import format_address, parse_address, parse_interface_address, parse_prefix
from glasstunnel.toyvpn import echoes


def ends(client: str, routes: str, own: str = "") -> list[str] | None:
    found = echoes.source_for(
        [parse_interface_address(one) for one in client.split()],
        [parse_prefix(one) for one in routes.split()],
        [parse_address(one) for one in own.split()],
    )
    return found and [format_address(one) for one in found]


@pytest.mark.parametrize(
    ("client", "routes", "own", "expected"),
    [
        ("10.0.0.7", "0.0.0.0/0", "10.0.0.1", ["10.0.0.1", "10.0.0.7"]),
        ("10.0.0.2", "0.0.0.0/0", "", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.2", "10.0.0.3/32", "", ["10.0.0.3", "10.0.0.2"]),
        ("10.0.0.2", "192.168.5.0/24", "10.0.0.1", ["192.168.5.1", "10.0.0.2"]),
        ("10.0.0.2 10.0.0.1", "0.0.0.0/0", "", ["10.0.0.3", "10.0.0.2"]),
        ("fd00::2", "fd00::/64", "", ["fd00::1", "fd00::2"]),
        ("10.0.0.2 fd00::2", "::/0", "10.0.0.1 fd00::1", ["fd00::1", "fd00::2"]),
        ("10.0.0.2", "", "10.0.0.1", None),
        ("10.0.0.2", "10.0.0.2/32", "", None),
        ("10.0.0.2", "::/0", "fd00::1", None),
        ("1.0.0.0", "0.0.0.0/8", "", None),
    ],
)
def test_the_answer_must_find_its_way_into_the_tunnel(
    client: str, routes: str, own: str, expected: list[str] | None
) -> None:
    assert ends(client, routes, own) == expected


@pytest.mark.parametrize(("source", "client"), [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")])
def test_what_a_host_answers_is_recognised(source: str, client: str) -> None:
    here, there = parse_address(source), parse_address(client)
    request = echoes.request(here, there, 70000)
    answer = echo.reply(request)
    assert answer is not None
    assert (packet.source(answer), packet.destination(answer)) == (there, here)
    assert echoes.is_answer(answer, here)
    assert not echoes.is_answer(answer, there)
    assert not echoes.is_answer(request, there), "a request is no answer"
    assert not echoes.is_answer(answer[:-1], here)
    assert not echoes.is_answer(answer[:30] + b"\xff" + answer[31:], here)


def test_other_packets_to_the_same_address_are_no_answers() -> None:
    here, there = parse_address("10.0.0.1"), parse_address("10.0.0.2")
    answer = echo.reply(echoes.request(here, there, 1))
    assert answer is not None
    header = ipv4.Header(source=there, destination=here, protocol=17)
    assert not echoes.is_answer(header.build(answer[20:]), here)
    assert not echoes.is_answer(header.build(b"short"), here)
