"""A finding: one cause, how sure, and the facts that speak for it.

Rule: a fact is a code and its values; :mod:`glasstunnel.diagnose.story` turns it into a sentence in the
reader's language. Section: the book's part on diagnosis.
"""

from dataclasses import dataclass

from glasstunnel.diagnose.causes import Cause, Confidence, class_of, exit_status


@dataclass(frozen=True)
class Fact:
    """A line of evidence."""

    code: str
    items: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> dict[str, str]:
        """Its values by name."""
        return dict(self.items)


def fact(code: str, **values: object) -> Fact:
    """A fact with its values as text."""
    return Fact(code, tuple((name, str(value)) for name, value in values.items()))


@dataclass(frozen=True)
class Finding:
    """What is at fault at one host."""

    cause: Cause
    confidence: Confidence
    facts: tuple[Fact, ...]
    host: str = ""
    role: str = ""
    why: Cause | None = None  # of TOKEN_HOST, BLOB_HOST, MIRROR_BROKEN: what is wrong with that host
    behind: tuple["Finding", ...] = ()  # what would fail next, were this mended

    @property
    def root(self) -> Cause:
        """What has to be mended."""
        return self.why or self.cause


@dataclass(frozen=True)
class Verdict:
    """The first thing that fails, and what fails behind it."""

    finding: Finding
    also: tuple[Finding, ...] = ()

    @property
    def cause(self) -> Cause:
        """The one cause."""
        return self.finding.cause

    @property
    def exit_status(self) -> int:
        """Of the command."""
        return exit_status(self.cause)

    @property
    def kind(self) -> str:
        """The class of the cause."""
        return class_of(self.cause)
