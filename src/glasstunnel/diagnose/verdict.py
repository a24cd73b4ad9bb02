"""From all that was seen to one verdict.

Rule: the hosts are judged in the order in which the daemon needs them, and the first that fails is the
verdict; what fails behind it is named too, because mending the first alone would not help. Section:
docker/docs "Docker Hub usage and limits" for 429; OCI distribution specification, "Error Codes".
"""

from dataclasses import replace

from glasstunnel.diagnose.causes import Cause, Confidence
from glasstunnel.diagnose.evidence import Evidence, Host, Outcome, Reply
from glasstunnel.diagnose.finding import Fact, Finding, Verdict, fact
from glasstunnel.diagnose.judge import judge
from glasstunnel.diagnose.registry import Choice
from glasstunnel.diagnose.view import View, listed

_WRAPPED = {
    "redirect": Cause.BLOB_HOST,
    "token": Cause.TOKEN_HOST,
    "blob": Cause.BLOB_HOST,
    "mirror": Cause.MIRROR_BROKEN,
}
_HARD = (Cause.NO_NETWORK, Cause.PROXY_NEEDED, Cause.BLOCKED_ADDRESS, Cause.RESOLVER_FAILS)
_EVERYWHERE = (
    *(Cause.NO_NETWORK, Cause.PROXY_NEEDED, Cause.PROXY_BROKEN, Cause.RESOLVER_FAILS, Cause.WRONG_CLOCK),
    *(Cause.POISONED_RESOLVER, Cause.LARGE_PACKETS_LOST, Cause.INTERCEPTING_CERTIFICATE),
)


def reach_verdict(evidence: Evidence) -> Verdict:
    """Judge."""
    chain: list[Finding] = []  # registry, token service, blobs
    for host in evidence.hosts:  # in the order in which they are needed
        if host.role != "mirror" and (finding := _judge_host(host, evidence)):
            chain += [replace(finding, behind=()), *finding.behind]
    if not chain and evidence.misfit:
        chain.append(_for_another_machine(evidence, evidence.misfit))
    broken = [
        finding
        for host in evidence.hosts
        if host.role == "mirror" and (finding := _judge_host(host, evidence))
    ]
    mirrors = [host for host in evidence.hosts if host.role == "mirror"]
    served = [
        host for host in mirrors if any(_is_manifest(reply) and reply.status == 200 for reply in host.replies)
    ]
    if chain and served:
        name = served[0].name
        facts = (fact("mirror-serves", host=name, image=evidence.image),)
        well = Finding(Cause.ALL_WELL, Confidence.LIKELY, facts, name, "mirror")
        return Verdict(well, (*chain, *broken))
    if not chain and not broken:
        return Verdict(_well(evidence))
    first, *rest = [*broken, *chain]  # the daemon asks its mirrors first
    if not chain:
        first = replace(first, facts=(*first.facts, fact("falls-back", host=evidence.image.host)))
    return Verdict(first, tuple(other for other in rest if not _follows(other, first)))


def _follows(other: Finding, first: Finding) -> bool:
    """Whether a fault is the first one once more: what mends that for all hosts mends this too."""
    return other.root is first.root and first.root in _EVERYWHERE


def _for_another_machine(evidence: Evidence, choice: Choice) -> Finding:
    offered = ", ".join(choice.offered) or "-"
    facts = (fact("no-platform", image=evidence.image, wanted=choice.wanted, offered=offered),)
    return Finding(Cause.IMAGE_OR_PERMISSION, Confidence.CERTAIN, facts, evidence.image.host, "registry")


def _well(evidence: Evidence) -> Finding:
    read = [
        reply
        for host in evidence.hosts
        if host.role in ("registry", "redirect", "blob")
        for reply in host.replies
        if reply.status in (200, 206)
        and not _is_manifest(reply)
        and reply.size
        and (host.role == "blob" or "/blobs/" in reply.url)
    ]
    if read:
        return Finding(
            Cause.ALL_WELL,
            Confidence.CERTAIN,
            (
                fact("first-bytes", size=read[-1].size, url=read[-1].url, via=read[-1].via),
                *_gone_without(evidence),
                *_limits(evidence),
            ),
        )
    return Finding(
        Cause.REGISTRY_FAILS,
        Confidence.POSSIBLE,
        (fact("incomplete", seconds=evidence.seconds),),
        evidence.image.host,
        "registry",
    )


def _gone_without(evidence: Evidence) -> list[Fact]:
    """Addresses that are dead beside others that work: the daemon soon tries the next (RFC 8305)."""
    found = []
    for host in evidence.hosts:
        view = View(host, evidence)
        working = [address for address in view.used if address in view.right]
        if host.role != "mirror" and not host.proxy and working and (dead := view.dead()):
            marked = (f"{address} ({mark})" if (mark := view.mark(address)) else address for address in dead)
            values = {"failing": listed(marked), "working": listed(working)}
            found.append(fact("goes-on-without", host=host.name, **values))
    return found


def _limits(evidence: Evidence) -> list[Fact]:
    """How many pulls are left, where the registry says so."""
    replies = [reply for host in evidence.hosts if host.role == "registry" for reply in host.replies]
    return [_reply_fact(reply) for reply in replies if "ratelimit-remaining" in reply.headers][-1:]


def _judge_host(host: Host, evidence: Evidence) -> Finding | None:
    finding = judge(host, evidence)
    if finding is None:
        finding = _judge_replies(host)
    elif (through := _known_proxy_works(host)) and finding.cause in _HARD and not host.proven:
        facts = (*finding.facts, fact("known-proxy-works", proxy=through.via, status=through.status))
        finding = replace(finding, cause=Cause.PROXY_NEEDED, confidence=Confidence.CERTAIN, facts=facts)
    if finding is None or host.role not in _WRAPPED:
        return finding
    if finding.cause in (Cause.RATE_LIMIT, Cause.IMAGE_OR_PERMISSION) and host.role in ("token", "redirect"):
        return finding
    wrapper = _WRAPPED[host.role]
    why = None if finding.cause is wrapper else finding.cause
    behind = tuple(replace(item, cause=wrapper, why=item.cause) for item in finding.behind)
    return replace(finding, cause=wrapper, why=why, behind=behind)


def _known_proxy_works(host: Host) -> Reply | None:
    """A reply through a proxy that the daemon does not use."""
    if host.proxy:
        return None
    return next((reply for reply in host.replies if "://" in reply.via and reply.status), None)


def _judge_replies(host: Host) -> Finding | None:
    """TLS stands: what did HTTP say?"""
    last = {reply.url: reply for reply in host.replies if reply.verified and not reply.cut}
    for reply in last.values():  # what was asked again counts as it ended
        if verdict := _judge_reply(reply, host):
            denied = verdict[0] is Cause.IMAGE_OR_PERMISSION and reply.status != 404
            facts = (_reply_fact(reply), *([fact("anonymous")] if denied else []))
            return Finding(*verdict, facts, host.name, host.role)
    return None


def _judge_reply(reply: Reply, host: Host) -> tuple[Cause, Confidence] | None:
    fails = Cause.REGISTRY_FAILS if host.role == "registry" else _WRAPPED[host.role]
    if reply.outcome is not Outcome.OK:
        return fails, Confidence.POSSIBLE
    if reply.status == 429:
        return Cause.RATE_LIMIT, Confidence.CERTAIN
    if reply.status < 400 or (reply.status == 401 and reply.url.endswith("/v2/")):
        return None
    if host.role == "mirror" and reply.status == 404 and _is_manifest(reply):
        return None  # it has not got this image; that is no fault
    if reply.status in (401, 403, 404) and (_is_manifest(reply) or host.role == "token"):
        return Cause.IMAGE_OR_PERMISSION, Confidence.CERTAIN if reply.status == 404 else Confidence.LIKELY
    return fails, Confidence.CERTAIN if reply.status >= 500 else Confidence.LIKELY


def _is_manifest(reply: Reply) -> bool:
    return "/manifests/" in reply.url


def _reply_fact(reply: Reply) -> Fact:
    limits = {
        name: value
        for name, value in reply.headers.items()
        if name in ("retry-after", "ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source")
    }
    return fact(
        "reply" if reply.outcome is Outcome.OK else "no-reply",
        url=reply.url,
        via=reply.via,
        status=reply.status,
        outcome=reply.outcome,
        detail=reply.detail,
        errors=", ".join(reply.errors),
        limits=", ".join(f"{name}: {value}" for name, value in limits.items()),
        size=reply.size,
    )
