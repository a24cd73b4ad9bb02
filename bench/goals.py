"""What is wanted of the fast data path beside others, and what came of it.

Rule: every goal stands once, in GOALS. A ratio is ours to the other's of the same round, and what is judged
is the median of the rounds; the spread beside it is from the least to the greatest. A contender beside which
nothing is wanted is shown without goal.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.contenders import OURS, Contender, Kind
from bench.works import QUANTITIES, Quantity

TCP = ("tcp", "reverse", "four")
UDP = ("udp64", "udp1372")


@dataclass(frozen=True)
class Sample:
    """One figure: who had it in which round."""

    round: int
    contender: str
    quantity: str
    value: float


@dataclass(frozen=True)
class Spread:
    """Some figures as a median, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value at least."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Goal:
    """What is wanted of a ratio: at least this where more is better, at most this otherwise."""

    quantity: str
    bound: float


def _all(works: Iterable[str], figure: str, bound: float) -> tuple[Goal, ...]:
    return tuple(Goal(f"{work}_{figure}", bound) for work in works)


# Which contenders, and what is wanted of the ratio of ours to theirs.
_NEWEST, _BOOKWORM = (0, 0, 20250522), (0, 0, 20220316)
GOALS: tuple[tuple[Callable[[Contender], bool], tuple[Goal, ...]], ...] = (
    (
        lambda peer: is_wireguard_go(peer) and peer.number >= _NEWEST,
        (*_all(TCP, "rate", 1.25), *_all(TCP, "cpu", 0.8), *_all(UDP, "rate", 3.0), Goal("ping_ms", 1.0)),
    ),
    (
        lambda peer: is_wireguard_go(peer) and peer.number == _BOOKWORM,
        (*_all(TCP, "rate", 5.5), *_all(TCP, "cpu", 0.2), *_all(UDP, "rate", 2.8), Goal("ping_ms", 1.0)),
    ),
    (lambda peer: peer.kind is Kind.PLAIN, _all(TCP, "rate", 4.0)),
)


def is_wireguard_go(contender: Contender) -> bool:
    """Whether it says so itself."""
    return contender.version.startswith("wireguard-go ")


def goals_beside(contender: Contender) -> dict[str, Goal]:
    """What is wanted beside this contender, by quantity."""
    return {goal.quantity: goal for applies, goals in GOALS if applies(contender) for goal in goals}


@dataclass(frozen=True)
class Cell:
    """The ratio of ours to a contender's in one quantity, and what was wanted of it."""

    quantity: Quantity
    contender: str
    ratio: Spread
    goal: Goal | None

    @property
    def sign(self) -> str:
        """How the bound is to be read."""
        return "≥" if self.quantity.more_is_better else "≤"

    @property
    def missed(self) -> float:
        """By what part of the bound the ratio is short of it or beyond it; 0 when the goal is reached."""
        if self.goal is None:
            return 0.0
        difference = (self.goal.bound - self.ratio.median) / self.goal.bound
        return max(0.0, difference if self.quantity.more_is_better else -difference)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        cell = {"contender": self.contender, "quantity": self.quantity.key, **rounded(self.ratio)}
        if self.goal:
            cell |= {"goal": f"{self.sign} {self.goal.bound:g}", "missed": round(self.missed, 4)}
        return cell


def rounded(spread: Spread) -> dict[str, float]:
    """For JSON, with four significant digits: more than can be measured."""
    names = ("median", "low", "high")
    return {name: float(f"{getattr(spread, name):.4g}") for name in names}


def medians(samples: Iterable[Sample]) -> dict[str, dict[str, Spread]]:
    """By contender and quantity."""
    values: dict[str, dict[str, list[float]]] = {}
    for one in samples:
        values.setdefault(one.contender, {}).setdefault(one.quantity, []).append(one.value)
    return {
        name: {quantity: Spread.of(found) for quantity, found in by.items()} for name, by in values.items()
    }


def ratios(samples: Iterable[Sample], quantity: str, contender: str) -> list[float]:
    """Ours to the contender's, of each round in which both have a figure."""
    rounds: dict[int, dict[str, float]] = {}
    for one in samples:
        if one.quantity == quantity:
            rounds.setdefault(one.round, {})[one.contender] = one.value
    return [of[OURS] / of[contender] for of in rounds.values() if OURS in of and of.get(contender)]


def cells(samples: Sequence[Sample], contenders: Iterable[Contender]) -> list[Cell]:
    """The comparison with every contender but ourselves; nothing stands where there are no figures."""
    return [
        Cell(quantity, contender.name, Spread.of(each), goals_beside(contender).get(quantity.key))
        for contender in contenders
        if contender.kind is not Kind.OURS
        for quantity in QUANTITIES
        if (each := ratios(samples, quantity.key, contender.name))
    ]
