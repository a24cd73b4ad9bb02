"""What registries say: challenges, tokens, manifests."""

import json

import pytest

from glasstunnel.diagnose.registry import (
    Challenge,
    Choice,
    choose,
    first_blob,
    host_of,
    parse_challenge,
    parse_token,
    redirect,
)

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'


def test_a_challenge_names_the_token_service() -> None:
    challenge = parse_challenge(HUB)
    assert challenge == Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io")
    assert challenge.host == ("auth.docker.io", 443)


def test_commas_and_equals_signs_within_quotes_belong_to_the_value() -> None:
    challenge = parse_challenge('Bearer realm="https://a/t?x=1",scope="repository:a/b:pull,push", error="x"')
    assert challenge == Challenge("bearer", "https://a/t?x=1")


@pytest.mark.parametrize(
    ("realm", "host"),
    [
        ("http://a:5001/token", ("a", 5001)),
        ("http://a/token", ("a", 80)),
        ("ftp://a/token", None),
        ("token", None),
        ("https://a:x/", None),
    ],
)
def test_a_realm_is_a_host_and_a_port_or_nothing(realm: str, host: tuple[str, int] | None) -> None:
    assert Challenge("bearer", realm).host == host


def test_a_token_is_asked_for_with_the_service_and_a_scope_of_our_own() -> None:
    assert Challenge("bearer", "https://a/t", "s").token_url("library/x") == (
        "https://a/t?service=s&scope=repository%3Alibrary%2Fx%3Apull"
    )
    assert (
        Challenge("bearer", "https://a/t?k=1").token_url("x") == "https://a/t?k=1&scope=repository%3Ax%3Apull"
    )
    ghcr = parse_challenge(
        'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
    )
    assert ghcr
    assert ghcr.token_url("a/b") == ("https://ghcr.io/token?service=ghcr.io&scope=repository%3Aa%2Fb%3Apull")


def test_a_header_without_parameters_is_a_scheme_and_none_is_none() -> None:
    assert parse_challenge("Basic") == Challenge("basic")
    assert parse_challenge("Basic something") == Challenge("basic")
    assert parse_challenge(" ") is None


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"token": "t"}', "t"),
        (b'{"access_token": "a"}', "a"),
        (b'{"token": 1}', ""),
        (b"{}", ""),
        (b"[]", ""),
        (b"<html>", ""),
    ],
)
def test_a_token_has_either_of_two_names(body: bytes, token: str) -> None:
    assert parse_token(body) == token


def index(*platforms: tuple[str, str]) -> bytes:
    manifests = [
        {"digest": f"sha256:{number}", "platform": {"os": system, "architecture": architecture}}
        for number, (system, architecture) in enumerate(platforms)
    ]
    return json.dumps({"manifests": [{"no": "digest"}, *manifests]}).encode()


@pytest.mark.parametrize(
    ("machine", "wanted", "digest"),
    [
        ("x86_64", "linux/amd64", "sha256:1"),
        ("aarch64", "linux/arm64", "sha256:3"),
        ("armv7l", "linux/arm", "sha256:3"),
        ("i686", "linux/386", "sha256:2"),
        ("s390x", "linux/s390x", ""),
    ],
)
def test_of_an_index_the_manifest_for_this_machine_is_chosen_or_one_that_it_can_run(
    machine: str, wanted: str, digest: str
) -> None:
    body = index(("windows", "amd64"), ("linux", "amd64"), ("linux", "386"), ("linux", "arm"))
    offered = ("windows/amd64", "linux/amd64", "linux/386", "linux/arm")
    assert choose(body, machine) == Choice(wanted, digest, offered)


def test_of_several_manifests_for_a_machine_the_first_is_chosen_and_attestations_are_not_offered() -> None:
    body = index(("linux", "amd64"), ("linux", "amd64"), ("unknown", "unknown"))
    assert choose(body, "x86_64") == Choice("linux/amd64", "sha256:0", ("linux/amd64",))


def test_an_entry_without_a_platform_is_for_every_machine() -> None:
    body = b'{"manifests": [{"digest": "sha256:7", "platform": 3}]}'
    assert choose(body, "s390x") == Choice("linux/s390x", "sha256:7", ())


def test_what_is_no_index_leaves_no_choice() -> None:
    assert choose(b'{"layers": []}') is None


def test_an_images_first_layer_that_the_registry_has_or_else_its_configuration() -> None:
    elsewhere = '{"digest": "sha256:w", "urls": ["https://a"]}'
    layers = (
        f'{{"layers": [{elsewhere}, {{"digest": 1}}, {{"digest": "sha256:a"}}, {{"digest": "sha256:b"}}]}}'
    )
    assert first_blob(layers.encode()) == "sha256:a"
    assert first_blob(b'{"layers": [], "config": {"digest": "sha256:c"}}') == "sha256:c"
    assert first_blob(b'{"layers": [1, {}]}') == ""
    assert first_blob(b"{}") == ""


@pytest.mark.parametrize(
    ("status", "location", "target"),
    [
        (307, "https://b:8443/x?y=1", "https://b:8443/x?y=1"),
        (302, "/v2/elsewhere", "https://a/v2/elsewhere"),
        (308, "ftp://b/x", ""),
        (301, "https://b:x/", ""),
        (303, "", ""),
        (200, "https://b/", ""),
    ],
)
def test_a_redirect_leads_where_http_can_follow(status: int, location: str, target: str) -> None:
    assert redirect("https://a/v2/", status, location) == target


def test_a_url_is_a_host_and_a_port_or_nothing() -> None:
    assert host_of("http://[::1]/x") == ("::1", 80)
    assert host_of("https://") is None
