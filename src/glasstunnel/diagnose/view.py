"""One host's layers, looked at from the side of the questions that a verdict asks.

Rule: answers and facts only, no cause; an address that presents a certificate for the name is right, whatever
anybody says of it. Section: the book's chapter on the failed pull.
"""

from collections.abc import Iterable, Sequence

from glasstunnel.diagnose.evidence import Evidence, Handshake, Host, Lookup, Outcome
from glasstunnel.diagnose.finding import Fact, fact


class View:
    """A host and what else was seen with it."""

    def __init__(self, host: Host, evidence: Evidence) -> None:
        self.host, self.evidence = host, evidence
        self.system = next((item for item in host.lookups if item.source == "system"), None)
        self.used = list(self.system.addresses) if self.system else []
        self.in_hosts = [
            address for item in host.lookups if item.source == "hosts" for address in item.addresses
        ]
        trusted = [item for item in host.lookups if item.public and item.encrypted]
        self.reference = list(dict.fromkeys(address for item in trusted for address in item.addresses))
        self.connections = {item.address: item for item in host.connections}
        self.right = host.proven

    def connects(self, address: str) -> bool:
        """Whether TCP stands."""
        found = self.connections.get(address)
        return found is not None and found.outcome is Outcome.OK

    def named(self, address: str) -> Handshake | None:
        """The handshake with the right name, as the system would make it."""
        return self._shake(address, self.host.name)

    def innocent(self, address: str) -> Handshake | None:
        """The handshake with the innocent name, where it was tried."""
        return self._shake(address, self.evidence.innocent)

    def _shake(self, address: str, name: str) -> Handshake | None:
        for item in self.host.handshakes:
            if (item.address, item.server_name, item.segment) == (address, name, 0):
                return item
        return None

    def no_name_answered(self, addresses: Iterable[str]) -> bool:
        """Whether TLS was tried there with another name too, and in vain."""
        tried = [shake for address in addresses if (shake := self.innocent(address))]
        return bool(tried) and not any(spoke(shake) for shake in tried)

    def answers(self, lookups: Sequence[Lookup]) -> Fact:
        """Who says what, each answer once."""
        given: dict[tuple[str, str], list[str]] = {}
        for item in lookups:
            if item.addresses or item.outcome is Outcome.NO_SUCH_NAME:
                given.setdefault((item.source, item.transport), []).extend(
                    f"{record.address} ({record.mark})" if record.mark else record.address
                    for record in item.records
                )
        said: dict[str, dict[str, list[str]]] = {}
        for (source, transport), what in given.items():
            answer = listed(sorted(what)) or str(Outcome.NO_SUCH_NAME)
            ways = said.setdefault(answer, {}).setdefault(source, [])
            if source not in ("system", "hosts") and transport not in ways:
                ways.append(transport)
        told = "; ".join(
            f"{what} <- {listed(' '.join((source, *ways)) for source, ways in who.items())}"
            for what, who in said.items()
        )
        return fact("answers", host=self.host.name, answers=told)

    def mark(self, address: str) -> str:
        """What is odd about an address that was named; "" for nothing."""
        records = (record for item in self.host.lookups for record in item.records)
        return next((record.mark for record in records if record.address == address), "")

    def dead(self) -> list[str]:
        """The system's addresses at which nobody answers."""
        return [
            address for address in self.used if address in self.connections and not self.connects(address)
        ]

    def oddities(self) -> list[Fact]:
        """What by itself speaks against the system's addresses."""
        plain = any(not self.mark(address) for address in {*self.right, *self.reference})
        found = [
            fact("odd-address", address=address, mark=self.mark(address))
            for address in self.used
            if plain and self.mark(address)
        ]
        twice: dict[tuple[str, str], list[str]] = {}
        for item in self.host.lookups:
            for later in item.later:
                answer = {record.address for record in later}
                if answer and answer != set(item.addresses):
                    pair = listed(item.addresses), listed(sorted(answer))
                    twice.setdefault(pair, []).append(item.source)
        return found + [
            fact("two-answers", resolvers=listed(who), first=first, second=second)
            for (first, second), who in twice.items()
        ]

    def right_fact(self, addresses: Iterable[str]) -> Fact:
        """That these have proved to be the host's own."""
        return fact("proven", host=self.host.name, addresses=listed(addresses))

    def cross_facts(self, addresses: Iterable[str]) -> list[Fact]:
        """What TLS did at these addresses where it failed with the right name."""
        found = []
        for address in addresses:
            for item in self.host.handshakes:
                if item.address == address and item.outcome is not Outcome.OK:
                    code = "tls-fails" if item.server_name == self.host.name else "innocent-fails"
                    found.append(_shake_fact(code, item))
                elif item.address == address and item.segment:
                    found.append(_shake_fact("small-segments-work", item))
                elif item.address == address and item.server_name != self.host.name:
                    found.append(_shake_fact("innocent-works", item))
        return found

    def reach(self) -> list[Fact]:
        """How far the network lets one out at all."""
        controls = self.evidence.controls
        works = [item for item in controls if item.outcome is Outcome.OK]
        if works:
            return [fact("others-reachable", addresses=listed(item.address for item in works))]
        facts = (
            [fact("nobody-reachable", addresses=listed(item.address for item in controls))]
            if controls
            else []
        )
        if not self.evidence.machine.default_route:
            facts.append(fact("no-default-route"))
        return facts

    def let_out(self) -> bool:
        """Whether TCP gets out of this network to anybody."""
        heard = (Outcome.OK, Outcome.UNTRUSTED, Outcome.NO_SUCH_NAME)
        return any(item.outcome is Outcome.OK for item in self.evidence.controls) or any(
            item.public and item.transport != "udp" and item.outcome in heard for item in self.host.lookups
        )


def spoke(shake: Handshake | None) -> bool:
    """Whether a TLS server answered, be it to decline."""
    answered = (Outcome.OK, Outcome.ALERT, Outcome.UNTRUSTED)
    return shake is not None and (shake.outcome in answered or shake.received > 0)


def _shake_fact(code: str, item: Handshake) -> Fact:
    return fact(
        code,
        address=item.address,
        name=item.server_name,
        outcome=item.outcome,
        detail=item.detail,
        ms=f"{item.ms:.0f}",
        received=item.received,
        segment=item.segment,
    )


def listed(items: Iterable[str]) -> str:
    """Each once, in a line."""
    return ", ".join(dict.fromkeys(items))
