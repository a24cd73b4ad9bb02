"""The files of whoever pulls, read where that one keeps them: a home and a ``docker`` of the test's own."""

import os
from pathlib import Path

import pytest

from glasstunnel.diagnose.daemon import Kind
from glasstunnel.diagnose.probe import files

PROXY = "http://u:secret@192.168.77.80:3128"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DOCKER_HOST", "XDG_CONFIG_HOME", *(n for n in os.environ if "proxy" in n.lower())):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def client_of(home: Path, endpoint: str) -> None:
    """A ``docker`` whose context leads there, and which says nothing if it is asked anything else."""
    question = "context inspect --format {{.Endpoints.docker.Host}}"
    write(home / "bin" / "docker", f'#!/bin/sh\n[ "$*" = "{question}" ] && echo "{endpoint}"\n', 0o755)


def test_a_rootless_daemon_is_read_in_the_users_home(home: Path) -> None:
    client_of(home, "unix:///run/user/1000/docker.sock")
    unit = '[Service]\nEnvironment="HTTPS_PROXY=http://unit:1" "NO_PROXY=a"\n'
    write(home / ".config/systemd/user/docker.service", unit)
    write(
        home / ".config/systemd/user/docker.service.d/proxy.conf",
        f"[Service]\nEnvironment=HTTPS_PROXY={PROXY}\n",
    )
    write(home / ".config/docker/daemon.json", '{"registry-mirrors": ["https://m.example"]}')
    write(home / ".config/docker/certs.d/[fd00::1]:5000/ca.crt", "")
    machine = files.read_machine()
    assert (machine.kind, machine.mirrors) == (Kind.ROOTLESS, ("https://m.example",))
    assert machine.configured
    assert (machine.configured.https, machine.configured.no) == (PROXY, "a")
    (certificate,) = files.extra_certificates(machine, "fd00::1", 5000)
    assert certificate.endswith("/certs.d/[fd00::1]:5000/ca.crt")


def test_docker_desktop_is_known_by_its_socket_and_its_proxies_are_not_in_daemon_json(home: Path) -> None:
    client_of(home, f"unix://{home}/.docker/desktop/docker.sock")
    text = f'{{"proxies": {{"https-proxy": "{PROXY}"}}, "insecure-registries": ["r:5000"]}}'
    write(home / ".docker/daemon.json", text)
    machine = files.read_machine()
    assert (machine.kind, machine.proxies, machine.insecure) == (Kind.DESKTOP, None, ("r:5000",))


def test_docker_host_comes_before_the_context(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client_of(home, "unix:///var/run/docker.sock")
    monkeypatch.setenv("DOCKER_HOST", "ssh://build.example.org")
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    machine = files.read_machine()
    assert (machine.kind, machine.endpoint) == (Kind.ELSEWHERE, "ssh://build.example.org")
    assert machine.configured is None


def test_podman_under_dockers_name_pulls_by_this_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "bin" / "docker", '#!/bin/sh\nexec /usr/bin/podman "$@"\n', 0o755)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    machine = files.read_machine()
    assert machine.kind is Kind.PODMAN
    assert machine.proxies
    assert machine.proxies.https == PROXY


def test_the_file_with_the_credentials_is_not_opened(home: Path) -> None:
    """It is a pipe here that nobody writes to: who opened it would wait for ever."""
    client_of(home, "unix:///var/run/docker.sock")
    (home / ".docker").mkdir()
    os.mkfifo(home / ".docker/config.json")
    assert files.read_machine().endpoint == "unix:///var/run/docker.sock"


def test_who_has_no_home_has_no_daemon_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a service under a user number that nobody has."""

    def nowhere(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    client_of(home, "unix:///run/user/1000/docker.sock")
    monkeypatch.setattr(Path, "expanduser", nowhere)
    assert files.read_machine().kind is Kind.ROOTLESS
