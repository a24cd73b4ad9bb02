"""What is wrong with one host, from what its layers have shown.

Rule: an address is right if it presents a certificate for the name, and by nothing else: answers of a large
host differ from place to place. So a wrong name is told from a bad path only by the cross test: where the
right name fails and another name at the same address is answered, the name is what is blocked; where the
system's address fails and another resolver's works, the address was wrong. Section: the book's chapter on the
failed pull; X509_verify_cert_error_string(3).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from glasstunnel.diagnose.addresses import mark
from glasstunnel.diagnose.causes import Cause, Confidence
from glasstunnel.diagnose.evidence import Evidence, Handshake, Host, Outcome
from glasstunnel.diagnose.finding import Fact, Finding, fact
from glasstunnel.diagnose.view import View, listed, spoke

_NOT_YET_VALID, _EXPIRED, _OTHER_NAME = 9, 10, 62  # of X509_verify_cert(3)
_SKEW = 300.0  # seconds between two clocks that nobody minds
_OWN = ("loopback", "private")  # addresses to which no path leads that somebody else could block
_SILENT = (Outcome.TIMEOUT, Outcome.UNREACHABLE)


def judge(host: Host, evidence: Evidence) -> Finding | None:
    """What is wrong with a host up to TLS, or with the proxy to it; None for nothing."""
    return _Judge(host, evidence).finding()


class _Judge:
    def __init__(self, host: Host, evidence: Evidence) -> None:
        self._host, self._evidence, self._view = host, evidence, View(host, evidence)

    def finding(self) -> Finding | None:
        """The first layer that fails."""
        if self._host.proxy:
            return self._proxy()
        if not self._host.lookups or self._host.cut:
            return None  # asked by a way out that was found before, or there was no time: nothing is known
        return self._names() if not self._view.used else self._addresses()

    # The proxy

    def _proxy(self) -> Finding | None:
        """Only what came through it counts; what works without it is told."""
        through = [reply for reply in self._host.replies if reply.via == self._host.proxy]
        if not through or any(reply.status for reply in through):
            return None
        last = through[-1]
        facts = [
            fact(
                "proxy-fails",
                proxy=self._host.proxy,
                host=self._host.name,
                outcome=last.outcome,
                detail=last.detail,
            )
        ]
        if self._view.right:
            facts.append(fact("direct-works", host=self._host.name, addresses=listed(self._view.right)))
        if last.outcome is Outcome.UNTRUSTED:
            return self._found(Cause.INTERCEPTING_CERTIFICATE, Confidence.CERTAIN, facts)
        return self._found(Cause.PROXY_BROKEN, Confidence.CERTAIN, facts)

    # The name

    def _names(self) -> Finding:
        """The system has no address."""
        system = self._view.system
        facts = [
            fact(
                "system-lookup-fails",
                host=self._host.name,
                outcome=system.outcome if system else Outcome.FAILED,
            )
        ]
        others = [item for item in self._host.lookups if item.public and item.addresses]
        if others:
            facts.append(self._view.answers(others))
            if self._view.right:
                facts.append(self._view.right_fact(self._view.right))
            sure = Confidence.CERTAIN if self._view.right else Confidence.LIKELY
            denied = system is not None and system.outcome is Outcome.NO_SUCH_NAME
            cause = Cause.POISONED_RESOLVER if denied else Cause.RESOLVER_FAILS
            behind = (
                ()
                if self._view.right
                else self._behind(self._view.reference or [a for o in others for a in o.addresses])
            )
            return self._found(cause, sure, facts, behind)
        heard = [item for item in self._host.lookups if item.encrypted]
        if any(item.outcome is Outcome.NO_SUCH_NAME for item in heard):
            facts.append(fact("name-unknown-everywhere", host=self._host.name))
            if system is None or system.outcome is not Outcome.NO_SUCH_NAME:
                return self._found(Cause.RESOLVER_FAILS, Confidence.LIKELY, facts)  # who alone may know it
            return self._found(Cause.IMAGE_OR_PERMISSION, Confidence.LIKELY, facts)
        facts += self._view.reach()
        if not self._evidence.machine.default_route:
            return self._found(Cause.NO_NETWORK, Confidence.CERTAIN, facts)
        impostors = [item.source for item in heard if item.outcome is Outcome.UNTRUSTED]
        if impostors:
            facts.append(fact("resolvers-impersonated", addresses=listed(impostors)))
            return self._found(Cause.PROXY_NEEDED, Confidence.LIKELY, facts)
        if self._view.let_out():
            return self._found(Cause.RESOLVER_FAILS, Confidence.POSSIBLE, facts)
        if system is not None and system.outcome is Outcome.NO_SUCH_NAME:
            return self._found(Cause.PROXY_NEEDED, Confidence.POSSIBLE, facts)
        return self._found(Cause.NO_NETWORK, Confidence.LIKELY, facts)

    def _addresses(self) -> Finding | None:
        """The system has addresses: are they right, and do they work?"""
        good = [address for address in self._view.used if address in self._view.right]
        failing = [address for address in self._view.used if address not in self._view.right]
        connected = [address for address in failing if self._view.connects(address)]
        if good and not connected:
            return None
        if good:
            if all(self._is_another(address) for address in connected):
                return self._wrong_address([self._view.right_fact(good)], Confidence.CERTAIN)
            return self._path(connected, Confidence.LIKELY, [self._view.right_fact(good)])
        elsewhere = [address for address in self._view.right if address not in self._view.used]
        if elsewhere:
            if set(self._view.used) & set(self._view.reference):
                return self._path(self._view.used, Confidence.LIKELY, [self._view.right_fact(elsewhere)])
            return self._wrong_address([self._view.right_fact(elsewhere)], self._wrongness())
        if doubt := self._doubt():
            return self._wrong_address([], doubt, self._behind(self._view.reference))
        return self._path([*self._view.used, *(a for a in self._view.reference if a not in self._view.used)])

    def _wrong_address(
        self, facts: Iterable[Fact], sure: Confidence, behind: tuple[Finding, ...] = ()
    ) -> Finding:
        """The hosts file's fault, or the resolver's."""
        told = [
            self._view.answers(self._host.lookups),
            *self._view.oddities(),
            *facts,
            *self._view.cross_facts(self._view.used),
        ]
        stale = [address for address in self._view.used if address in self._view.in_hosts]
        if stale:
            told.insert(0, fact("hosts-line", host=self._host.name, addresses=listed(stale)))
            return self._found(Cause.STALE_HOSTS, sure, told, behind)
        return self._found(Cause.POISONED_RESOLVER, sure, told, behind)

    def _is_another(self, address: str) -> bool:
        """Whether an address that fails, where others of the system's work, is somebody else's."""
        if address in self._view.reference:
            return False
        shake = self._view.named(address)
        return bool(self._view.mark(address)) or (shake is not None and shake.verify_code == _OTHER_NAME)

    def _wrongness(self) -> Confidence:
        """How sure it is that addresses are wrong that do not work where others do."""
        if any(address in self._view.in_hosts for address in self._view.used) or self._view.oddities():
            return Confidence.CERTAIN
        shakes = [item for item in self._host.handshakes if item.address in self._view.used]
        if any(item.verify_code == _OTHER_NAME for item in shakes) or self._view.no_name_answered(
            self._view.used
        ):
            return Confidence.CERTAIN
        return Confidence.LIKELY

    def _doubt(self) -> Confidence | None:
        """How sure it is that the system's addresses are wrong where no address at all works."""
        shakes = [item for item in self._host.handshakes if item.address in self._view.used]
        if any(item.verify_code == _OTHER_NAME for item in shakes):
            return Confidence.LIKELY  # a server of somebody else, with a certificate that is in order
        if not self._view.reference or set(self._view.reference) & set(self._view.used):
            return None
        marks = {record.address: record.mark for item in self._host.lookups for record in item.records}
        if all(marks.get(address) for address in self._view.used) and not all(
            marks.get(address) for address in self._view.reference
        ):
            return Confidence.CERTAIN
        answered = [a for a in self._view.reference if spoke(self._view.innocent(a))]
        if answered and not any(spoke(self._view.innocent(a)) for a in self._view.used):
            return Confidence.LIKELY
        return None

    # The path

    def _behind(self, addresses: Sequence[str]) -> tuple[Finding, ...]:
        """What is wrong there too; several resolvers may have named an address."""
        return (self._path(list(dict.fromkeys(addresses))),) if addresses else ()

    def _path(
        self, addresses: Sequence[str], sure: Confidence = Confidence.CERTAIN, facts: Iterable[Fact] = ()
    ) -> Finding:
        """The addresses are right as far as one can know, and do not work."""
        connected = [address for address in addresses if self._view.connects(address)]
        told = [*facts]
        if not connected:
            return self._no_connection(addresses, told)
        told.append(fact("tcp-connects", host=self._host.name, addresses=listed(connected)))
        told += self._view.cross_facts(connected)
        shakes = [shake for address in connected if (shake := self._view.named(address))]
        if not shakes:
            return self._found(Cause.REGISTRY_FAILS, Confidence.POSSIBLE, told)
        if untrusted := [shake for shake in shakes if shake.outcome is Outcome.UNTRUSTED]:
            return self._certificate(untrusted[0], told)
        small = [item for item in self._host.handshakes if item.segment and item.address in connected]
        if any(item.outcome is Outcome.OK for item in small):
            return self._found(Cause.LARGE_PACKETS_LOST, sure, told)
        cut = [shake for shake in shakes if shake.outcome in (Outcome.RESET, Outcome.CLOSED, Outcome.TIMEOUT)]
        if not cut:
            return self._found(Cause.REGISTRY_FAILS, Confidence.POSSIBLE, told)
        if any(spoke(self._view.innocent(shake.address)) for shake in cut):
            return self._found(Cause.NAME_BASED_RESET, sure, told)
        encrypted = [item for item in self._host.lookups if item.encrypted]
        elsewhere = any(item.outcome is Outcome.OK for item in encrypted)
        told += self._view.reach()
        tried = [shake for item in cut if (shake := self._view.innocent(item.address))]
        remembered = [shake.address for shake in tried if shake.outcome is Outcome.RESET]
        if remembered:
            told.append(fact("filter-remembers", addresses=listed(remembered)))
        sure = Confidence.LIKELY if elsewhere and not remembered else Confidence.POSSIBLE
        return self._found(Cause.BLOCKED_ADDRESS, sure, told)

    def _no_connection(self, addresses: Sequence[str], told: list[Fact]) -> Finding:
        tried = [
            self._view.connections[address] for address in addresses if address in self._view.connections
        ]
        told += [
            fact("tcp-fails", address=item.address, port=item.port, outcome=item.outcome) for item in tried
        ]
        if tried and all(item.outcome is Outcome.REFUSED and mark(item.address) in _OWN for item in tried):
            return self._found(Cause.REGISTRY_FAILS, Confidence.LIKELY, told)  # nobody listens there
        told += self._view.reach()
        if self._view.let_out():
            return self._found(Cause.BLOCKED_ADDRESS, Confidence.LIKELY, told)
        if not self._evidence.machine.default_route and all(item.outcome in _SILENT for item in tried):
            return self._found(Cause.NO_NETWORK, Confidence.CERTAIN, told)
        own = [item for item in self._host.lookups if not item.public and item.transport in ("udp", "tcp")]
        if any(item.outcome is Outcome.OK for item in own):
            return self._found(Cause.PROXY_NEEDED, Confidence.POSSIBLE, told)
        return self._found(Cause.NO_NETWORK, Confidence.LIKELY, told)

    def _certificate(self, shake: Handshake, told: list[Fact]) -> Finding:
        certificate = shake.certificate
        if certificate:
            told.append(
                fact(
                    "certificate",
                    address=shake.address,
                    issuer=certificate.issuer,
                    subject=certificate.subject,
                    not_before=certificate.not_before,
                    not_after=certificate.not_after,
                    why=shake.detail,
                )
            )
        if shake.verify_code not in (_NOT_YET_VALID, _EXPIRED):
            return self._found(Cause.INTERCEPTING_CERTIFICATE, Confidence.LIKELY, told)
        theirs = self._server_time()
        if theirs is None:
            early = shake.verify_code == _NOT_YET_VALID
            return self._found(Cause.WRONG_CLOCK, Confidence.LIKELY if early else Confidence.POSSIBLE, told)
        offset = self._evidence.now - theirs
        told.append(
            fact(
                "clocks",
                offset=f"{offset:+.0f}",
                server=datetime.fromtimestamp(theirs, UTC).isoformat(),
            )
        )
        if abs(offset) > _SKEW:
            return self._found(Cause.WRONG_CLOCK, Confidence.CERTAIN, told)
        return self._found(Cause.REGISTRY_FAILS, Confidence.LIKELY, told)

    def _server_time(self) -> float | None:
        for reply in self._host.replies:
            if not reply.verified and "date" in reply.headers:
                try:
                    return parsedate_to_datetime(reply.headers["date"]).timestamp()
                except ValueError:
                    continue
        return None

    def _found(
        self, cause: Cause, sure: Confidence, facts: Iterable[Fact], behind: tuple[Finding, ...] = ()
    ) -> Finding:
        return Finding(cause, sure, tuple(facts), self._host.name, self._host.role, None, behind)
