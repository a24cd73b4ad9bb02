"""``glasstunnel demo``: the story of a tunnel, told while one is made.

Rule: every number that is printed was measured in this run or read from the bytes that passed. Each act has
facts, which ``--json`` prints, and lines, which people read. Section: WP §5.4 and §6.2 for what happens.
"""

import argparse
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from glasstunnel.cli.language import translator
from glasstunnel.cli.style import Style
from glasstunnel.host.errors import HostError
from glasstunnel.host.stage import PORT, Host, Seen, Stage
from glasstunnel.wireguard.messages import MessageType, receiver_index
from glasstunnel.wireguard.parameters import PARAMETERS, Parameters

QUICK = Parameters(rekey_after_time=4, rekey_timeout=2)
"""The paper's times but for a rekey after 4 s instead of 120, so that the last act need not be waited for."""
_PINGS_PER_SECOND = 4
_MEGABYTE = 1_000_000

Facts = dict[str, object]


@dataclass(frozen=True)
class Act:
    """A part of the story: its name for programs, its title and lines for people, its facts."""

    name: str
    title: str
    lines: list[str]
    facts: Facts


ERRORS = (HostError,)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.description = (
        "Make a tunnel between two network namespaces and tell its story: keys, handshake, packets,\n"
        "a new key. Works as root, and without root where the system gives user namespaces.\n"
        "Nothing is left behind."
    )
    parser.add_argument(
        "--json", action="store_true", help="print the facts as one JSON document and no story"
    )
    parser.add_argument(
        "--size",
        type=_size,
        default=64,
        metavar="MB",
        help="megabytes of the TCP transfer, 1 to 10000 (default 64)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Tell the story, or print its facts."""
    style = Style(sys.stdout)
    with Stage(QUICK) as stage:
        story = Story(
            stage, translator(), arguments.size, style.progress if not arguments.json else _no_progress
        )
        if arguments.json:
            json.dump([{"act": act.name, **act.facts} for act in story.acts()], sys.stdout, indent=2)
            print()
        else:
            for number, act in enumerate(story.acts(), 1):
                style.act(number, act.title, act.lines)
    return 0


class Story:
    """Plays the acts on a stage, one after the other, and says what happened."""

    def __init__(
        self, stage: Stage, _: Callable[[str], str], megabytes: int, progress: Callable[[float], None]
    ) -> None:
        self._stage, self._, self._megabytes, self._progress = stage, _, megabytes, progress
        self._beginning = 0.0

    def acts(self) -> Iterator[Act]:
        """The whole story."""
        yield self._hosts()
        yield self._keys()
        first = self._stage.ping(1)
        yield self._initiation()
        yield self._response()
        yield self._first_data()
        yield self._ping(first)
        yield self._transfer()
        yield self._rekey()
        yield self._end()

    def _hosts(self) -> Act:
        _, left, right = self._, self._stage.left, self._stage.right
        return Act(
            "hosts",
            _("Two hosts and a cable"),
            [
                _("{left} and {right} are network namespaces; a veth pair is the cable.").format(
                    left=left.name, right=right.name
                ),
                _("cable   {left_outer} ↔ {right_outer}, UDP port {port}").format(
                    left_outer=left.outer, right_outer=right.outer, port=PORT
                ),
                _("tunnel  {left_inner} ↔ {right_inner}, a TUN interface at each end").format(
                    left_inner=left.inner, right_inner=right.inner
                ),
            ],
            {host.name: {"outer": host.outer, "inner": host.inner, "port": PORT} for host in (left, right)},
        )

    def _keys(self) -> Act:
        _, hosts = self._, (self._stage.left, self._stage.right)
        return Act(
            "keys",
            _("Keys"),
            [
                *(
                    _("{host}: public key {key}").format(
                        host=host.name, key=b64encode(_public(host)).decode()
                    )
                    for host in hosts
                ),
                _("Each knows the other's public key, 32 bytes; both share a pre-shared key of 32 bytes."),
                _("Nothing has been sent yet: WireGuard is silent until there is a packet."),
            ],
            {host.name: {"public_key": b64encode(_public(host)).decode()} for host in hosts},
        )

    def _initiation(self) -> Act:
        _, seen = self._, self._stage.first("left", "datagram out", MessageType.INITIATION)
        packet = self._stage.first("left", "packet out", size=84)
        self._beginning = packet.at
        sender = int.from_bytes(seen.data[4:8], "little")
        return Act(
            "initiation",
            _("Initiation"),
            [
                _("A ping of {size} bytes enters the tunnel; there is no key yet, so it waits.").format(
                    size=len(packet.data)
                ),
                self._arrow(seen, "left → right", _("initiation")),
                _("It carries an ephemeral key, our static key and the time, both encrypted."),
                _("left can be reached under index {index:#010x}.").format(index=sender),
            ],
            {
                "size": len(seen.data),
                "at_ms": self._ms(seen),
                "sender_index": sender,
                "waiting_packet": len(packet.data),
            },
        )

    def _response(self) -> Act:
        _, seen = self._, self._stage.first("left", "datagram in", MessageType.RESPONSE)
        asked = self._stage.first("left", "datagram out", MessageType.INITIATION)
        sender = int.from_bytes(seen.data[4:8], "little")
        return Act(
            "response",
            _("Response"),
            [
                self._arrow(seen, "right → left", _("response")),
                _("right can be reached under index {index:#010x}.").format(index=sender),
                _("The handshake took {ms:.2f} ms: two messages, and left has its keys.").format(
                    ms=1000 * (seen.at - asked.at)
                ),
            ],
            {
                "size": len(seen.data),
                "at_ms": self._ms(seen),
                "sender_index": sender,
                "handshake_ms": round(1000 * (seen.at - asked.at), 3),
            },
        )

    def _first_data(self) -> Act:
        _, seen = self._, self._stage.first("left", "datagram out", MessageType.TRANSPORT_DATA)
        packet = self._stage.first("left", "packet out", size=84)
        size = len(packet.data)
        return Act(
            "first data",
            _("First packet"),
            [
                self._arrow(seen, "left → right", _("transport data")),
                _(
                    "{datagram} = 16 header + {padded} packet with padding ({size} + {padding}) + 16 tag."
                ).format(
                    datagram=len(seen.data),
                    padded=len(seen.data) - 32,
                    size=size,
                    padding=len(seen.data) - 32 - size,
                ),
                _("It proves to right that left has the keys; only now may right send."),
            ],
            {
                "size": len(seen.data),
                "packet": size,
                "at_ms": self._ms(seen),
                "receiver_index": receiver_index(seen.data),
                "counter": int.from_bytes(seen.data[8:16], "little"),
            },
        )

    def _ping(self, first: float | None) -> Act:
        _ = self._
        others = [time for n in range(2, 12) if (time := self._stage.ping(n)) is not None]
        facts: Facts = {
            "first_ms": None if first is None else round(1000 * first, 3),
            "sent": 11,
            "received": len(others) + (first is not None),
            "best_ms": round(1000 * min(others), 3) if others else None,
        }
        return Act(
            "ping",
            _("Ping"),
            [
                _("The first reply took {first_ms} ms, handshake included.").format(**facts),
                _("The best of ten more took {best_ms} ms.").format(**facts),
                _("{received} of {sent} came back.").format(**facts),
            ],
            facts,
        )

    def _transfer(self) -> Act:
        _ = self._
        self._stage.watch(False)
        before = self._stage.left.peer.tx_bytes
        done = self._stage.transfer(self._megabytes * _MEGABYTE, self._progress)
        carried = self._stage.left.peer.tx_bytes - before
        self._stage.watch(True)
        rate = 8 * done.size / done.seconds / 1e6
        return Act(
            "tcp",
            _("A TCP transfer"),
            [
                _("{megabytes} MB from left to right in {seconds:.2f} s: {rate:.0f} Mbit/s.").format(
                    megabytes=self._megabytes, seconds=done.seconds, rate=rate
                ),
                _("{carried:.1f} MB of UDP payload carried it, {percent:.1f} % more.").format(
                    carried=carried / _MEGABYTE, percent=100 * (carried / done.size - 1)
                ),
                _("SHA-256 is the same at both ends.")
                if done.intact
                else _("SHA-256 differs: the data is damaged!"),
            ],
            {
                "bytes": done.size,
                "seconds": round(done.seconds, 4),
                "mbit_per_second": round(rate, 1),
                "udp_payload_bytes": carried,
                "intact": done.intact,
            },
        )

    def _rekey(self) -> Act:
        _, stage = self._, self._stage
        stage.seen.clear()
        sent = lost = 0
        old = stage.left.peer.keypairs.current
        while not (renewal := self._renewal()):
            if lost > 1:
                raise HostError("the story broke off: expected a new key, saw pings without an answer")
            old = stage.left.peer.keypairs.current
            sent += 1
            lost += stage.ping(100 + sent) is None
            time.sleep(1 / _PINGS_PER_SECOND)  # the story waits for a key to grow old
        initiation, response = renewal
        age = initiation.at - (old.created if old else 0)
        took = 1000 * (response.at - initiation.at)
        return Act(
            "rekey",
            _("A new key"),
            [
                _("The paper renews a key in use after {paper:.0f} s; here after {here:.0f} s.").format(
                    paper=PARAMETERS.rekey_after_time, here=QUICK.rekey_after_time
                ),
                _("At the age of {age:.2f} s a packet brought a new initiation.").format(age=age),
                _("{took:.2f} ms later there was a new key.").format(took=took),
                _("{sent} pings went on meanwhile, {lost} were lost.").format(sent=sent, lost=lost),
            ],
            {
                "rekey_after_s": QUICK.rekey_after_time,
                "age_s": round(age, 3),
                "initiation_size": len(initiation.data),
                "response_size": len(response.data),
                "handshake_ms": round(took, 3),
                "pings": sent,
                "lost": lost,
            },
        )

    def _renewal(self) -> tuple[Seen, Seen] | None:
        """The first initiation that left has sent since, and its response, once both were seen."""
        initiation = self._stage.find("left", "datagram out", MessageType.INITIATION)
        response = self._stage.find("left", "datagram in", MessageType.RESPONSE)
        return (initiation, response) if initiation and response and initiation.at <= response.at else None

    def _end(self) -> Act:
        _, hosts = self._, (self._stage.left, self._stage.right)
        drops = {str(reason): n for host in hosts for reason, n in host.device.drops.items()}
        facts: Facts = {
            host.name: {"sent_bytes": host.peer.tx_bytes, "received_bytes": host.peer.rx_bytes}
            for host in hosts
        }
        return Act(
            "end",
            _("The end"),
            [
                _("{host}: {sent} bytes sent, {received} received.").format(
                    host=host.name, sent=host.peer.tx_bytes, received=host.peer.rx_bytes
                )
                for host in hosts
            ]
            + [_("The namespaces disappear now, and everything in them.")],
            facts | {"drops": drops},
        )

    def _ms(self, seen: Seen) -> float:
        return round(1000 * (seen.at - self._beginning), 3)

    def _arrow(self, seen: Seen, direction: str, name: str) -> str:
        return self._("{ms:7.2f} ms  {direction}  {name}, {size} bytes").format(
            ms=self._ms(seen), direction=direction, name=name, size=len(seen.data)
        )


def _public(host: Host) -> bytes:
    assert host.device.public_key is not None
    return host.device.public_key


def _size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"expected 1 to 10000 megabytes, got {text!r}")
    return int(text)


def _no_progress(fraction: float) -> None:
    """For programs."""
