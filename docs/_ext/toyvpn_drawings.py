"""The directive `toyvpn-timers`: the sample's two times as they run, beside what is sent and received.

    ```{toyvpn-timers} sample
    二十秒。
    ```

The rule: the models of `glasstunnel.toyvpn` play, on a virtual clock, and the drawing shows what they did:
the age of each time every tenth of a second, each datagram, and the end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from drawings import WIDTH, Drawing, Drawn, head, line, text
from glasstunnel.ip.address import parse_address
from glasstunnel.sim import Delay
from glasstunnel.sim.toyvpn import Host, ToyWorld
from glasstunnel.toyvpn.events import Event, Send
from glasstunnel.toyvpn.parameters import from_arguments
from glasstunnel.toyvpn.sample import Output, Says
from glasstunnel.toyvpn.sample_client import SampleClient, State
from glasstunnel.toyvpn.sample_server import SampleServer
from glasstunnel.toyvpn.server import Server
from glasstunnel.wireguard.events import Path
from performance import width
from toyvpn_cards import ARGUMENTS, SECRET

STEP = 0.1  # seconds between two looks at the times
LIMITS = {"lastSendTime": 15.0, "lastReceiveTime": 20.0}  # seconds: ToyVpnConnection.java


class SwappedBack(SampleClient):
    """The sample's client, its two times given the values that their names promise."""

    def tick(self, now: float) -> list[Output]:
        """What the program does when it wakes."""
        self.last_send_time, self.last_receive_time = self.sent, self.received
        return super().tick(now)


def sample_server() -> SampleServer:
    """The sample's server."""
    return SampleServer(SECRET, [argument.encode() for argument in ARGUMENTS])


def our_server() -> Server:
    """Ours."""
    return Server(SECRET, from_arguments(ARGUMENTS))


@dataclass(frozen=True)
class Play:
    """What happened: looks at the ages of both times, datagrams, and when and how the client ended."""

    ages: list[tuple[float, float, float]]
    sent: list[tuple[float, str, str]]  # when, by whom, what
    end: float | None


@dataclass(frozen=True)
class Scene:
    """Who plays, and for how long."""

    server: Callable[[], SampleServer | Server]
    client: Callable[[bytes, Path], SampleClient]
    seconds: float


SCENES = {
    "sample": Scene(sample_server, SampleClient, 24),
    "swapped-back": Scene(sample_server, SwappedBack, 42),
    "repaired-server": Scene(our_server, SampleClient, 42),
}


def play(scene: Scene) -> Play:
    """An idle tunnel: nobody has anything to send."""
    world = ToyWorld("timers", [Delay(0.01)])
    server = world.add(Host("服务器", ("192.0.2.1", 8000), scene.server()))
    client = scene.client(SECRET, Path(server.address))
    phone = Host("手机", ("192.0.2.2", 40000), client)
    phone.inside = parse_address("10.0.0.2")
    world.add(phone)
    ages: list[tuple[float, float, float]] = []

    def look() -> None:
        if client.state is State.SESSION:
            ages.append((world.now, world.now - client.last_send_time, world.now - client.last_receive_time))

    world.every(STEP, scene.seconds, look)
    world.advance(scene.seconds)
    sent = sorted({said for host in (server, phone) for said in told(host)})
    crash = (at for at, thing in phone.history if isinstance(thing, Says) and "FATAL" in thing.text)
    return Play(ages, sent, next(crash, None))


def told(host: Host) -> Iterator[tuple[float, str, str]]:
    """The datagrams of a host, copies at the same moment told once."""
    for at, thing in host.history:
        if isinstance(thing, Send):
            yield round(at, 2), host.name, kind(thing)


def kind(sent: Event | Output) -> str:
    """What a datagram is called in the drawing."""
    assert isinstance(sent, Send)
    if sent.data == b"\0":
        return "保活"
    if sent.data[0]:
        return "ping" if sent.data[20] else "回答"  # the type of ICMP: 8 asks
    return "参数" if len(sent.data) > len(SECRET) + 1 else "口令"


# The drawing

LEFT, RIGHT = 16.0, WIDTH - 16.0
PANEL, BETWEEN = 78.0, 26.0  # heights: of a panel of ages, and between two
TRACK = 52.0  # of the datagrams of one host
HIGHEST = 22.0  # seconds of age at the top of a panel


def draw(scene: Scene) -> Drawing:
    """Two panels of ages above the datagrams of both hosts."""
    played = play(scene)

    def across(seconds: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * seconds / scene.seconds, 2)

    parts: list[str] = []
    top = 0.0
    for column, (name, limit) in enumerate(LIMITS.items(), 1):
        parts += panel(played, column, name, limit, top, across)
        top += PANEL + BETWEEN
    for name in ("手机", "服务器"):
        parts += track(played, name, top, across)
        top += TRACK
    for seconds in range(0, int(scene.seconds) + 1, 5):
        parts.append(text(across(seconds), top + 10, f"{seconds}" if seconds else "0 秒", "time"))
    if played.end is not None:
        x = across(played.end)
        parts.append(line(x, 18, x, top - 4, "line gap"))
        parts.append(text(x, top + 28, f"{played.end:.1f} 秒，应用崩溃", "note", "end"))
    return Drawing(top + 32, parts, words(played))


def panel(
    played: Play, column: int, name: str, limit: float, top: float, across: Callable[[float], float]
) -> Iterator[str]:
    """The age of one time: it grows until something sets the time anew."""

    def up(age: float) -> float:
        return round(top + 18 + PANEL - (PANEL - 4) * age / HIGHEST, 2)

    base = up(0)
    yield text(LEFT, top + 13, f"{name} 有多旧", "node", "start")
    yield text(RIGHT, up(limit) - 4, f"{limit:g} 秒", "time", "end")
    yield line(LEFT, up(limit), RIGHT, up(limit), "line gap")
    yield line(LEFT, base, RIGHT, base, "line")
    ramps: list[list[tuple[float, float]]] = []
    for moment in played.ages:
        age = moment[column]
        if not ramps or age < ramps[-1][-1][1]:
            ramps.append([])
        ramps[-1].append((moment[0], age))
    before: tuple[float, float] | None = None
    for ramp in ramps:
        start, last = ramp[0], ramp[-1]
        if before:
            yield line(across(before[0]), up(before[1]), across(start[0]), up(start[1]), "arrow")
        yield line(across(start[0]), up(start[1]), across(last[0]), up(last[1]), "arrow")
        before = last


def track(played: Play, name: str, top: float, across: Callable[[float], float]) -> Iterator[str]:
    """When a host sent something, and what; names that would touch are left out."""
    yield text(LEFT, top + 12, f"{name}发出", "node", "start")
    y = top + 42
    yield line(LEFT, y, RIGHT, y, "line")
    free = 0.0
    for at, who, what in played.sent:
        if who != name:
            continue
        x, colour = across(at), " data" if what in {"ping", "回答"} else ""
        yield line(x, y - 9, x, y, "arrow" + colour)
        yield head(x, y, 90, "head" + colour)
        label = f"{what} {at:.1f}" if at >= STEP else what
        half = width(label) / 2
        if x - half > free or not free:
            yield text(max(x, half), y - 13, label, "label")
            free = max(x, half) + half + 4


def words(played: Play) -> str:
    """The same in words."""
    sentences = [f"{at:g} 秒，{who}发出{what}" for at, who, what in played.sent]
    for column, name in enumerate(LIMITS, 1):
        sentences.append(f"{name} 最旧时 {max(moment[column] for moment in played.ages):.1f} 秒")
    if played.end is not None:
        sentences.append(f"{played.end:.1f} 秒，应用崩溃")
    return "；".join(sentences) + "。"


class Timers(Drawn):
    """`{toyvpn-timers} SCENE`."""

    required_arguments = 1
    option_spec: ClassVar = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """The figure."""
        name = self.arguments[0]
        if name not in SCENES:
            raise self.error(f"no scene is called {name!r}; there are: {', '.join(SCENES)}")
        return self.figure(draw(SCENES[name]), f"toyvpn-timers-{name}")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.setup_extension("drawings")
    app.add_directive("toyvpn-timers", Timers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
