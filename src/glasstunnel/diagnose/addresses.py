"""What an address in an answer gives away, and how an own address is hidden in a report.

Rule: a mark is evidence, not a verdict: only a certificate proves whose an address is. Section: RFC 6890 and
the IANA special-purpose registries, as :mod:`ipaddress` knows them; for forged answers Hoang et al., “How
Great is the Great Firewall?”, USENIX Security 2021, §5.1–5.2 (most forged IPv4 addresses are Facebook's,
Twitter's and Dropbox's; all forged IPv6 addresses are in Teredo's 2001::/32), and
viewdns.info/research/dns-cache-poisoning-in-the-peoples-republic-of-china for the old single addresses.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_OLD_FORGERIES: Final = frozenset(
    (
        *("4.36.66.178", "8.7.198.45", "37.61.54.158", "46.82.174.68", "59.24.3.173", "64.33.88.161"),
        *("78.16.49.15", "93.46.8.89", "128.121.126.139", "159.106.121.75", "202.106.1.2", "203.98.7.65"),
        *("203.161.230.171", "207.12.88.98", "209.145.54.50", "243.185.187.39"),
    )
)
_NEVER_A_REGISTRY: Final = tuple(
    (ip_network(network), owner)
    for owner, networks in {
        "Facebook": "31.13.24.0/21 31.13.64.0/18 66.220.144.0/20 69.63.176.0/20 69.171.224.0/19 "
        "74.119.76.0/22 157.240.0.0/16 173.252.64.0/18 179.60.192.0/22 185.60.216.0/22",
        "Twitter": "104.244.40.0/21 199.16.156.0/22 199.59.148.0/22 199.96.56.0/21",
        "Dropbox": "108.160.160.0/20 162.125.0.0/16 199.47.216.0/22",
    }.items()
    for network in networks.split()
)
_SHARED: Final = ip_network("100.64.0.0/10")
_TEREDO: Final = ip_network("2001::/32")


def canonical(text: str) -> str:
    """An address as :mod:`ipaddress` writes it. Raises :exc:`ValueError`."""
    return str(ip_address(text))


def is_address(text: str) -> bool:
    """Whether it is an address, of either version."""
    try:
        canonical(text)
    except ValueError:
        return False
    return True


def mark(text: str) -> str:
    """What is odd about an address as that of a public host; "" for nothing."""
    address = ip_address(text)
    if text in _OLD_FORGERIES or address in _TEREDO:
        return "known forgery"
    for network, owner in _NEVER_A_REGISTRY:
        if address in network:
            return f"known forgery, {owner}"
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "loopback"
    if address.is_multicast:
        return "multicast"
    if is_own(address):
        return "private"
    if address.is_reserved or not address.is_global:
        return "special"
    return ""


def is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address means something only in the user's own network."""
    if address.is_loopback or address.is_unspecified:
        return False
    if address.is_link_local or address in _SHARED:
        return True
    if isinstance(address, IPv4Address):
        return any(address in network for network in _RFC1918)
    return address in _UNIQUE_LOCAL


_RFC1918: Final = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_UNIQUE_LOCAL: Final = ip_network("fc00::/7")

_ANY_ADDRESS: Final = (
    r"(?:(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?\w)"
    r"|(?<![\w:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w:]))"
)
_NO_NETWORK: Final = r"(?!/[0-9]{1,3}\b)"
_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s'\"]+(?=@)")


def without_passwords(text: str) -> str:
    """The text without the credentials in its URLs."""
    return _CREDENTIALS.sub("***", text)


class Mask:
    """Replaces the addresses of the user's own network, each by a name that stays the same in a report."""

    def __init__(self, own: Iterable[str] = (), *, networks: bool = False) -> None:
        """Hide.

        Args:
            own: further addresses, such as the machine's public one; of IPv6 with all its subnet (/64).
            networks: those with a length too, such as allowed IPs; NO_PROXY's tell nothing.
        """
        self._pattern = re.compile(_ANY_ADDRESS + ("" if networks else _NO_NETWORK))
        self._own = {ip_network((address, 64 if ":" in address else 32), strict=False) for address in own}
        self._names: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """The text with addresses hidden, and with the credentials in URLs."""
        return self._pattern.sub(self._replace, without_passwords(text))

    def _replace(self, found: re.Match[str]) -> str:
        try:
            address = ip_address(found[0])
        except ValueError:
            return found[0]
        if not is_own(address) and not any(address in network for network in self._own):
            return found[0]
        return self._names.setdefault(str(address), f"own-address-{len(self._names) + 1}")
