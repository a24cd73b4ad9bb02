"""The machine's files, read."""

import pytest

from glasstunnel.diagnose.daemon import Kind
from glasstunnel.diagnose.machine import (
    Machine,
    Proxies,
    apt_proxy,
    environment_file,
    hosts_entries,
    laid_over,
    nsswitch_hosts,
    proxies_of,
    read_daemon_json,
    resolv_conf,
    unit_environment,
)


def test_the_lines_of_a_hosts_file_that_speak_of_a_name() -> None:
    text = "127.0.0.1 localhost\n# 1.1.1.1 a.example\n2.2.2.2 b A.example # a.example\n\n::1 a.example.org\n"
    assert hosts_entries(text, "a.example") == [(3, "2.2.2.2")]


def test_a_resolv_conf() -> None:
    text = "# nameserver 9.9.9.9\nnameserver 1.1.1.1\nnameserver fe80::1%eth0\noptions a b\nnameserver\n\n"
    assert resolv_conf(text) == (("1.1.1.1", "fe80::1%eth0"), ("a", "b"))


def test_the_line_of_nsswitch_about_hosts() -> None:
    assert nsswitch_hosts("passwd: files\nhosts:  files mdns4 dns # x\n") == "files mdns4 dns"
    assert nsswitch_hosts("passwd: files\n") == ""


def test_what_a_unit_and_its_drop_ins_set() -> None:
    unit = "[Unit]\nEnvironment=A=0\n[Service]\nEnvironment=B=1 C=2\n"
    drop_in = '[Service]\nEnvironment="HTTPS_PROXY=http://a b:1" \\\n  D=4\nEnvironment="broken\n'
    assert unit_environment([unit, drop_in]) == {"B": "1", "C": "2", "HTTPS_PROXY": "http://a b:1", "D": "4"}


def test_an_empty_assignment_forgets_what_was_set() -> None:
    assert unit_environment(["[Service]\nEnvironment=A=1\n", "[Service]\nEnvironment=\nEnvironment=B=2"]) == {
        "B": "2"
    }


def test_an_environment_file_may_say_export() -> None:
    assert environment_file('# x=1\nexport https_proxy="http://p:1"\nA=b\nno\n') == {
        "https_proxy": "http://p:1",
        "A": "b",
    }


def test_upper_case_comes_before_lower_case() -> None:
    variables = {"https_proxy": "low", "HTTPS_PROXY": "up", "no_proxy": "x", "HTTP_PROXY": ""}
    assert proxies_of(variables, "s") == Proxies("s", "", "http://up", "x")
    assert proxies_of({"NO_PROXY": "x"}, "s") is None


def test_apts_proxy_serves_both_schemes_unless_there_are_two() -> None:
    assert apt_proxy('Acquire::http::Proxy "http://p:1";', "f") == Proxies("f", "http://p:1", "http://p:1")
    both = 'Acquire::http::Proxy "http://p:1";\nAcquire::https::Proxy "http://q:1";\n'
    assert apt_proxy(both, "f") == Proxies("f", "http://p:1", "http://q:1")
    assert apt_proxy('Acquire::http::Proxy "DIRECT";', "f") is None
    assert apt_proxy("", "f") is None


def test_daemon_json() -> None:
    machine = Machine()
    text = """{"registry-mirrors": ["https://m"], "dns": ["8.8.8.8"], "insecure-registries": ["r:5000"],
               "proxies": {"https-proxy": "new:1"}}"""
    assert read_daemon_json(text, "f", machine) == Proxies("f", "", "http://new:1")
    assert machine.mirrors == ("https://m",)
    assert machine.daemon_dns == ("8.8.8.8",)
    assert machine.insecure == ("r:5000",)
    assert machine.faults == []


def test_docker_desktop_leaves_the_proxies_of_daemon_json_alone() -> None:
    text = '{"proxies": {"https-proxy": "http://new:1"}, "registry-mirrors": ["https://m"]}'
    machine = Machine(kind=Kind.DESKTOP)
    assert read_daemon_json(text, "f", machine) is None
    assert machine.mirrors == ("https://m",)


@pytest.mark.parametrize("text", ["{}", '{"proxies": {}}', '{"dns": 3}'])
def test_a_daemon_json_without_proxies_sets_none(text: str) -> None:
    machine = Machine()
    assert read_daemon_json(text, "f", machine) is None
    assert machine.daemon_dns == ()


def test_daemon_json_lies_over_the_environment_setting_by_setting() -> None:
    unit = Proxies("docker.service", "http://old:1", "http://old:1", "kept")
    over = Proxies("f", "", "http://new:1")
    assert laid_over(unit, over) == Proxies("f", "http://old:1", "http://new:1", "kept")
    assert laid_over(unit, None) == unit
    assert laid_over(None, over) == over
    assert laid_over(None, None) is None


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_daemon_json_that_is_none_is_named(text: str) -> None:
    machine = Machine()
    read_daemon_json(text, "/etc/docker/daemon.json", machine)
    assert len(machine.faults) == 1
    assert machine.faults[0].values["file"] == "/etc/docker/daemon.json"


@pytest.mark.parametrize(
    ("no", "host", "port", "excepted"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "a.example.org", 443, True),
        ("example.org", "notexample.org", 443, False),
        (".example.org", "example.org", 443, False),
        (".example.org", "a.example.org", 443, True),
        ("*.example.org", "a.example.org", 443, True),
        ("Example.ORG", "a.example.org", 443, True),
        ("example.org:443", "example.org", 443, True),
        ("example.org:5000", "example.org", 443, False),
        ("*", "example.org", 443, True),
        ("a, ,10.0.0.0/8", "10.1.1.1", 443, True),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1", "10.0.0.2", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("", "localhost", 443, True),
        ("", "127.0.0.1", 443, True),
        ("", "example.org", 443, False),
    ],
)
def test_no_proxy_is_read_as_go_reads_it(no: str, host: str, port: int, excepted: bool) -> None:
    proxies = Proxies("s", "", "http://p:1", no)
    assert (proxies.for_host(host, port) == "") == excepted


def test_a_proxy_has_a_scheme_and_each_scheme_its_proxy() -> None:
    proxies = Proxies("s", "http://plain:1", "secure:1")
    assert proxies.for_host("a", 443) == "http://secure:1"
    assert proxies.for_host("a", 80, "http") == "http://plain:1"


def test_a_pull_goes_by_the_daemons_proxies_and_without_a_daemon_by_the_environments() -> None:
    running, unit, mine = (Proxies(name, "", f"http://{name}:1") for name in ("running", "unit", "mine"))
    assert Machine(kind=Kind.SYSTEM, running=running, configured=unit, environment=mine).proxies == running
    assert Machine(kind=Kind.SYSTEM, configured=unit, environment=mine).proxies == unit
    assert Machine(kind=Kind.SYSTEM, environment=mine).proxies is None
    assert Machine(environment=mine).proxies == mine
    assert Machine(configured=unit, environment=mine).proxies == unit


def test_podman_pulls_by_its_environment_alone() -> None:
    mine = Proxies("environment", "", "http://mine:1")
    assert Machine(kind=Kind.PODMAN, configured=Proxies("f"), environment=mine).proxies == mine


def test_a_daemon_that_runs_with_other_proxies_than_its_files_say_is_stale() -> None:
    old, new = Proxies("dockerd", "", "http://old:1"), Proxies("docker.service", "", "http://new:1")
    assert Machine(running=old, configured=new).stale
    assert Machine(running=Proxies("dockerd"), configured=new).stale
    assert Machine(running=old).stale
    assert not Machine(running=old, configured=Proxies("docker.service", "", "http://old:1")).stale
    assert not Machine(running=Proxies("dockerd")).stale
    assert not Machine(configured=new).stale


def test_other_programs_proxies_are_known_but_not_the_daemons_own() -> None:
    unit, apt = Proxies("unit", "", "http://unit:1"), Proxies("apt", "", "http://apt:1")
    machine = Machine(
        kind=Kind.SYSTEM, configured=unit, environment=unit, elsewhere=(apt, Proxies("e", "http://x:1"))
    )
    assert machine.known_proxies("a", 443) == ["http://apt:1"]
    assert Machine(kind=Kind.SYSTEM, environment=apt).known_proxies("a", 443) == ["http://apt:1"]


def test_environment_files_come_after_the_unit_and_what_is_unset_goes() -> None:
    texts = [
        "[Service]\nEnvironment=A=1 B=2 C=3%%\nEnvironmentFile=-/etc/default/docker\n",
        "[Service]\nUnsetEnvironment=A D=5\n",
    ]
    files = {"/etc/default/docker": "B=4\nD=5\nE=6\n"}
    assert unit_environment(texts, lambda path: files.get(path, "")) == {"B": "4", "C": "3%", "E": "6"}


def test_empty_settings_forget_files_and_what_was_to_be_unset() -> None:
    texts = [
        "[Service]\nEnvironment=A=1\nEnvironmentFile=/x\nUnsetEnvironment=A\n",
        "[Service]\nEnvironmentFile=\nUnsetEnvironment=\nType=notify\n",
    ]
    assert unit_environment(texts) == {"A": "1"}
