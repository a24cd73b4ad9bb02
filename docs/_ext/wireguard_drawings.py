"""The directives `sequence` and `keypair-moves`: drawings made from what code did, not by hand.

    ```{sequence} first-ping
    第一个 ping 的五条消息。
    ```

`sequence` draws a scene of scenes.py, with the sizes and times of its datagrams; `keypair-moves` draws what
`glasstunnel.wireguard.keypair.Keypairs` does with its three places.  The body is the caption.

The rule: nothing is drawn that has not happened.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, degrees

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from bytecards import NAMES, tell_moment
from drawings import WIDTH, Drawing, Drawn, head, line, text
from glasstunnel.wireguard.keypair import Keypair, Keypairs
from glasstunnel.wireguard.messages import KEEPALIVE_SIZE, MessageType
from scenes import SCENES, Flight, Scene

# Sequence diagrams

LEFT, RIGHT, TOP = 66.0, WIDTH - 66.0, 56.0
STEP, CROSSED_STEP = 46.0, 64.0  # from one moment to the next; more where arrows cross
LONG, BREAK = 1000, 24.0  # milliseconds without anything, which are drawn as a break, and how high that is


def milliseconds(seconds: float) -> int:
    """A moment of a scene; what happens within a millisecond is drawn as one."""
    return round(seconds * 1000)


class Sequence:
    """Lays out a scene: time runs downwards, with a row for each moment at which something happened."""

    def __init__(self, scene: Scene) -> None:
        self.flights = scene.flights
        self.sides = {scene.left.name: LEFT, scene.right.name: RIGHT}
        self.remarks: dict[tuple[str, int], list[str]] = defaultdict(list)
        for flight in self.flights:
            self.remarks[flight.source, milliseconds(flight.sent)] = []
            if flight.arrived is not None:
                self.remarks[flight.destination, milliseconds(flight.arrived)] = []
        for note in scene.notes:
            self.remarks[note.node, milliseconds(note.at)].append(note.text)
        step = CROSSED_STEP if any(map(self._is_crossed, self.flights)) else STEP
        self.rows: dict[int, float] = {}
        y = before = 0.0
        for moment in sorted({moment for _, moment in self.remarks}):
            y = y + step + (BREAK if moment - before > LONG else 0) if self.rows else TOP
            self.rows[moment] = y
            before = moment
        self.bottom = y + 26

    def drawing(self) -> Drawing:
        """The diagram."""
        parts = [text(x, 22, name, "node") for name, x in self.sides.items()]
        for x in self.sides.values():
            parts += self._lifeline(x)
        for (node, moment), remarks in self.remarks.items():
            parts += self._margin(self.sides[node], moment, remarks)
        for flight in self.flights:
            parts += self._arrow(flight)
        return Drawing(self.bottom + 4, parts, self._words())

    def _lifeline(self, x: float) -> Iterator[str]:
        """A node's line, dotted where nothing happens for long."""
        start, before = 32.0, 0
        for moment, y in self.rows.items():
            if moment - before > LONG:
                yield line(x, start, x, y - STEP, "line")
                yield line(x, y - STEP, x, y - 16, "line gap")
                start = y - 16
            before = moment
        yield line(x, start, x, self.bottom, "line")

    def _margin(self, x: float, moment: int, remarks: list[str]) -> Iterator[str]:
        """Beside a node's line: when, and what else happened then."""
        y = self.rows[moment] + 4
        edge, anchor = (x - 8, "end") if x == LEFT else (x + 8, "start")
        yield text(edge, y, tell_moment(moment / 1000), "time", anchor)
        for i, remark in enumerate(remarks, 1):
            yield text(edge, y + 15 * i, remark, "note", anchor)

    def _arrow(self, flight: Flight) -> Iterator[str]:
        """A datagram: a slanted arrow with its name and size along it; a lost one ends half way."""
        x1, y1 = self.sides[flight.source], self.rows[milliseconds(flight.sent)]
        x2 = self.sides[flight.destination]
        if flight.arrived is None:
            x2, y2 = (x1 + x2) / 2, y1 + STEP / 2
        else:
            y2 = self.rows[milliseconds(flight.arrived)]
        kind = " data" if flight.data[0] == MessageType.TRANSPORT_DATA else ""
        slope = degrees(atan2(y2 - y1, x2 - x1))
        yield line(x1, y1, x2, y2, "arrow" + kind)
        yield head(x2, y2, slope, "head" + kind)
        # Along it; where two cross, the name near its beginning and the size near its end.
        name, size = told(flight), f"{len(flight.data)} 字节"
        labels = [(0.27, name), (0.73, size)] if self._is_crossed(flight) else [(0.5, f"{name}，{size}")]
        for share, label in labels:
            x, y = x1 + (x2 - x1) * share, y1 + (y2 - y1) * share
            yield text(x, y - 6, label, "label", turn=slope if x2 > x1 else slope - 180)

    def _is_crossed(self, flight: Flight) -> bool:
        return any(
            other.source == flight.destination and milliseconds(other.sent) == milliseconds(flight.sent)
            for other in self.flights
        )

    def _words(self) -> str:
        """The scene in words."""
        sentences = []
        for flight in self.flights:
            end = "丢失" if flight.arrived is None else f"{tell_moment(flight.arrived)} 到达"
            sentences.append(
                f"{tell_moment(flight.sent)}，{flight.source}发给{flight.destination}："
                f"{told(flight)}，{len(flight.data)} 字节，{end}"
            )
        return "；".join(sentences) + "。"


def told(flight: Flight) -> str:
    """What a message is called on its arrow."""
    kind = MessageType(flight.data[0])
    if kind is MessageType.TRANSPORT_DATA and len(flight.data) == KEEPALIVE_SIZE:
        return "保活"
    return NAMES[kind].partition("（")[0]


# The three places of the keypairs

Places = tuple[str, str, str]  # who is in previous, current and next; empty for nobody


@dataclass(frozen=True)
class Move:
    """One thing that happens to the keypairs, and what it does to them."""

    what: str
    before: Places
    after: Places
    erased: list[str]


class Sessions:
    """The real three places, filled with keypairs that have names."""

    def __init__(self) -> None:
        self.keypairs = Keypairs()
        self._names: dict[Keypair, str] = {}

    def begin(self, name: str, *, initiator: bool) -> list[str]:
        """Add a session; the names of those that it drives out."""
        keypair = Keypair(bytes(32), bytes(32), 0, 0, initiator, 0.0)
        self._names[keypair] = name
        return [self._names[gone] for gone in self.keypairs.add(keypair)]

    def confirm(self) -> list[str]:
        """An authentic packet arrives on the session in `next`."""
        assert self.keypairs.next is not None
        return [self._names[gone] for gone in self.keypairs.confirm(self.keypairs.next) or []]

    @property
    def places(self) -> Places:
        """Who is where."""
        previous, current, pending = (
            self._names[keypair] if keypair else ""
            for keypair in (self.keypairs.previous, self.keypairs.current, self.keypairs.next)
        )
        return previous, current, pending


def settled() -> Sessions:
    """A in `previous`, B in `current`."""
    sessions = Sessions()
    sessions.begin("A", initiator=True)
    sessions.begin("B", initiator=True)
    return sessions


def unconfirmed() -> Sessions:
    """A in `current`, B in `next`."""
    sessions = Sessions()
    sessions.begin("A", initiator=True)
    sessions.begin("B", initiator=False)
    return sessions


def keypair_moves() -> list[Move]:
    """All that can happen to the three places, carried out by the class itself."""
    found = []
    for what, initiator in (("我方是发起方，收到响应", True), ("我方是响应方，刚发出响应", False)):
        for start in (settled, unconfirmed):
            sessions = start()
            before = sessions.places
            erased = sessions.begin("新", initiator=initiator)
            found.append(Move(what, before, sessions.places, erased))
    sessions = unconfirmed()
    before = sessions.places
    erased = sessions.confirm()
    found.append(Move("next 收到第一个认证过的报文", before, sessions.places, erased))
    return found


PLACES = ("previous", "current", "next")
BOX, BOX_STEP, MOVE_STEP = 52.0, 58.0, 78.0


def draw_moves(moves: list[Move]) -> Drawing:
    """Each move as three boxes before and three after."""
    parts: list[str] = []
    after = WIDTH - 2 * BOX_STEP - BOX - 2
    for i, move in enumerate(moves):
        y = 4 + i * MOVE_STEP
        parts.append(text(2, y + 12, move.what, "label", "start"))
        gone = "抹去 " + "、".join(move.erased) if move.erased else "什么也不抹去"
        parts.append(text(WIDTH - 2, y + 12, gone, "note", "end"))
        for x, places in ((2.0, move.before), (after, move.after)):
            for j, (place, who) in enumerate(zip(PLACES, places, strict=True)):
                parts += _box(x + j * BOX_STEP, y + 20, place, who)
        parts.append(line(2 * BOX_STEP + BOX + 8, y + 35, after - 12, y + 35, "arrow"))
        parts.append(head(after - 5, y + 35, 0, "head"))
    words = "；".join(
        f"{move.what}，之前 {_places_in_words(move.before)}，之后 {_places_in_words(move.after)}"
        for move in moves
    )
    return Drawing(4 + len(moves) * MOVE_STEP, parts, words + "。")


def _box(x: float, y: float, place: str, who: str) -> Iterator[str]:
    kind = "box" + (" new" if who == "新" else " full" if who else "")
    yield f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{BOX:g}" height="30" rx="4"/>'
    yield text(x + BOX / 2, y + 20, who or "空", "label")
    yield text(x + BOX / 2, y + 43, place, "place")


def _places_in_words(places: Places) -> str:
    return "、".join(f"{place} {who or '空'}" for place, who in zip(PLACES, places, strict=True))


# Directives


class SequenceDirective(Drawn):
    """`{sequence} SCENE`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The figure of a scene."""
        name = self.arguments[0]
        if name not in SCENES:
            raise self.error(f"no scene is called {name!r}; there are: {', '.join(SCENES)}")
        return self.figure(Sequence(SCENES[name]()).drawing(), f"sequence-{name}")


class KeypairMovesDirective(Drawn):
    """`{keypair-moves}`."""

    def run(self) -> list[nodes.Node]:
        """The figure of the three places."""
        return self.figure(draw_moves(keypair_moves()), "keypair-moves")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.setup_extension("drawings")
    app.add_directive("sequence", SequenceDirective)
    app.add_directive("keypair-moves", KeypairMovesDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
