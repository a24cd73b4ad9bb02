"""The layers of one host, one after the other: names, TCP, TLS, and the cross test.

Rule: a layer begins when the one before has ended, with everything that it found, not only with what the
system would use: an address that works beside one that does not is the evidence. The cross test is another
name at the same address, and the same name in small packets. The innocent name goes first, because a filter
that has seen a forbidden one resets for a while whatever the same client sends to the same address and port;
it is kept only where TLS with the right name failed. Section: the book's chapter on the failed pull; Rambert
et al., “Chinese Wall or Swiss Cheese?”, WWW 2021 (90 s).
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from glasstunnel.diagnose.addresses import mark
from glasstunnel.diagnose.evidence import Handshake, Host, Lookup, Outcome, Record
from glasstunnel.diagnose.finding import fact
from glasstunnel.diagnose.machine import Machine, hosts_entries
from glasstunnel.diagnose.options import Options, Resolver
from glasstunnel.diagnose.probe import files, names, tcp, tls, web

MOST_ADDRESSES = 12
HTTPS, HTTP = 443, 80
HEAD_START = 1.0  # seconds for the innocent name: two round trips, and that is ample
SMALL_SEGMENT = 536  # bytes: what every path carries (RFC 9293 §3.7.1)
_LEAST = 0.05  # seconds: with less a probe is not begun
_TIME_CODES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, …_HAS_EXPIRED
_UNANSWERED = (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED)

Say = Callable[[str, str], None]


class Layers:
    """Examines hosts, with what it has learned from those before."""

    def __init__(self, options: Options, machine: Machine, say: Say, end: float) -> None:
        self._options, self._machine, self._say = options, machine, say
        self._resolvers = options.resolvers
        self._own_servers = tuple(dict.fromkeys((*machine.name_servers, *machine.upstream)))
        self._hosts_file = files.hosts_file()
        self._end = end
        self.trust = tls.trusting(options.ca_file)
        self.unverified = tls.unverified()

    def granted(self, host: Host, layer: float) -> float:
        """Seconds for a layer of a host: its own, but never beyond the end of the whole; 0 for none.

        With less than half of what it should have, silence proves nothing: the host is marked.
        """
        seconds = self.left(layer)
        host.cut |= seconds < layer / 2
        return seconds

    def left(self, layer: float) -> float:
        """Seconds for it, 0 for none."""
        seconds = min(layer, self._end - time.monotonic())
        return seconds if seconds > _LEAST else 0

    def trust_for(self, host: Host) -> ssl.SSLContext:
        """The system's certificates, and those that the daemon has been given for this registry."""
        if host.insecure:
            return self.unverified
        extra = files.extra_certificates(self._machine, host.name, host.port)
        if not extra:
            return self.trust
        context = tls.trusting(self._options.ca_file)
        for path in extra:
            try:
                context.load_verify_locations(path)
            except OSError:  # also ssl.SSLError
                self._machine.faults.append(fact("no-certificates", file=path))
        return context

    async def examine(self, host: Host) -> None:
        """Fill a host in."""
        self._say(host.role, "names")
        if seconds := self.granted(host, self._options.deadlines.names):
            host.lookups = await self._names(host.name, seconds)
        await self._connect(host, addresses_of(host))
        if not host.plain:
            self._say(host.role, "tls")
            await self._tls(host)
        if host.insecure and not host.plain and not host.proven:
            await self._without_tls(host)
        host.cut &= not host.proven

    async def _connect(self, host: Host, addresses: list[str]) -> None:
        self._say(host.role, "tcp")
        if seconds := self.granted(host, self._options.deadlines.tcp):
            host.connections = await tcp.connect_all(addresses, host.port, seconds)

    async def _without_tls(self, host: Host) -> None:
        """As the daemon does with an insecure registry: http at that port, or where none was named at 80."""
        if host.port != HTTPS:
            no_tls = (Outcome.GARBLED, Outcome.CLOSED)
            host.plain = bool(host.handshakes) and all(item.outcome in no_tls for item in host.handshakes)
            return
        other = replace(host, port=HTTP, plain=True)
        await self._connect(other, addresses_of(host))
        if other.proven:
            host.port, host.plain, host.connections = other.port, True, other.connections

    async def _names(self, name: str, seconds: float) -> list[Lookup]:
        try:
            address = str(ip_address(name))
        except ValueError:
            pass
        else:
            return [Lookup("system", "literal", "any", Outcome.OK, (Record(address, None, mark(address)),))]
        deadlines = replace(self._options.deadlines, names=seconds)
        lines = [address for _, address in hosts_entries(self._hosts_file, name)]
        nobodys = name == "localhost"  # RFC 6761 §6.3: no resolver is asked
        found = await names.look_up(
            name,
            lines,
            () if nobodys else self._own_servers,
            () if nobodys else self._resolvers,
            replace(self._options, deadlines=deadlines),
            self.trust,
        )
        if not nobodys:
            self._forget_silent(found)
        return found

    def _forget_silent(self, lookups: list[Lookup]) -> None:
        """Who did not answer for one host is not waited for again for the next."""
        heard = {(lookup.source, lookup.transport) for lookup in lookups if lookup.outcome not in _UNANSWERED}
        self._resolvers = tuple(
            resolver.without(kind for kind in resolver.ports() if (resolver.address, kind) not in heard)
            for resolver in self._resolvers
        )
        self._own_servers = tuple(
            server for server in self._own_servers if {(server, "udp"), (server, "tcp")} & heard
        )

    async def _tls(self, host: Host) -> None:
        alive = [item.address for item in host.connections if item.outcome is Outcome.OK]
        trust = self.trust_for(host)
        if not (deadline := self.granted(host, self._options.deadlines.tls)):
            return
        first = await asyncio.gather(*(self._both(host, address, deadline, trust) for address in alive))
        deadline = self.granted(host, self._options.deadlines.tls)
        crossed = await asyncio.gather(*(self._cross(host, *both, deadline) for both in first))
        host.handshakes = [item for items in crossed for item in items]

    async def _both(
        self, host: Host, address: str, deadline: float, trust: ssl.SSLContext
    ) -> tuple[Handshake, Handshake | None]:
        """With the right name, and where that fails with the innocent one, which was sent before."""
        other = tls.shake(address, host.port, self._options.innocent, deadline, self.unverified)
        innocent = asyncio.create_task(other)
        await asyncio.wait({innocent}, timeout=min(HEAD_START, deadline / 3))
        named = await tls.shake(address, host.port, host.name, deadline, trust)
        if named.outcome in (Outcome.OK, Outcome.UNTRUSTED):
            innocent.cancel()
            return named, None
        return named, await innocent

    async def _cross(
        self, host: Host, seen: Handshake, innocent: Handshake | None, deadline: float
    ) -> list[Handshake]:
        """What tells the causes of one failed handshake apart."""
        if seen.outcome is Outcome.UNTRUSTED and deadline:
            return [await self._with_certificate(host, seen, deadline)]
        found = [seen] if innocent is None else [seen, innocent]
        if seen.outcome is Outcome.TIMEOUT and deadline:
            small = (seen.address, host.port, host.name, deadline, self.unverified, SMALL_SEGMENT)
            found.append(await tls.shake(*small))
        return found

    async def _with_certificate(self, host: Host, seen: Handshake, deadline: float) -> Handshake:
        """The same with the certificate; and the server's time, where time is the reason."""
        shown = await tls.shake(seen.address, host.port, host.name, deadline, self.unverified)
        if seen.verify_code in _TIME_CODES:
            fetched = await web.fetch(
                f"https://{host.name}:{host.port}/v2/",
                web.Route(address=seen.address),
                deadline,
                self.unverified,
                method="HEAD",
                verified=False,
            )
            host.replies.append(fetched.reply)
        return replace(seen, certificate=shown.certificate)


def addresses_of(host: Host) -> list[str]:
    """The addresses to try: what the system says first, then the hosts file's, then everybody's."""
    ranked = sorted(host.lookups, key=_rank)
    found = dict.fromkeys(address for lookup in ranked for address in lookup.addresses)
    later = dict.fromkeys(
        record.address for lookup in ranked for records in lookup.later for record in records
    )
    return list(found | later)[:MOST_ADDRESSES]


def _rank(lookup: Lookup) -> int:
    if lookup.source == "system":
        return 0
    if lookup.source == "hosts":
        return 1
    return 2 if lookup.encrypted else 3


def answered_resolvers(resolvers: tuple[Resolver, ...]) -> list[tuple[str, int]]:
    """Addresses and ports at which a TCP connection shows that the network lets something out."""
    return [(resolver.address, resolver.https) for resolver in resolvers if resolver.https]
