"""Cookies between our tunnel and Debian's wireguard-go, each under load in its turn: WP §5.3."""

from pathlib import Path

import pytest

from tests.interop.flood import Flood
from tests.interop.lab import Lab, ping, until

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("version", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("responder", ["ours", "theirs"])
def test_under_a_flood_the_responder_sends_a_cookie_and_the_initiator_comes_with_mac2(
    lab: Lab, tmp_path: Path, responder: str, version: int
) -> None:
    ours, theirs = lab.ours, lab.theirs
    target, initiator = (ours, theirs) if responder == "ours" else (theirs, ours)
    endpoint = f"Endpoint = {target.endpoint(version)}"
    our_lines, their_lines = ([], [endpoint]) if responder == "ours" else ([endpoint], [])
    with (
        lab.wireguard_go(*their_lines),
        lab.up(lab.config(tmp_path, *our_lines)),
        Flood(initiator, target, version) as flood,
    ):
        until(lambda: flood.replies, "the flood is answered with cookies")
        with initiator.namespace:
            ping(target.inner[4])
    messages = [(port, message) for port, message in flood.seen if message[0] in (1, 2, 3)]
    kinds = [message[0] for _, message in messages]
    assert {port for port, message in messages if message[0] == 1} == {initiator.port}
    first = kinds.index(3)  # the cookie; before it, initiations for which the queue had no room
    assert set(kinds[:first]) == {1}
    assert all(message[132:] == bytes(16) for _, message in messages[:first])
    assert [kind for kind in kinds if kind != 1][:2] == [3, 2]
    assert kinds[first + 1] == 1
    assert messages[first + 1][1][132:] != bytes(16)
