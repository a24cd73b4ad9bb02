"""What a program in a namespace apart sees of names, and whom it runs as."""

import os
import pwd
from pathlib import Path

import pytest

from glasstunnel.host import program
from glasstunnel.host.errors import HostError
from glasstunnel.host.program import Person


def test_names_are_asked_of_dns_and_of_nobody_else() -> None:
    others = "passwd: files systemd\n# hosts: all\n"
    text = others + "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n"
    assert program.nsswitch_conf(text) == others + "hosts: files myhostname dns \n"
    assert program.nsswitch_conf("hosts:\tfiles mdns4_minimal [NOTFOUND=return] dns # and\n") == (
        "hosts: files dns # and\n"
    )


def test_the_name_servers_and_search_domains_are_those_of_the_configuration() -> None:
    assert program.resolv_conf(["10.0.0.1", "fd00::1"], ["corp.example", "example"]) == (
        "nameserver 10.0.0.1\nnameserver fd00::1\nsearch corp.example example\n"
    )
    assert program.resolv_conf(["10.0.0.1"], []) == "nameserver 10.0.0.1\n"


@pytest.mark.parametrize("variable", ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"])
def test_the_program_runs_as_who_called_us(variable: str) -> None:
    root = pwd.getpwuid(0)
    who = "0" if variable.endswith("UID") else "root"
    expected = Person(0, root.pw_gid, "root", root.pw_dir, root.pw_shell)
    assert program.person(None, {variable: who}) == expected


def test_a_wish_comes_before_who_called_us_and_without_either_nothing_changes() -> None:
    assert program.person("root", {"SUDO_UID": "4711"}).uid == 0
    assert program.person(None, {}).uid == os.getuid()
    assert program.person("4294967294", {}) == Person(4294967294, 4294967294)


@pytest.mark.parametrize("wish", ["", "nobody knows", "-1", "4294967295", "99999999999"])
def test_who_is_no_user_is_refused(wish: str) -> None:
    with pytest.raises(HostError, match=f'expected the name or the number of a user, got "{wish}"'):
        program.person(wish, {})


def test_the_environment_is_that_of_the_user(tmp_path: Path) -> None:
    who = Person(4711, 4711, "eve", "/home/eve", "/bin/zsh")
    before = {"HOME": "/root", "USER": "root", "PATH": "/bin"}
    expected = {"HOME": "/home/eve", "USER": "eve", "LOGNAME": "eve", "SHELL": "/bin/zsh", "PATH": "/bin"}
    assert program.environment_of(who, before) == expected


def test_what_there_is_no_program_for_has_the_status_of_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the signals of the tests stay
    plain = tmp_path / "plain"
    plain.write_text("")
    for command, status in (("no-such-program", 127), (str(plain), 126)):
        with pytest.raises(program.ExecutionError) as caught:
            program.execute([command], os.environ)
        assert caught.value.status == status


def test_a_user_who_is_logged_in_has_his_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """For sound and the session's bus; sudo does not pass it on."""
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/run/user/4711")
    assert program.environment_of(Person(4711, 4711), {})["XDG_RUNTIME_DIR"] == "/run/user/4711"
