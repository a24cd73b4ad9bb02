"""Who pulls, and where that one keeps what a pull depends on."""

import pytest

from glasstunnel.diagnose.daemon import Kind, client_of, places, who_pulls

SYSTEM, SNAP, ROOTLESS, DESKTOP, PODMAN = Kind.SYSTEM, Kind.SNAP, Kind.ROOTLESS, Kind.DESKTOP, Kind.PODMAN


@pytest.mark.parametrize(
    ("endpoint", "there", "kind"),
    [
        ("unix:///var/run/docker.sock", {SYSTEM, ROOTLESS, DESKTOP}, SYSTEM),
        ("unix:///var/run/docker.sock", {SNAP, ROOTLESS}, SNAP),
        ("unix:///var/run/docker.sock", {DESKTOP}, DESKTOP),  # WSL
        ("unix:///var/run/docker.sock", set(), Kind.NONE),
        ("unix:///run/user/1000/docker.sock", {SYSTEM, ROOTLESS}, ROOTLESS),
        ("unix:///home/a/.docker/desktop/docker.sock", {SYSTEM, DESKTOP}, DESKTOP),
        ("unix:///run/user/1000/podman/podman.sock", {SYSTEM}, PODMAN),
        ("ssh://a@build.example.org", {SYSTEM}, Kind.ELSEWHERE),
        ("tcp://192.168.77.5:2375", {SYSTEM}, Kind.ELSEWHERE),
        ("", {SYSTEM, ROOTLESS}, SYSTEM),
        ("", {ROOTLESS, PODMAN}, ROOTLESS),
        ("", {PODMAN}, PODMAN),
        ("", set(), Kind.NONE),
    ],
)
def test_what_the_client_speaks_to_decides_and_else_what_is_there(
    endpoint: str, there: set[Kind], kind: Kind
) -> None:
    assert who_pulls(endpoint, "docker", frozenset(there)) is kind


def test_a_client_that_is_podman_pulls_itself() -> None:
    assert who_pulls("", "podman", frozenset({SYSTEM})) is PODMAN


@pytest.mark.parametrize(
    ("name", "beginning", "client"),
    [
        ("/usr/bin/docker", "\x7fELF", "docker"),
        ("/snap/docker/2915/bin/docker", "", "docker"),
        ("/usr/bin/podman", "\x7fELF", "podman"),  # a link
        ("/usr/bin/docker", '#!/bin/sh\nexec /usr/bin/podman "$@"\n', "podman"),
        ("/usr/bin/docker", "\x7fELF with podman in it", "docker"),
        ("", "", ""),
    ],
)
def test_a_program_named_docker_may_be_podman(name: str, beginning: str, client: str) -> None:
    assert client_of(name, beginning) == client


def test_each_daemon_has_its_files_and_its_restart() -> None:
    assert places(SYSTEM).settings == "/etc/docker/daemon.json"
    assert places(SYSTEM).rewire == ("systemctl daemon-reload", "systemctl restart docker")
    snap = places(SNAP)
    assert snap.settings == "/var/snap/docker/current/config/daemon.json"
    assert snap.drop_ins == "/etc/systemd/system/snap.docker.dockerd.service.d"
    assert snap.rewire == ("systemctl daemon-reload", "snap restart docker")
    own = places(ROOTLESS)
    assert own.settings == "~/.config/docker/daemon.json"
    assert own.drop_ins == "~/.config/systemd/user/docker.service.d"
    assert own.rewire == ("systemctl --user daemon-reload", "systemctl --user restart docker")
    assert places(ROOTLESS, "/srv/config").certificates == "/srv/config/docker/certs.d"
    assert places(DESKTOP).settings == "~/.docker/daemon.json"
    assert places(PODMAN) == places(SYSTEM)
