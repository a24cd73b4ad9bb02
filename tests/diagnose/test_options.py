"""Resolvers and deadlines."""

import pytest

from glasstunnel.diagnose.options import RESOLVERS, Deadlines, OptionError, Resolver, parse_resolver


@pytest.mark.parametrize(
    ("text", "resolver"),
    [
        ("1.1.1.1", Resolver("1.1.1.1", "", 53, 53, 853, 443)),
        ("1.1.1.1#dns.lab", Resolver("1.1.1.1", "dns.lab", 53, 53, 853, 443)),
        ("::1#dns.lab,udp=5353,tcp=0,tls=8853,https=8443", Resolver("::1", "dns.lab", 5353, 0, 8853, 8443)),
    ],
)
def test_a_resolver_is_an_address_a_name_and_ports(text: str, resolver: Resolver) -> None:
    assert parse_resolver(text) == resolver


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dns.google", "an IP address first"),
        ("1.1.1.1,quic=853", "udp, tcp, tls or https"),
        ("1.1.1.1,udp", "udp, tcp, tls or https"),
        ("1.1.1.1,udp=x", "a port up to 65535"),
        ("1.1.1.1,udp=65536", "a port up to 65535"),
    ],
)
def test_what_is_no_resolver_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        parse_resolver(text)


def test_without_a_name_no_certificate_can_be_checked_so_nothing_encrypted_is_asked() -> None:
    assert Resolver("1.1.1.1").ports() == {"udp": 53, "tcp": 53}
    assert Resolver("1.1.1.1", "x").ports() == {"udp": 53, "tcp": 53, "tls": 853, "https": 443}


def test_transports_can_be_left_out() -> None:
    assert Resolver("1.1.1.1", "x").without(["udp", "https"]).ports() == {"tcp": 53, "tls": 853}


def test_the_usual_resolvers_can_be_asked_encrypted() -> None:
    assert all(len(resolver.ports()) == 4 for resolver in RESOLVERS)


def test_the_layers_have_fifteen_seconds_together_and_their_shares_of_another_total() -> None:
    assert Deadlines().total == 15
    halved = Deadlines.of(7.5)
    assert halved.total == 7.5
    assert (halved.names, halved.tcp, halved.tls, halved.http) == (2, 1.5, 1.5, 2.5)
