"""The first layer: what the name is, by every way that could tell.

Rule: all are asked at once and each answer is kept as it came. After the first answer to a UDP query the
socket stays open for a while: who injects answers cannot keep the true one from arriving too. Section: RFC
1035, 7858, 8484; getaddrinfo(3), nsswitch.conf(5).
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Iterable
from contextlib import suppress

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
from dns._asyncbackend import DatagramSocket

from glasstunnel.diagnose.addresses import canonical, is_address, mark
from glasstunnel.diagnose.evidence import Lookup, Outcome, Record
from glasstunnel.diagnose.options import Options, Resolver
from glasstunnel.diagnose.probe import outcomes

RECORDS = ("A", "AAAA")
_INSTANT = 0.5  # seconds within which it is known that no route leads to an address


async def look_up(
    name: str,
    hosts_lines: Iterable[str],
    own_servers: Iterable[str],
    resolvers: Iterable[Resolver],
    options: Options,
    trust: ssl.SSLContext,
) -> list[Lookup]:
    """Ask everybody.

    Args:
        name: the host.
        hosts_lines: the addresses that the hosts file has for it.
        own_servers: the name servers of resolv.conf.
        resolvers: the chosen public ones.
        options: deadlines.
        trust: verifies the certificates of DoT and DoH.
    """
    deadline = options.deadlines.names
    found = [
        Lookup("hosts", "file", "any", Outcome.OK, (_record(address, None),))
        for address in hosts_lines
        if is_address(address)
    ]
    questions: list[Awaitable[Lookup]] = [_system(name, deadline)]
    for record in RECORDS:
        for server in own_servers:
            address = server.partition("%")[0]
            if is_address(address):
                own = Resolver(server)
                questions += [
                    _ask(own, kind, name, record, options, trust, public=False) for kind in ("udp", "tcp")
                ]
        questions += [
            _ask(resolver, transport, name, record, options, trust, public=True)
            for resolver in resolvers
            for transport in resolver.ports()
        ]
    return found + list(await asyncio.gather(*questions))


async def _system(name: str, deadline: float) -> Lookup:
    """As any program here does, by nsswitch.conf; in a thread that is left behind if it does not end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()
    began = time.monotonic()

    def settle(found: list[str], error: Exception | None) -> None:
        if not answer.done():  # the deadline may have come first
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(error)

    def ask() -> None:
        found: list[str] = []
        failure: Exception | None = None
        try:
            infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failure = error
        with suppress(RuntimeError):  # the loop may be gone by now
            loop.call_soon_threadsafe(settle, found, failure)

    threading.Thread(target=ask, name=f"getaddrinfo {name}", daemon=True).start()
    outcome, records, detail = Outcome.OK, tuple[Record, ...](), ""
    try:
        async with asyncio.timeout(deadline):
            records = tuple(_record(address.partition("%")[0], None) for address in await answer)
    except TimeoutError:
        outcome = Outcome.TIMEOUT
    except socket.gaierror as error:
        missing = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        outcome = Outcome.NO_SUCH_NAME if error.errno in missing else Outcome.SERVER_FAILURE
        detail = error.strerror or ""
    except (OSError, UnicodeError) as error:
        outcome, detail = Outcome.FAILED, str(error)
    return Lookup("system", "getaddrinfo", "any", outcome, records, _since(began), detail)


async def _ask(
    resolver: Resolver,
    transport: str,
    name: str,
    record: str,
    options: Options,
    trust: ssl.SSLContext,
    *,
    public: bool,
) -> Lookup:
    began = time.monotonic()
    deadline = options.deadlines.names
    port: int = getattr(resolver, transport)
    answers: list[dns.message.Message] = []
    outcome, detail = Outcome.OK, ""
    try:
        query = dns.message.make_query(name, record)
        async with asyncio.timeout(deadline):
            if transport == "udp":
                await _datagrams(query, resolver.address, port, answers, options.linger)
            elif transport == "tcp":
                answers.append(await dns.asyncquery.tcp(query, resolver.address, port=port))
            elif transport == "tls":
                answers.append(
                    await dns.asyncquery.tls(
                        query, resolver.address, port=port, ssl_context=trust, server_hostname=resolver.name
                    )
                )
            else:
                answers.append(
                    await dns.asyncquery.https(
                        query,
                        f"https://{resolver.name}:{port}/dns-query",
                        bootstrap_address=resolver.address,
                        verify=trust,
                        port=port,
                    )
                )
    except (dns.exception.DNSException, ValueError, EOFError) as error:
        outcome, detail = outcomes.of(error)
        if outcome is Outcome.FAILED:
            outcome = Outcome.GARBLED
    except (
        Exception
    ) as error:  # of three libraries; whatever it is, this question has no answer, and why is told
        outcome, detail = outcomes.of(error)
        if transport == "https" and outcome is Outcome.UNREACHABLE and time.monotonic() - began > _INSTANT:
            outcome, detail = Outcome.TIMEOUT, ""  # dnspython gives up before us, and does not say why
    if answers:
        outcome, detail = _outcome(answers[0])
    records = [_records(answer) for answer in answers]
    return Lookup(
        resolver.address,
        transport,
        record,
        outcome,
        records[0] if records else (),
        _since(began),
        detail,
        public,
        tuple(later for later in records[1:]),
    )


async def _datagrams(
    query: dns.message.Message, address: str, port: int, answers: list[dns.message.Message], linger: float
) -> None:
    """Ask by UDP, and take every answer until ``linger`` after the first.

    Where it had to be asked again nothing more is waited for: then a second answer is no wonder.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    backend = dns.asyncbackend.get_default_backend()
    target = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4][:2]
    async with await backend.make_socket(  # type: ignore[no-untyped-call]  # dnspython has no types there
        family, socket.SOCK_DGRAM, 0, None, target
    ) as sock:
        asked = 0
        while not answers:
            asked += 1
            await dns.asyncquery.send_udp(sock, query, None)
            with suppress(dns.exception.Timeout):
                answers.append((await _receive(sock, query, 1.0))[0])
        end = time.time() + (linger if asked == 1 else 0)
        with suppress(dns.exception.Timeout, OSError):
            while True:
                answers.append((await _receive(sock, query, end - time.time()))[0])


async def _receive(
    sock: DatagramSocket, query: dns.message.Message, seconds: float
) -> tuple[dns.message.Message, float, object]:
    answer: tuple[dns.message.Message, float, object] = await dns.asyncquery.receive_udp(
        sock, None, time.time() + max(seconds, 0), ignore_unexpected=True, ignore_errors=True, query=query
    )
    return answer


def _outcome(answer: dns.message.Message) -> tuple[Outcome, str]:
    code = answer.rcode()
    if code == dns.rcode.NXDOMAIN:
        return Outcome.NO_SUCH_NAME, "NXDOMAIN"
    if code != dns.rcode.NOERROR:
        return Outcome.SERVER_FAILURE, dns.rcode.to_text(code)
    return (Outcome.OK, "") if _records(answer) else (Outcome.NO_SUCH_NAME, "no address")


def _records(answer: dns.message.Message) -> tuple[Record, ...]:
    """The addresses of an answer, whatever the chain of aliases before them."""
    return tuple(
        _record(data.address, rrset.ttl)
        for rrset in answer.answer
        for data in rrset
        if isinstance(data, dns.rdtypes.IN.A.A | dns.rdtypes.IN.AAAA.AAAA)
    )


def _record(address: str, ttl: int | None) -> Record:
    return Record(canonical(address), ttl, mark(address))


def _since(began: float) -> float:
    return round(1000 * (time.monotonic() - began), 1)
