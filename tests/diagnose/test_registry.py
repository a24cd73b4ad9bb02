"""What registries say: challenges, tokens, manifests."""

import json

import pytest

from glasstunnel.diagnose.registry import (
    Challenge,
    chosen_manifest,
    first_layer,
    parse_challenge,
    parse_token,
)

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'


def test_a_challenge_names_the_token_service() -> None:
    challenge = parse_challenge(HUB)
    assert challenge == Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io")
    assert challenge.host == ("auth.docker.io", 443)


def test_commas_and_equals_signs_within_quotes_belong_to_the_value() -> None:
    challenge = parse_challenge('Bearer realm="https://a/t?x=1",scope="repository:a/b:pull,push", error="x"')
    assert challenge == Challenge("bearer", "https://a/t?x=1", "", "repository:a/b:pull,push")


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


def test_a_token_is_asked_for_with_the_service_and_the_scope() -> None:
    assert Challenge("bearer", "https://a/t", "s").token_url("library/x") == (
        "https://a/t?service=s&scope=repository%3Alibrary%2Fx%3Apull"
    )
    assert Challenge("bearer", "https://a/t?k=1", "", "z").token_url("x") == "https://a/t?k=1&scope=z"


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
    ("machine", "digest"), [("x86_64", "sha256:1"), ("aarch64", "sha256:2"), ("s390x", "sha256:0")]
)
def test_of_an_index_the_manifest_for_this_machine_is_chosen_else_the_first(
    machine: str, digest: str
) -> None:
    body = index(("windows", "amd64"), ("linux", "amd64"), ("linux", "arm64"))
    assert chosen_manifest(body, machine) == digest


def test_what_is_no_index_has_no_manifest() -> None:
    assert chosen_manifest(b'{"layers": []}') == ""
    assert chosen_manifest(b'{"manifests": [{"digest": "sha256:7", "platform": 3}]}') == "sha256:7"


def test_an_images_first_layer() -> None:
    assert (
        first_layer(b'{"layers": [{"digest": 1}, {"digest": "sha256:a"}, {"digest": "sha256:b"}]}')
        == "sha256:a"
    )
    assert first_layer(b'{"layers": [1, {}]}') == ""
    assert first_layer(b"{}") == ""
