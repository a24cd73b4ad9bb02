"""Evidence of a tunnel made up for the tests: what the probes would have seen.

Without more it is a tunnel of ours with one peer, its interface up, with whom no session stands yet.
"""

from typing import Any

from glasstunnel.diagnose.tunnel.evidence import (
    Counts,
    Evidence,
    Got,
    Interface,
    Kind,
    Local,
    Peer,
    Reply,
    Way,
)

OWN, KEY, OTHER = "o" * 43 + "=", "p" * 43 + "=", "q" * 43 + "="
ENDPOINT, THERE, HERE = "198.51.100.2:51820", "198.51.100.2", "192.0.2.1"
INNER, OURS, OUT = "10.9.0.2", "10.9.0.1", "203.0.113.7"
NOW = 1_800_000_000.0
NAME, CABLE = "wg0", "eth0"
FILE = f"/etc/wireguard/{NAME}.conf"
OUTWARD = Way(THERE, interface=CABLE, mtu=1500)
BACKWARD = Way(HERE, source=THERE, comes_in=CABLE, interface="lo")
SILENCE = Reply(THERE, 60, Got.SILENCE)


def peer(handshake: float = 0, **facts: Any) -> Peer:
    """A peer.

    Args:
        handshake: when the last was done.
        facts: fields, and "endpoint", "before" (the handshake that was known), "dropped", "dropped_before".
    """
    endpoint = facts.pop("endpoint", ENDPOINT)
    known = {
        "key": KEY,
        "allowed_ips": (f"{INNER}/32",),
        "configured": ENDPOINT,
        "outward": OUTWARD,
        "backward": BACKWARD,
        "outside": SILENCE,
        "before": Counts(endpoint, facts.pop("before", handshake), drops=facts.pop("dropped_before", {})),
        "after": Counts(endpoint, handshake, drops=facts.pop("dropped", {})),
    }
    return Peer(**{**known, **facts})


def standing(handshake: float = NOW - 10, **facts: Any) -> Peer:
    """A peer whose handshake is ten seconds old, whose ways lead where they should, and who answers."""
    ways = [Way(INNER, interface=NAME, prefix=f"{INNER}/32")]
    arrivals = [Way(OURS, source=INNER, comes_in=NAME, interface="lo", prefix=f"{INNER}/32")]
    return peer(handshake, **{"ways": ways, "arrivals": arrivals, "echoes": [echo()], **facts})


def echo(got: Got = Got.ANSWER, address: str = INNER, by: str = "", size: int = 64) -> Reply:
    return Reply(address, size, got, by, 1.5 if got is Got.ANSWER else 0)


def evidence(*peers: Peer, kind: Kind = Kind.OURS, **facts: Any) -> Evidence:
    """A tunnel with these peers."""
    known = {
        "now": NOW,
        "seconds": 6.5,
        "public_key": OWN,
        "listen_port": 51001,
        "subject": NAME,
        "file": FILE,
        "interface": Interface(True, True, 1420, (f"{OURS}/24",)),
        "local": Local(networks=(("192.0.2.0/24", CABLE),), forwarding={4: True, 6: True}),
    }
    return Evidence(**{"name": NAME, "kind": kind, "peers": list(peers), **known, **facts})
