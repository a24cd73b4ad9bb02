"""A finding about a tunnel: one cause, how sure, and the facts that speak for it.

Rule: as for a pull, a fact is a code and its values.
"""

from dataclasses import dataclass

from glasstunnel.diagnose.causes import Confidence
from glasstunnel.diagnose.finding import Fact
from glasstunnel.diagnose.tunnel.causes import Cause, class_of, exit_status


@dataclass(frozen=True)
class Finding:
    """What is at fault with one peer, or with the interface."""

    cause: Cause
    confidence: Confidence
    facts: tuple[Fact, ...]
    peer: str = ""  # its key


@dataclass(frozen=True)
class Verdict:
    """The first thing that fails, what fails besides, and what could not be known."""

    finding: Finding
    also: tuple[Finding, ...] = ()
    notes: tuple[Fact, ...] = ()

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
