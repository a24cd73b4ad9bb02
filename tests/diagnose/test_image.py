"""References of images, as the daemon reads them (distribution/reference)."""

import pytest

from glasstunnel.diagnose.image import Image, ImageError, parse

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("hello-world", Image("docker.io", "library/hello-world", "latest")),
        ("alpine:3.20", Image("docker.io", "library/alpine", "3.20")),
        ("budtmo/docker-android:emulator_9.0", Image("docker.io", "budtmo/docker-android", "emulator_9.0")),
        ("docker.io/alpine", Image("docker.io", "library/alpine", "latest")),
        ("index.docker.io/alpine", Image("docker.io", "library/alpine", "latest")),
        ("ghcr.io/a/b/c:x", Image("ghcr.io", "a/b/c", "x")),
        ("localhost/app", Image("localhost", "app", "latest")),
        ("localhost:5000/app", Image("localhost:5000", "app", "latest")),
        ("registry.example.org:5443/team/app:1", Image("registry.example.org:5443", "team/app", "1")),
        ("[fd00::1]:5000/app", Image("[fd00::1]:5000", "app", "latest")),
        (f"alpine@{DIGEST}", Image("docker.io", "library/alpine", DIGEST)),
        (f"alpine:3@{DIGEST}", Image("docker.io", "library/alpine", DIGEST)),
        (f"alpine@sha384:{'ab' * 48}", Image("docker.io", "library/alpine", f"sha384:{'ab' * 48}")),
        ("[::1]:5000/x", Image("[::1]:5000", "x", "latest")),
        ("a__b/c-d.e", Image("docker.io", "a__b/c-d.e", "latest")),
    ],
)
def test_a_reference_means_what_the_daemon_takes_it_for(text: str, image: Image) -> None:
    assert parse(text) == image


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("alpine", "registry-1.docker.io", 443),
        ("ghcr.io/a/b", "ghcr.io", 443),
        ("localhost:5000/app", "localhost", 5000),
        ("[fd00::1]:5000/app", "fd00::1", 5000),
        ("[fd00::1]/app", "fd00::1", 443),
    ],
)
def test_a_registry_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert (parse(text).host, parse(text).port) == (host, port)


def test_only_the_hub_is_the_hub() -> None:
    assert parse("alpine").on_hub
    assert not parse("ghcr.io/a/b").on_hub


def test_an_image_is_written_in_full() -> None:
    assert str(parse("alpine")) == "docker.io/library/alpine:latest"
    assert str(parse(f"ghcr.io/a/b@{DIGEST}")) == f"ghcr.io/a/b@{DIGEST}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alpine", "lower-case"),
        ("", "lower-case"),
        ("a//b", "lower-case"),
        ("alpine:", "a tag of 1 to 128"),
        ("alpine:-x", "a tag of 1 to 128"),
        (f"alpine:{'x' * 129}", "a tag of 1 to 128"),
        ("alpine@sha256:12", "64 hexadecimal digits"),
        ("alpine@", "64 hexadecimal digits"),
        ("bad_host.x/app", "HOST or HOST:PORT"),
        ("a..b/app", "HOST or HOST:PORT"),
        ("host:0/app", "a port from 1 to 65535"),
        ("host:70000/app", "a port from 1 to 65535"),
        ("https://ghcr.io/a", 'without "https://"'),
        ("http://localhost:5000/a", 'without "https://"'),
        ("two words", "lower-case"),
        ("镜像", "lower-case"),
        ("-x", "lower-case"),
        ("a:b:c", 'got "a:b"'),
        ("ghcr.io/", "lower-case"),
        ("[::1/x", "HOST or HOST:PORT"),
        ("x" * 256, "at most 255 characters, got 274"),
        ("ab" * 32, "identifier of an image"),
        (f"alpine@md5:{'ab' * 16}", "64 hexadecimal digits"),
    ],
)
def test_what_is_no_reference_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ImageError, match=expected):
        parse(text)
