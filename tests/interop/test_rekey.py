"""New keys with wireguard-go while packets flow: whoever of us asks, and for whichever reason.

wireguard-go's constants are fixed, so ours are hasty; that a peer asks by itself after 120 s is shown with
the kernel, in tests/kernel/test_waiting.py.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from glasstunnel.host.namespace import Namespace
from glasstunnel.wireguard.parameters import Parameters
from tests.interop.end import End, lost, two_hosts
from tests.interop.lab import interface_name, ping, run, until, wireguard_go
from tests.interop.service import Ours, Service

pytestmark = pytest.mark.interop

OURS, THEIRS = End.numbered(1), End.numbered(2)
HASTY = Parameters(rekey_after_time=1, rekey_timeout=0.5)
REASONS = {
    "an age of one second": HASTY,
    "fifty messages": Parameters(rekey_after_messages=50, rekey_timeout=0.1),
}


@dataclass
class Tunnel:
    """Our interface, wireguard-go's, and where they are."""

    ours: Ours
    theirs: str
    here: Namespace
    there: Namespace


@contextmanager
def tunnel(parameters: Parameters, initiator: str, *lines: str, version: int = 4) -> Iterator[Tunnel]:
    """One of the two knows where the other is; the lines are for the [Peer] of both."""
    name = interface_name()
    ours = [THEIRS.endpoint(version)] if initiator == "ours" else []
    theirs = [OURS.endpoint(version)] if initiator == "theirs" else []
    with ExitStack() as stack:
        here, there = stack.enter_context(two_hosts())
        service = stack.enter_context(closing(Service(here)))
        text = THEIRS.config(OURS.peer(*theirs, *lines))
        stack.enter_context(wireguard_go(there, name, text, THEIRS.addresses))
        text = OURS.config(THEIRS.peer(*ours, *lines))
        interface = service.interface(text, OURS.addresses, parameters=parameters)
        yield Tunnel(stack.enter_context(interface), name, here, there)


@pytest.mark.parametrize("psk", [False, True], ids=["no-psk", "psk"])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("reason", REASONS)
def test_we_ask_for_new_keys_and_no_packet_is_lost(reason: str, version: int, psk: bool) -> None:
    shared = [f"PresharedKey = {run('wg', 'genpsk')}"] if psk else []
    with tunnel(REASONS[reason], "ours", *shared, version=version) as it, it.here:
        while len(it.ours.traffic.sessions) < 3:
            assert lost(THEIRS.inner[version], 20) == 0
        assert set(it.ours.traffic.sessions) == {True}


def test_the_responder_never_asks_because_a_key_is_old() -> None:
    with tunnel(HASTY, "theirs") as it, it.there:
        ping(OURS.inner[4])
        until(lambda: lost(OURS.inner[4], 20) == 0 and it.ours.age() > 2, "the key is twice that old")
        assert it.ours.traffic.sessions == [False]


def test_a_session_that_wireguard_go_has_lost_is_made_anew() -> None:
    """It forgets us and learns of us again; we have sent data and heard nothing for 0.8 s instead of 15.

    Then a new handshake begins, WP §6.5.
    """
    hasty = Parameters(keepalive_timeout=0.3, rekey_timeout=0.5)
    with tunnel(hasty, "ours") as it, it.here:
        ping(THEIRS.inner[4])
        with it.there:
            run("wg", "syncconf", it.theirs, "/dev/stdin", text=THEIRS.config())
            run("wg", "addconf", it.theirs, "/dev/stdin", text=OURS.peer())
        ping(THEIRS.inner[4])
        assert it.ours.traffic.sessions == [True, True]
