"""The sentences about a tunnel: what a cause, a fact, a remedy is called in the reader's language.

Rule: as for a pull, the English text is the key of the catalogue, and a sentence says what was seen, never
more. Section: gettext(1).
"""

from typing import Final

from glasstunnel.diagnose.finding import Fact
from glasstunnel.diagnose.story import N_, Translate
from glasstunnel.diagnose.tunnel.causes import Cause
from glasstunnel.diagnose.tunnel.evidence import Got, Kind

CAUSES: Final = {
    Cause.ALL_WELL: N_("nothing is wrong with the tunnel that could be seen from here"),
    Cause.NOT_UP: N_("the tunnel is not up; nothing is wrong with its configuration that could be seen"),
    Cause.INTERFACE_DOWN: N_("the interface is not switched on here"),
    Cause.NO_PEER: N_("the tunnel has no peer"),
    Cause.NO_PRIVATE_KEY: N_("the interface has no private key"),
    Cause.OWN_KEY_AS_PEER: N_("the peer's public key is the interface's own"),
    Cause.OVERLAPPING_ALLOWED_IPS: N_("several peers have the same allowed IPs: only the last has them"),
    Cause.ENDPOINT_MISSING: N_("it is not known where the peer is"),
    Cause.ENDPOINT_UNRESOLVED: N_("the name of the endpoint does not resolve"),
    Cause.ENDPOINT_MOVED: N_("the configured endpoint is not where the device sends to"),
    Cause.NO_ROUTE: N_("there is no route"),
    Cause.ENDPOINT_THROUGH_TUNNEL: N_("the way to the endpoint leads through the tunnel itself"),
    Cause.ENDPOINT_CLOSED: N_("nobody listens at the endpoint's port"),
    Cause.ENDPOINT_UNREACHABLE: N_("the endpoint cannot be reached"),
    Cause.FIREWALL: N_("a packet filter drops what the tunnel needs"),
    Cause.REVERSE_PATH_FILTER: N_("this machine's reverse path filter drops what comes in"),
    Cause.WRONG_PRESHARED_KEY: N_("the two ends do not have the same preshared key"),
    Cause.WE_HAVE_WRONG_KEY: N_("the public key that is configured here is not the peer's"),
    Cause.PEER_HAS_WRONG_KEY: N_("the peer has a wrong public key for this end"),
    Cause.PEER_CLOCK_BEHIND: N_("the peer's clock has gone back: its initiations look like replays"),
    Cause.CLOCK_BEHIND: N_("the clock of this machine is behind: its initiations may look like replays"),
    Cause.SILENT: N_("the peer says nothing"),
    Cause.NOT_ROUTED: N_("routes do not lead the peer's allowed IPs into the tunnel"),
    Cause.ALLOWED_IPS_MISSING: N_("allowed IPs leave out an address that they need"),
    Cause.LARGE_PACKETS_LOST: N_("large packets are lost in the tunnel"),
    Cause.FORWARDING_OFF: N_("packets are not forwarded at the tunnel's end"),
    Cause.NO_MASQUERADE: N_("answers do not find their way back into the tunnel"),
    Cause.NO_DATA: N_("the handshake is done, but nothing in the tunnel answers"),
}
FACTS: Final = {
    "answers": N_("{address} answers after {ms} ms"),
    "arrival-filtered": N_(
        "a packet from {source} that comes out of {name} would be dropped by the reverse path filter"
    ),
    "backward-filtered": N_(
        "a datagram from {endpoint} that comes in by {interface} would be dropped by the reverse path filter"
    ),
    "bad-response": N_(
        "{count} responses with a good mac1 could not be opened, {now} of them during the diagnosis: "
        "the peer knows both keys, so the preshared key differs"
    ),
    "doubled": N_("{prefix} is in the allowed IPs of {keys}; {last} gets the packets"),
    "file-from-future": N_("{path} was written {seconds} s after what this clock says is now"),
    "filtered": N_("{what}: dropped at {hook} by {rule}"),
    "filtered-maybe": N_(
        "{what}: perhaps dropped at {hook} by {rule}; not all of its conditions were understood"
    ),
    "gone": N_("{key} was last heard {age} s ago and does not answer now: it may be off, or elsewhere"),
    "forwarding-off": N_("this machine does not forward IPv{version}"),
    "forwards": N_("this machine would forward packets from {source} to {address}"),
    "handshake": N_("the last handshake with {key} was {age} s ago"),
    "handshake-from-future": N_("the last handshake was {seconds} s after what this clock says is now"),
    "handshake-now": N_("a handshake with {key} was done during the diagnosis"),
    "hop-says": N_("{by} says that a packet of one hop had one too few: it forwards"),
    "hop-silent": N_("nobody says that a packet of one hop had one too few, as a router that forwards does"),
    "icmp": N_("a datagram to {endpoint}: {got}, says {by}"),
    "icmp-here": N_("a datagram to {endpoint}: {got}, says this machine"),
    "interface-down": N_("the interface {name} is down"),
    "interface-elsewhere": N_("a device {name} answers, but its interface is not in this network namespace"),
    "large-lost": N_("to {address} packets of {largest} bytes are answered, of {lost} are not"),
    "largest-passes": N_("packets of {size} bytes, the MTU of the tunnel, are answered"),
    "legacy-rules": N_(
        "there are rules of iptables-legacy, which could not be read: one of them may be the fault"
    ),
    "moved": N_("the configured endpoint {endpoint} stands for {now}, the device sends to {used}"),
    "mtu-hole": N_("nobody says that they are too large"),
    "mtu-reported": N_("a router says that the path takes {size} bytes"),
    "must-know-way-back": N_("its source {source} is not translated: who answers has to know the way back"),
    "nat-at-least": N_(
        "after {survived} s of silence the peer was still reached; in longer ones an end spoke by itself, "
        "by a keepalive or a handshake: PersistentKeepalive = {keepalive} is often enough in any case"
    ),
    "nat-disturbed": N_(
        "an end spoke by itself during each silence, by a keepalive or a handshake: "
        "how long the way stays open could not be told"
    ),
    "nat-forgets": N_(
        "after {survived} s of silence the peer was still reached, after {lost} s not: "
        "PersistentKeepalive = {keepalive} for the end behind the NAT"
    ),
    "nat-shorter": N_(
        "after {lost} s of silence, the shortest that was tried, the peer was not reached any more: "
        "PersistentKeepalive = {keepalive} or less for the end behind the NAT"
    ),
    "nat-outlasts": N_(
        "after {survived} s of silence the peer was still reached: no keepalive is needed for less"
    ),
    "never-spoke": N_("{key} has no endpoint and has never spoken: it is for the peer to begin"),
    "no-answer": N_("an echo request to {address}: {got}"),
    "no-drop-counters": N_(
        "the device is not ours: it does not say what it dropped, so a wrong key, a wrong preshared key "
        "and a replayed timestamp look the same as silence"
    ),
    "no-endpoint": N_("{key} has no endpoint, neither configured nor learnt"),
    "no-peer": N_("{name} has no peer"),
    "no-private-key": N_("{name} has no private key"),
    "no-route": N_("the kernel would not send to {endpoint}: {error}"),
    "no-ruleset": N_("the rules of the packet filter could not be read (nft)"),
    "no-way": N_("the kernel would not send to {address}: {error}"),
    "no-way-back": N_(
        "so the answer, or the way behind that router, is lost: the source may need masquerading there"
    ),
    "nobody-spoke": N_("no peer has had to speak yet"),
    "not-allowed": N_("{address} is in no peer's allowed IPs"),
    "not-applied": N_(
        "the file and the device say different things of {key}: the file was changed after the tunnel was "
        "taken up, or the device by wg set"
    ),
    "not-asked": N_(
        "no device was running with its interface up here: keys, handshake and data could not be tried"
    ),
    "not-forwarded": N_("the kernel would not forward a packet from {source} to {address}"),
    "not-opened-there": N_(
        "within the time of a keepalive the peer did not show that it had opened anything"
    ),
    "not-routed": N_("{prefix} goes to {interface}, not into {name}"),
    "not-up": N_("no device serves {name}"),
    "nothing-came": N_("nothing that counts came from {endpoint} in {seconds} s"),
    "old-timestamp": N_(
        "{count} initiations had a timestamp not later than the last one, {now} of them during the diagnosis"
    ),
    "opened-there": N_(
        "the peer sent a keepalive: it has opened what came; then its allowed IPs do not have this end's "
        "address, or its host does not answer"
    ),
    "outside-path": N_("outside the tunnel, to {address} {largest} bytes are answered, {lost} are not"),
    "outside-tunnel": N_("{address} goes out by {interface}, and no peer has an address to come from"),
    "refused": N_("an echo request to {address}: {got}, says {by}"),
    "own-key": N_("the configuration names {key}, the interface's own key, as a peer"),
    "right-mtu": N_("the interface's MTU is {now}; what fits is MTU = {mtu}"),
    "silence-hides": N_(
        "this end cannot tell whether datagrams are lost, the other device is down, does not know this key, "
        "has another key, or has seen a later timestamp: its drop counters can"
    ),
    "taken-network": N_("the allowed IPs {prefix} take away from the local network {network} of {interface}"),
    "through-tunnel": N_("the kernel leads datagrams to {endpoint} (mark {mark}) into {name}"),
    "unknown-peer": N_(
        "{count} initiations for {key} came from a public key that is not configured, "
        "{now} of them during the diagnosis"
    ),
    "unresolved": N_("{endpoint}: {why}"),
    "untranslated": N_(
        "the private source {source} is not translated on its way to {address}, "
        "from where an answer will hardly find its way back"
    ),
    "wrong-mac1": N_(
        "{count} messages had a mac1 that is not made with this end's key {key}, "
        "{now} of them during the diagnosis"
    ),
    "wrong-source": N_(
        "{count} packets from the peer had a source outside its allowed IPs, "
        "{now} of them during the diagnosis"
    ),
}
STEPS: Final = {
    "names": N_("asking for the name of the endpoint"),
    "routes": N_("asking for routes and rules"),
    "handshake": N_("letting the device try a handshake"),
    "data": N_("packets in the tunnel"),
    "keepalive": N_("waiting for a keepalive"),
    "sizes": N_("large packets"),
    "silence": N_("a silence of {seconds} s"),
    "target": N_("the way to the address that was named"),
}
"""What is being done, for those who wait."""
GOT: Final[dict[str, str]] = {
    Got.ANSWER: N_("answered"),
    Got.SILENCE: N_("no answer in time"),
    Got.PORT_UNREACHABLE: N_("port unreachable"),
    Got.HOST_UNREACHABLE: N_("host or network unreachable"),
    Got.PROHIBITED: N_("administratively prohibited"),
    Got.TIME_EXCEEDED: N_("time to live exceeded"),
    Got.TOO_LARGE: N_("too large"),
    Got.NOT_PERMITTED: N_("not permitted by this system"),
    Got.NOT_SENT: N_("could not be sent"),
}
WHICH: Final = {
    "first": N_("a first datagram from a peer"),
    "outer": N_("datagrams of the tunnel"),
    "inner": N_("packets in the tunnel"),
    "through": N_("packets that are forwarded"),
}
ERRORS: Final = {
    "ENETUNREACH": N_("there is no route (ENETUNREACH)"),
    "EHOSTUNREACH": N_("a route says that it cannot be reached (EHOSTUNREACH)"),
    "EACCES": N_("a route or a rule prohibits it (EACCES)"),
    "EINVAL": N_("a route throws it away (EINVAL)"),
}
"""The kernel's refusals of a route: ip-route(8) types "unreachable", "prohibit", "blackhole"."""
WHY: Final = {
    "no-such-name": N_("there is no such name"),
    "no-resolver": N_("no resolver answers"),
}
KINDS: Final = {
    Kind.OURS: N_("our device"),
    Kind.OTHER: N_("a device of others"),
    Kind.FILE: N_("no device, a configuration only"),
}
REMEDIES: Final = {
    "add-allowed": N_("Add the address to the peer's allowed IPs (the whole list replaces the old one)"),
    "allowed-there": N_("At the other end: this end's addresses belong into the allowed IPs of its [Peer]"),
    "add-peer": N_("Add the peer"),
    "clock": N_("Let the network set the clock"),
    "clock-there": N_("At the other end: set the clock"),
    "endpoint": N_("Say where the peer is"),
    "endpoint-again": N_(
        "Tell the device where the peer is now: a name is resolved only when the tunnel is taken up"
    ),
    "filter": N_("Look at the rule that is named above, and accept these packets before it"),
    "filter-docker": N_("Docker's rules drop what it does not know: accept the tunnel in its chain for that"),
    "filter-firewalld": N_("firewalld drops it: let it accept these packets"),
    "filter-ufw": N_("ufw drops it: let it accept these packets"),
    "forget-timestamp": N_("Or let this end forget the last timestamp: take the tunnel down and up again"),
    "forward": N_("Let this machine forward"),
    "forward-there": N_("At the other end: let it forward"),
    "go-around": N_("Lead the way to the endpoint around the tunnel"),
    "link-up": N_("Switch the interface on"),
    "look-inside": N_(
        "At the other end: check the interface's address, and whether the filter accepts its packets"
    ),
    "look-there": N_("At the other end: is the tunnel up, do datagrams arrive, what does it drop"),
    "masquerade": N_("Translate the source on its way out"),
    "masquerade-there": N_(
        "At the other end: translate the source, or teach the network behind it a way back"
    ),
    "mend-path": N_(
        "Mend the path outside: let datagrams of 1280 bytes with the tunnel's headers through, "
        "or their fragments and the ICMP errors about them"
    ),
    "mtu": N_("Make the tunnel's packets smaller, at both ends"),
    "namespace": N_("Diagnose in the network namespace where the interface is"),
    "one-owner": N_(
        "Give each network to one peer only; among the peers of a server, to each its own address alone"
    ),
    "own-key": N_("Put the other end's public key into [Peer], not this one's"),
    "path": N_("Look where the way to the endpoint ends; what refuses there has to let it through"),
    "preshared": N_("Set the same preshared key at both ends"),
    "private-key": N_("Give the interface its private key"),
    "resolve": N_("See whether the name is right, and whether the resolver answers"),
    "route": N_("Lead the allowed IPs into the tunnel"),
    "route-out": N_("See whether the network is up, and which route leads there"),
    "rp-filter": N_("Let the reverse path filter be loose on that interface"),
    "show-their-key": N_("At the other end: ask the interface for its public key"),
    "tell-own-key": N_("At the other end: the key of this end belongs into its [Peer]"),
    "their-key": N_("Put that key into [Peer] here, and take the tunnel down and up again"),
    "up": N_("Take the tunnel up (with wg-quick who uses that)"),
    "up-again": N_("Take the tunnel down and up again: that sets addresses and routes with it"),
}
WARNINGS: Final = {
    "loses-session": N_("the session is lost, and sessions of other peers too"),
    "docker-forgets": N_(
        "lasts until Docker or the machine starts again; PostUp in the configuration keeps it"
    ),
    "no-ipv6": N_(
        "IPv6 needs 1280 bytes (RFC 8200 §5): with less the kernel takes IPv6 off the interface. Who needs "
        "it in the tunnel has to mend the path; clamping the MSS helps TCP over IPv4 only"
    ),
    "placeholder": N_("put what is right in place of the words in capitals"),
    "ra-ignored": N_(
        "who forwards IPv6 ignores router advertisements, and loses a default route that came by them, "
        "unless accept_ra = 2 on that interface"
    ),
    "route-not-kept": N_(
        "lasts until the interface goes; taking the tunnel up sets such routes, "
        "unless Table = off is in the file"
    ),
    "routes-gone": N_("its routes and IPv6 addresses went with it and do not come back by that"),
}


def told(fact: Fact, _: Translate) -> str:
    """A fact as a sentence."""
    values = fact.values
    for name, words in (("got", GOT), ("what", WHICH), ("error", ERRORS), ("why", WHY)):
        if name in values:
            values[name] = _(words.get(values[name], values[name]))
    return " ".join(_(FACTS[fact.code]).format(**values).split())
