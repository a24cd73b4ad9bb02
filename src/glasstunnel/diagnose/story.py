"""The sentences: what a cause, a fact, a remedy is called in the reader's language.

Rule: the English text is the key of the catalogue; ``N_`` marks it here, and it is translated where it is
told. A sentence says what was seen, never more; what OpenSSL and libc call a failure is put into words that
say what it means. Section: gettext(1); X509_verify_cert_error_string(3).
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from glasstunnel.diagnose.causes import Cause, Confidence
from glasstunnel.diagnose.daemon import Kind
from glasstunnel.diagnose.evidence import Outcome
from glasstunnel.diagnose.finding import Fact, Finding

Translate = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802 - gettext's name for "translate later"
    """Marks a text for the catalogue."""
    return text


CAUSES: Final = {
    Cause.ALL_WELL: N_("all is well: the first bytes of the image came through"),
    Cause.NO_NETWORK: N_("there is no network: nobody outside answers"),
    Cause.STALE_HOSTS: N_("a line in /etc/hosts gives {host} an address that is not its own (any more)"),
    Cause.POISONED_RESOLVER: N_("the resolver gives {host} addresses that are not its own"),
    Cause.RESOLVER_FAILS: N_("the resolver of this system does not answer for {host}"),
    Cause.BLOCKED_ADDRESS: N_("the path to the addresses of {host} is blocked, whatever name is asked for"),
    Cause.NAME_BASED_RESET: N_("something on the path breaks TLS when it sees the name {host}"),
    Cause.LARGE_PACKETS_LOST: N_("large packets from {host} are lost on the path"),
    Cause.PROXY_NEEDED: N_("this network lets nobody out directly: a proxy is needed"),
    Cause.INTERCEPTING_CERTIFICATE: N_(
        "somebody answers for {host} with a certificate that is not trusted here"
    ),
    Cause.WRONG_CLOCK: N_("the clock of this machine is wrong, so good certificates look bad"),
    Cause.PROXY_BROKEN: N_("the proxy that is configured does not lead to {host}"),
    Cause.MIRROR_BROKEN: N_("the mirror {host} does not work"),
    Cause.TOKEN_HOST: N_("the registry answers, but its token service {host} fails"),
    Cause.BLOB_HOST: N_("the registry answers, but {host}, where the layers are, fails"),
    Cause.RATE_LIMIT: N_("the registry says that this address has pulled too often"),
    Cause.IMAGE_OR_PERMISSION: N_("the network is fine: there is no such image, or it may not be pulled"),
    Cause.REGISTRY_FAILS: N_("{host} can be reached, but does not answer as a registry should"),
}
IN_A_ROLE: Final = {
    (Cause.BLOB_HOST, "redirect"): N_("the registry answers, but {host}, to which it leads one on, fails"),
    (Cause.ALL_WELL, "mirror"): N_(
        "a pull should go well: the mirror {host} is asked first and has the image"
    ),
}
"""Where it is another host of the pull that the cause concerns: not the layers', not the registry."""
CONFIDENCES: Final = {
    Confidence.CERTAIN: N_("certain"),
    Confidence.LIKELY: N_("likely"),
    Confidence.POSSIBLE: N_("possible"),
}
FACTS: Final = {
    "answers": N_("what was answered for {host}: {answers}"),
    "certificate": N_(
        "{address} showed a certificate of {subject} by {issuer}, from {not_before} to {not_after}: {why}"
    ),
    "clocks": N_("this clock is {offset} fast: the server says {server}"),
    "direct-works": N_("without the proxy {host} answers at {addresses}"),
    "falls-back": N_("a pull goes on without it, from {host}, after the daemon has waited"),
    "filter-remembers": N_(
        "a filter that has seen the name just before, in another pull, may reset whatever goes to "
        "{addresses} for a minute or two: let none run, wait, and diagnose again"
    ),
    "first-bytes": N_("{size} bytes of a layer came from {url} by {via}"),
    "goes-on-without": N_(
        "{host} has {failing} here too, which does not answer: a pull goes on by {working}"
    ),
    "hosts-line": N_("/etc/hosts says {addresses} for {host}"),
    "incomplete": N_("the diagnosis saw no fault, but did not get to the layers of the image in {seconds} s"),
    "anonymous": N_(
        "this was asked without an account: what yours may pull, and the host of its layers, was not seen"
    ),
    "innocent-fails": N_("{address} with the innocent name {name}: {outcome} too, after {received} bytes"),
    "innocent-works": N_("{address} with the innocent name {name}: a server answers"),
    "known-proxy-works": N_(
        "by the proxy {proxy}, which the daemon does not use, the registry answers {status}"
    ),
    "mirror-serves": N_("the mirror {host} has {image}"),
    "name-unknown-everywhere": N_("the public resolvers do not know {host} either"),
    "environment-unread": N_("the environment of the running daemon can only be read by root"),
    "no-certificates": N_("{file}: no certificates in PEM"),
    "no-default-route": N_("this machine has no default route"),
    "no-json": N_("{file} is no JSON, and the daemon does not start with it: {why}"),
    "no-json-object": N_("{file} is no JSON object, and the daemon does not start with it"),
    "no-mirror-url": N_(
        "registry-mirrors: {url} is no URL of http or https, and the daemon does not start with it"
    ),
    "no-platform": N_("{image} is there for {offered}, but not for this machine, which is {wanted}"),
    "no-reply": N_("{url} by {via}: {outcome}: {detail}"),
    "nobody-reachable": N_("none of the resolvers {addresses} can be reached either"),
    "odd-address": N_("{address} is no address of a public registry: {mark}"),
    "others-reachable": N_("other hosts can be reached: {addresses}"),
    "proven": N_("{addresses} showed a valid certificate for {host}"),
    "proxy-fails": N_("the proxy {proxy}, asked for {host}: {outcome}: {detail}"),
    "reply": N_("{url} by {via}: HTTP status {status} {errors} {limits}"),
    "resolvers-impersonated": N_("somebody else answers in the place of the resolvers {addresses}"),
    "small-segments-work": N_("{address} with segments of at most {segment} bytes: TLS stands"),
    "system-lookup-fails": N_("this system does not resolve {host}: {outcome}"),
    "tcp-connects": N_("TCP connects to {addresses}"),
    "tcp-fails": N_("TCP to {address} port {port}: {outcome}"),
    "tls-fails": N_("{address} with the name {name}: {outcome} after {ms} ms and {received} bytes: {detail}"),
    "two-answers": N_("{resolvers}: two answers to one question, first {first}, then {second}"),
}
SLOW: Final = N_("this clock is {offset} slow: the server says {server}")
"""The fact "clocks", the other way round."""
REMEDIES: Final = {
    "authority": N_(
        "If it is your organisation's own proxy: trust its authority (AUTHORITY.crt, from its people)"
    ),
    "check-name": N_("Look at the name and the tag of the image again"),
    "clock-by-hand": N_("Set the clock by hand, to what the server says"),
    "clock-by-network": N_("Let the network set the clock"),
    "desktop-proxy": N_(
        "In Docker Desktop: Settings, Resources, Proxies; its virtual machine reads nothing else"
    ),
    "hosts-line": N_("Comment out the line in /etc/hosts"),
    "install-resolved": N_("Ask a public resolver over TLS, by systemd-resolved"),
    "log-in": N_("Log in"),
    "network": N_("See to the network first"),
    "network-manager": N_("Ask a public resolver, by NetworkManager"),
    "no-proxy-drop-in": N_("Let the daemon do without the proxy"),
    "no-proxy-json": N_("Take the proxy out of daemon.json"),
    "no-proxy-shell": N_("Do without the proxy of the environment"),
    "not-here": N_("Nothing here to mend: wait, or tell whoever runs that host"),
    "own-resolver": N_("See to the resolver of this network, which alone may know the name"),
    "pin": N_("For the moment: pin an address that is right"),
    "proxy-drop-in": N_("Give the daemon a proxy"),
    "proxy-json": N_("Give the daemon another proxy, in daemon.json"),
    "proxy-shell": N_(
        "Give this shell's programs a proxy (podman, skopeo; the Docker daemon does not read it)"
    ),
    "insecure-registry": N_("If it is a registry without TLS in a network of your own: tell the daemon so"),
    "more-time": N_("Give the diagnosis more time"),
    "registry-authority": N_(
        "If it is a registry of your own: let the daemon trust its authority (AUTHORITY.crt)"
    ),
    "restart-daemon": N_(
        "Restart the daemon: it still runs with proxies that are no longer those of its files"
    ),
    "resolv-conf": N_("Ask a public resolver, by /etc/resolv.conf"),
    "resolved": N_("Ask a public resolver, by systemd-resolved"),
    "smaller-packets": N_("Use smaller packets, both ways"),
    "wait": N_("Wait as long as the answer says, or use a mirror of your own"),
    "without-mirror": N_("Take the mirror out of daemon.json"),
}
WARNINGS: Final = {
    "daemon-elsewhere": N_("the daemon to which docker speaks is on another machine: do it there"),
    "desktop-hosts": N_("Docker Desktop's virtual machine does not read this file of the host"),
    "pin-goes-stale": N_("addresses of large registries change within hours: take the line out again soon"),
    "placeholder-proxy": N_("put the address of a proxy that works in place of PROXY:PORT"),
    "resolv-conf-owner": N_("a DHCP client or NetworkManager may write the file anew: tell it too"),
    "restart-yours": N_("afterwards restart your daemon: systemctl --user restart docker"),
    "trust-only-your-own": N_("never trust an authority only because it answered here"),
    "udp-can-be-forged": N_("plain DNS can be forged on the path; it was right just now"),
    "without-tls": N_("without TLS anybody on the path can change the image"),
    "until-reboot": N_("until the next restart; put it into netplan or interfaces(5) if it helps"),
}


OUTCOMES: Final = {
    Outcome.OK: N_("ok"),
    Outcome.TIMEOUT: N_("no answer in time"),
    Outcome.REFUSED: N_("connection refused"),
    Outcome.RESET: N_("connection reset"),
    Outcome.CLOSED: N_("connection closed early"),
    Outcome.UNREACHABLE: N_("unreachable"),
    Outcome.UNTRUSTED: N_("certificate not trusted"),
    Outcome.ALERT: N_("TLS alert"),
    Outcome.GARBLED: N_("an answer in another protocol"),
    Outcome.NO_SUCH_NAME: N_("no such name"),
    Outcome.SERVER_FAILURE: N_("the resolver failed"),
    Outcome.PROXY: N_("the proxy declines"),
    Outcome.FAILED: N_("failed"),
}


KINDS: Final = {
    Kind.NONE: "-",
    Kind.SYSTEM: "dockerd",
    Kind.SNAP: N_("dockerd out of the snap, with its files below /var/snap/docker/current"),
    Kind.ROOTLESS: N_("dockerd of this user (rootless), with its files below ~/.config"),
    Kind.DESKTOP: N_("Docker Desktop's virtual machine"),
    Kind.PODMAN: N_(
        "podman itself: no daemon, no daemon.json; the proxies of this environment, registries.conf"
    ),
    Kind.ELSEWHERE: N_(
        "a daemon on another machine ({endpoint}): what counts is the network there, so diagnose there"
    ),
}
ROLES: Final = {
    "registry": N_("registry"),
    "redirect": N_("led on to"),
    "token": N_("token service"),
    "blob": N_("layers"),
    "mirror": N_("mirror"),
    "machine": N_("this machine"),
}
STEPS: Final = {
    "files": N_("reading its files"),
    "names": N_("asking for the name"),
    "tcp": N_("TCP to every address"),
    "tls": N_("TLS to every address"),
    "http": N_("asking by HTTP"),
}
"""What is being done, for those who wait."""
_MARKS: Final = {
    "known forgery": N_("known forgery"),
    "unspecified": N_("unspecified"),
    "loopback": N_("loopback"),
    "multicast": N_("multicast"),
    "private": N_("private"),
    "special": N_("special"),
}
_DETAILS: Final = {
    "certificate has expired": N_("the certificate has expired"),
    "certificate is not yet valid": N_("the certificate is not yet valid"),
    "unable to get local issuer certificate": N_("its issuer is none that is trusted here"),
    "unable to get issuer certificate": N_("its issuer is none that is trusted here"),
    "self-signed certificate in certificate chain": N_("its root is none that is trusted here"),
    "self-signed certificate": N_("the certificate is signed by itself"),
    "Hostname mismatch": N_("the certificate is for other names"),
    "IP address mismatch": N_("the certificate is not for this address"),
    "wrong version number": N_("what answers does not speak TLS"),
    "http request": N_("what answers speaks HTTP without TLS"),
    "Network is unreachable": N_("no route leads there"),
    "No route to host": N_("the way there is closed or nobody is there"),
    "Cannot assign requested address": N_("no address of that family here"),
    "Permission denied": N_("forbidden by this machine or a router"),
    "Operation not permitted": N_("forbidden by the packet filter of this machine"),
    "no connection": N_("no connection"),
    "no address": N_("no address"),
    "Temporary failure in name resolution": N_("no resolver answered"),
    "Name or service not known": N_("the name is not known"),
    "No address associated with hostname": N_("no address"),
}
"""The beginnings of what OpenSSL, libc and we say of a failure, and what they mean."""
_UNITS: Final = (
    (86400, N_("{count} days")),
    (3600, N_("{count} hours")),
    (60, N_("{count} minutes")),
    (0, N_("{count} seconds")),
)


def told(fact: Fact, _: Translate) -> str:
    """A fact as a sentence."""
    values = fact.values
    if "outcome" in values:
        values["outcome"] = _(OUTCOMES[Outcome(values["outcome"])])
    for name in ("detail", "why"):
        if name in values:
            values[name] = explained(values[name], _)
    for name in ("server", "not_before", "not_after"):
        if name in values:
            values[name] = dated(values[name])
    if "mark" in values:
        values["mark"] = marked(values["mark"], _)
    if "answers" in values:
        values["answers"] = _answers(values["answers"], _)
    sentence = FACTS[fact.code]
    if "offset" in values:
        sentence = SLOW if values["offset"].startswith("-") else sentence
        values["offset"] = _lasting(abs(float(values["offset"])), _)
    return " ".join(_(sentence).format(**values).split()).removesuffix(":").removesuffix("：")


def explained(detail: str, _: Translate) -> str:
    """What a library says, in words; as it is where nothing is known of it."""
    for beginning, meaning in _DETAILS.items():
        if detail.startswith(beginning):
            return _(meaning)
    return detail


def marked(mark: str, _: Translate) -> str:
    """What is odd about an address; after a comma whose it is."""
    kind, comma, owner = mark.partition(", ")
    if not comma:
        return _(_MARKS[kind])
    return _("{mark}, {owner}'s").format(mark=_(_MARKS[kind]), owner=owner)


def dated(text: str) -> str:
    """A time of ISO 8601, as people write it; anything else as it is."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text


def source_named(source: str, _: Translate) -> str:
    """Who has answered: a resolver by its address."""
    known = {"system": _("this system"), "hosts": "/etc/hosts"}
    return known.get(source, source)


def _lasting(seconds: float, _: Translate) -> str:
    size, text = next((size, text) for size, text in _UNITS if seconds >= 2 * size)
    return _(text).format(count=round(seconds / (size or 1)))


def _answers(text: str, _: Translate) -> str:
    """The answers as :meth:`View.answers` lists them."""
    listed = []
    for answer in text.split("; "):
        what, arrow, who = answer.partition(" <- ")
        if what == Outcome.NO_SUCH_NAME:
            what = _(OUTCOMES[Outcome.NO_SUCH_NAME])
        what = re.sub(r" \(([^)]*)\)", lambda found: _(" ({mark})").format(mark=marked(found[1], _)), what)
        listed.append(what + arrow + ", ".join(source_named(source, _) for source in who.split(", ")))
    return _("; ").join(listed)


def named(finding: Finding, _: Translate) -> str:
    """A finding's cause as a sentence, with what is wrong with that host."""
    sentence = _(IN_A_ROLE.get((finding.cause, finding.role)) or CAUSES[finding.cause])
    sentence = sentence.format(host=finding.host)
    if not finding.why:
        return sentence
    why = _(CAUSES[finding.why]).format(host=finding.host)
    return _("{sentence} ({why})").format(sentence=sentence, why=why)
