"""Under load a stranger has to show that he receives what is sent to him: the kernel asks us, and we ask it.

The load is real: thousands of initiations with a right mac1 and nothing else that is right, each of which
costs the receiver a Diffie-Hellman. Section: WP §5.3; kernel receive.c (512 waiting handshake messages).
"""

import os
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from glasstunnel.wireguard.cookie import add_macs, mac1_key
from glasstunnel.wireguard.parameters import Parameters
from tests.interop.end import End
from tests.interop.lab import ping
from tests.kernel.lab import KernelLab

pytestmark = pytest.mark.kernel

INITIATION, RESPONSE, COOKIE_REPLY = 1, 2, 3
INITIATION_SIZE, COOKIE_REPLY_SIZE = 148, 64  # bytes, WP §5.4.2 and §5.4.7
NO_MAC2 = bytes(16)
BURST = 2000  # messages, four times what the kernel calls a load
PAUSE = 0.5  # seconds; a load is said to last for one second more


@contextmanager
def load(lab: KernelLab, victim: End) -> Iterator[None]:
    """Flood one of the two from our host; it is under load when the block begins, and until it ends."""
    message = add_macs(
        bytes((INITIATION, 0, 0, 0)) + os.urandom(INITIATION_SIZE - 36) + bytes(32),
        mac1_key(b64decode(victim.public_key)),
    )
    with lab.namespace:
        flooder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        flooder.connect((victim.outer[4], victim.port))
    loaded, over = threading.Event(), threading.Event()

    def flood() -> None:
        flooder.settimeout(0.0)
        while not over.is_set():
            for _ in range(BURST):
                try:
                    flooder.send(message)
                except BlockingIOError:
                    break
            over.wait(PAUSE)
            try:
                while flooder.recv(256)[0] == COOKIE_REPLY:
                    loaded.set()
            except BlockingIOError:
                continue

    thread = threading.Thread(target=flood)
    with flooder:
        thread.start()
        try:
            assert loaded.wait(20), "the flood makes no load"
            yield
        finally:
            over.set()
            thread.join()


def mac2(message: bytes) -> bytes:
    """The last field of a handshake message."""
    return message[-16:]


def test_the_kernel_under_load_lets_us_in_when_we_have_its_cookie(lab: KernelLab) -> None:
    """We ask again after 0.5 s instead of 5."""
    hasty = Parameters(rekey_timeout=0.5)
    with lab.kernel(), lab.glasstunnel(lab.theirs.endpoint(4), parameters=hasty) as ours:
        with load(lab, lab.theirs), lab.namespace:
            ping(lab.theirs.inner[4])
        asked = [message for message, _ in ours.traffic.handshakes_sent if message[0] == INITIATION]
        assert mac2(asked[0]) == NO_MAC2
        assert mac2(asked[-1]) != NO_MAC2
        answers = [(message[0], len(message)) for message, _ in ours.traffic.handshakes_received]
        assert answers[0] == (COOKIE_REPLY, COOKIE_REPLY_SIZE)
        assert answers[-1][0] == RESPONSE
        assert ours.traffic.sessions == [True]


def test_under_load_we_let_the_kernel_in_when_it_has_our_cookie(lab: KernelLab) -> None:
    with lab.glasstunnel() as ours, load(lab, lab.ours), lab.kernel(lab.ours.endpoint(4)):
        lab.ping_us()
        kernel = lab.theirs.outer[4]
        asked = [message for message, host in ours.traffic.handshakes_received if host == kernel]
        answers = [message[0] for message, host in ours.traffic.handshakes_sent if host == kernel]
    assert [message[0] for message in asked] == [INITIATION, INITIATION]
    assert mac2(asked[0]) == NO_MAC2
    assert mac2(asked[1]) != NO_MAC2
    assert answers == [COOKIE_REPLY, RESPONSE]
    assert ours.traffic.sessions == [False]
