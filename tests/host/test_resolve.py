"""From names to paths: wg(8)'s rules for trying again."""

import socket
from typing import Any

import pytest

from glasstunnel.host.errors import HostError
from glasstunnel.host.resolve import resolve, retries_wanted
from glasstunnel.wireguard.events import Path

Answer = list[tuple[Any, ...]] | socket.gaierror


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What the resolver says, one after the other; the last is repeated."""
    found: list[Answer] = []

    def getaddrinfo(_host: str, _port: int, **_hints: object) -> list[tuple[Any, ...]]:
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, socket.gaierror):
            raise answer
        return answer

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return found


def found(*address: object) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET6 if len(address) == 4 else socket.AF_INET, socket.SOCK_DGRAM, 17, "", address)]


LATER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "fe80::1%lo"])
def test_an_address_is_its_own_path(host: str) -> None:
    assert resolve(host, 51820, retries=0) == Path((host, 51820))


def test_the_first_address_of_a_name_is_taken(answers: list[Answer]) -> None:
    answers.append([*found("2001:db8::7", 51820, 0, 0), *found("192.0.2.7", 51820)])
    assert resolve("example.com", 51820) == Path(("2001:db8::7", 51820))


def test_what_may_pass_is_tried_again_after_growing_waits(answers: list[Answer]) -> None:
    """1 s, then a fifth more each time: wg(8), config.c."""
    waits: list[float] = []
    said: list[str] = []
    answers += [LATER, LATER, LATER, found("192.0.2.7", 51820)]
    path = resolve("example.com", 51820, retries=3, say=said.append, wait=waits.append)
    assert path == Path(("192.0.2.7", 51820))
    assert waits == pytest.approx([1.0, 1.2, 1.44])
    assert said[0] == (
        'cannot resolve the endpoint "example.com" yet (Temporary failure in name resolution); '
        "trying again in 1 s"
    )


def test_waits_grow_to_twenty_seconds_and_no_further(answers: list[Answer]) -> None:
    waits: list[float] = []
    answers.append(LATER)
    with pytest.raises(HostError):
        resolve("example.com", 51820, retries=40, wait=waits.append)
    assert len(waits) == 40
    assert max(waits) == 20.0


def test_when_the_tries_are_used_up_one_sentence_says_so(answers: list[Answer]) -> None:
    answers.append(LATER)
    with pytest.raises(
        HostError, match=r'^cannot resolve the endpoint "example.com": Temporary failure in name resolution$'
    ):
        resolve("example.com", 51820, retries=2, wait=lambda _seconds: None)


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_FAIL, socket.EAI_NODATA])
def test_what_will_not_pass_is_not_tried_again(answers: list[Answer], code: int) -> None:
    answers.append(socket.gaierror(code, "Name or service not known"))
    with pytest.raises(HostError, match=r'^cannot resolve the endpoint "nosuch": Name or service not known$'):
        resolve("nosuch", 51820, wait=lambda _seconds: pytest.fail("it waited"))


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "exa..mple", ""])
def test_what_is_no_name_is_refused_in_one_sentence(host: str) -> None:
    with pytest.raises(HostError, match=r"^cannot resolve the endpoint "):
        resolve(host, 51820, retries=0)


def test_fifteen_times_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "WG_ENDPOINT_RESOLUTION_RETRIES"
    monkeypatch.delenv(name, raising=False)
    assert retries_wanted() == 15
    monkeypatch.setenv(name, "3")
    assert retries_wanted() == 3
    monkeypatch.setenv(name, "infinity")
    assert retries_wanted() == -1
    for wrong in ("", "-2", "many"):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(HostError, match=rf'^{name}: expected a number or "infinity", got "{wrong}"$'):
            retries_wanted()
