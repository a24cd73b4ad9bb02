"""``route`` sends users through the tunnel or nowhere, and nobody else; then all is as it was."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasstunnel.host import journal
from glasstunnel.host.netlink import Netlink, Rule
from glasstunnel.operate import users
from tests.host.fakes import NOBODY, in_a_child
from tests.interop.far import Far, seen_as, who_am_i
from tests.interop.lab import Lab, glasstunnel, ping, run, until
from tests.interop.system import state

pytestmark = pytest.mark.interop

EVERYTHING = "AllowedIPs = 0.0.0.0/0, ::/0"
ALICE, BOB = 4001, 4002


@pytest.fixture
def config(lab: Lab, tmp_path: Path) -> Iterator[Path]:
    """All that there is may go through the tunnel, and nothing does by itself."""
    far = Far(lab.theirs)
    with lab.wireguard_go(), far.serving():
        yield lab.config(
            tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", EVERYTHING, interface="Table = off"
        )


@pytest.fixture
def up(lab: Lab, config: Path) -> Iterator[str]:
    """It is up, and the calling thread is at ``ours``."""
    with lab.up(config), lab.ours.namespace:
        yield lab.ours.interface


def route(*words: str) -> str:
    done = glasstunnel("route", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(*words: str) -> str:
    done = glasstunnel("route", *words)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.removeprefix("glasstunnel: ")


def seen(address: str, uid: int) -> str:
    """As whom the far side sees this user; nothing if he has no way to it."""
    words = ("--reuid", str(uid), "--regid", str(uid), "--clear-groups")
    return run("setpriv", *words, "bash", "-c", who_am_i(address), check=False)


def ways(lab: Lab, uid: int) -> list[str]:
    """The same in both families, to addresses that outside of the tunnel are on the cable."""
    return [seen(lab.theirs.outer[version], uid) for version in (4, 6)]


def tunnel(lab: Lab) -> list[str]:
    return [lab.ours.inner[version] for version in (4, 6)]


def cable(lab: Lab) -> list[str]:
    return [lab.ours.outer[version] for version in (4, 6)]


NOWHERE = ["", ""]


def test_who_is_sent_goes_through_the_tunnel_and_nobody_else(lab: Lab, up: str) -> None:
    before = state()
    said = route("add", up, "--uid", f"{ALICE}-{ALICE + 10}", "--uid", str(NOBODY))
    assert said == f"{up}: the users {ALICE}-{ALICE + 10}, {NOBODY} (nobody) go through it or nowhere\n"
    for uid in (ALICE, BOB, ALICE + 10, NOBODY):
        assert ways(lab, uid) == tunnel(lab)
    for uid in (0, ALICE - 1, ALICE + 11):
        assert ways(lab, uid) == cable(lab)
    after = route("remove", up, "--uid", f"{ALICE}-{ALICE + 4}")
    assert after == f"{up}: the users {ALICE + 5}-{ALICE + 10}, {NOBODY} (nobody) go through it or nowhere\n"
    assert ways(lab, ALICE) == cable(lab)
    assert ways(lab, ALICE + 5) == tunnel(lab)
    assert route("remove", up, "--user", "nobody", "--uid", "0-65533") == f"{up}: all users go as before\n"
    assert ways(lab, NOBODY) == cable(lab)
    assert state() == before


def test_all_but_some_go_through_it_and_the_tunnel_itself_does_not(lab: Lab, up: str) -> None:
    route("add", up, "--except", "--uid", str(ALICE))
    assert ways(lab, ALICE) == cable(lab)
    for uid in (0, BOB, NOBODY):
        assert ways(lab, uid) == tunnel(lab)
    route("add", up, "--except", "--uid", str(BOB))
    assert ways(lab, BOB) == cable(lab)
    assert ways(lab, 0) == tunnel(lab)


def test_what_is_excepted_does_not_go_where_all_else_goes(lab: Lab, tmp_path: Path) -> None:
    """The interface has the machine's default route, and one user is none of its business."""
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", EVERYTHING)
    with lab.ours.namespace:
        run("ip", "route", "add", "default", "via", lab.theirs.outer[4])
    with lab.theirs.namespace:
        run("ip", "address", "add", "198.51.100.9/32", "dev", "lo")
    far = Far(lab.theirs)
    with lab.wireguard_go(), far.serving(), lab.up(config), lab.ours.namespace:
        assert seen("198.51.100.9", ALICE) == lab.ours.inner[4]
        route("add", lab.ours.interface, "--except", "--uid", str(ALICE))
        assert seen("198.51.100.9", ALICE) == lab.ours.outer[4]
        assert seen("198.51.100.9", BOB) == lab.ours.inner[4]


def test_down_lets_everybody_go(lab: Lab, config: Path) -> None:
    name = lab.ours.interface
    with lab.ours.namespace:
        before = state()
        assert glasstunnel("up", "--quiet", config).returncode == 0
        route("add", name, "--uid", str(ALICE))
        assert glasstunnel("down", config).stdout == f"{name} is down\n"
        assert state() == before


def test_after_a_crash_they_go_nowhere_until_it_is_up_again_or_down(lab: Lab, config: Path) -> None:
    name = lab.ours.interface
    with lab.ours.namespace:
        before = state()
        for last in ("up", "down"):
            assert glasstunnel("up", "--quiet", config).returncode == 0
            route("add", name, "--uid", str(ALICE))
            process = journal.holder(name)
            assert process
            os.kill(process, signal.SIGKILL)
            until(lambda: journal.holder(name) == 0, "it is dead")
            until(lambda: name not in run("ip", "link"), "its interface is gone")
            assert ways(lab, ALICE) == NOWHERE
            assert ways(lab, BOB) == cable(lab)
            if last == "up":
                assert glasstunnel("up", "--quiet", config).returncode == 0
                until(lambda: ways(lab, ALICE) == tunnel(lab), "it leads where it led before")
            assert glasstunnel("down", config).returncode == 0
            assert state() == before


def test_when_the_interface_was_down_it_leads_there_again(lab: Lab, up: str) -> None:
    route("add", up, "--uid", str(ALICE))
    run("ip", "link", "set", up, "down")
    assert ways(lab, ALICE) == NOWHERE
    run("ip", "link", "set", up, "up")
    assert seen(lab.theirs.outer[4], BOB) == lab.ours.outer[4]
    until(lambda: seen(lab.theirs.outer[4], ALICE) == lab.ours.inner[4], "IPv4 goes through it again")


def test_a_version_without_an_address_goes_nowhere(lab: Lab, config: Path) -> None:
    config.write_text(config.read_text().replace(f", {lab.ours.inner[6]}/64", ""))
    with lab.up(config), lab.ours.namespace:
        route("add", lab.ours.interface, "--uid", str(ALICE))
        assert ways(lab, ALICE) == [lab.ours.inner[4], ""]


def test_what_is_sent_has_a_mark_which_is_taken_back(lab: Lab, up: str) -> None:
    def mark() -> str:
        return run("wg", "show", up, "fwmark")

    assert mark() == "off"
    route("add", up, "--uid", "0")
    assert mark() != "off"
    assert seen_as(lab.theirs.outer[4]) == lab.ours.inner[4]
    ping(lab.theirs.inner[4])
    route("remove", up)
    assert mark() == "off"
    run("wg", "set", up, "fwmark", "7")
    route("add", up, "--uid", "0")
    ping(lab.theirs.inner[4])
    route("remove", up)
    assert int(mark(), 16) == 7


def test_a_strict_reverse_path_filter_is_no_friend_of_root(lab: Lab, up: str) -> None:
    Path("/proc/sys/net/ipv4/conf/eth0/rp_filter").write_text("1")
    assert refusal("add", up, "--uid", "0-10") == (
        f"the strict reverse path filter of eth0 would drop what does not come through {up}: "
        "set net.ipv4.conf.eth0.rp_filter to 2, or leave root (uid 0) out\n"
    )
    route("add", up, "--uid", str(ALICE))
    assert ways(lab, ALICE) == tunnel(lab)
    assert ways(lab, BOB) == cable(lab)


def test_it_is_shown(up: str) -> None:
    assert route("show") == ""
    assert json.loads(route("show", "--json")) == {}
    said = route("add", up, "--uid", f"{ALICE}-{BOB}")
    assert route("show", up) == said
    assert said in route("show")
    (facts,) = json.loads(route("show", up, "--json")).values()
    rules = run("ip", "rule", "show", "table", str(facts["table"]))
    assert (
        f"iif lo lookup {facts['table']} uidrange {ALICE}-{BOB}" in rules
        or f"uidrange {ALICE}-{BOB}" in rules
    )
    assert facts["uids"] == [{"first": ALICE, "last": BOB}]
    assert facts["all_but"] is False


def test_what_cannot_be_is_refused_in_one_sentence(up: str) -> None:
    before = state()
    assert refusal("add", up) == "expected --uid or --user\n"
    assert refusal("add", "nowg0", "--uid", "1") == "nowg0 was not brought up by glasstunnel\n"
    assert refusal("remove", up) == f"no users were sent through {up}\n"
    assert refusal("add", up, "--uid", "7-3") == (
        '--uid: expected a user number or a range such as 1000-1999, got "7-3"\n'
    )
    assert refusal("add", up, "--user", "no-one") == '--user: expected the name of a user, got "no-one"\n'
    assert state() == before
    route("add", up, "--uid", str(ALICE))
    assert refusal("add", up, "--except", "--uid", str(BOB)) == (
        f'{up} has some users already and cannot have all but some: "glasstunnel route remove {up}" first\n'
    )


def test_another_interface_with_a_default_route_does_not_take_them(lab: Lab, up: str, tmp_path: Path) -> None:
    """Its rules come after those on users."""
    route("add", up, "--uid", str(ALICE))
    other = tmp_path / f"{up[:12]}x.conf"
    other.touch(0o600)
    other.write_text(
        f"[Interface]\nPrivateKey = {run('wg', 'genkey')}\nAddress = 10.99.0.1/32\n" + everybody()
    )
    assert glasstunnel("up", "--quiet", other).returncode == 0
    try:
        assert ways(lab, ALICE) == tunnel(lab)
    finally:
        assert glasstunnel("down", other).returncode == 0


def test_whatever_interrupts_it_the_next_command_knows_what_was_done(
    lab: Lab, up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any number of changes to the rules."""
    before = state()
    really = Netlink.add_rule
    for changes in range(5):
        left = iter(range(changes))

        def add_rule(net: Netlink, rule: Rule, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            really(net, rule)

        monkeypatch.setattr(Netlink, "add_rule", add_rule)
        with pytest.raises(KeyboardInterrupt):
            users.add(up, [(ALICE, BOB)])
        monkeypatch.undo()
        assert route("remove", up) == f"{up}: all users go as before\n"
        assert state() == before


def test_whoever_is_not_root_hears_it(up: str) -> None:
    for attempt in (lambda: users.add(up, [(ALICE, BOB)]), lambda: users.remove(up)):
        said = in_a_child(attempt, uid=NOBODY)
        assert said.startswith("HostError: cannot ")
        assert said.endswith("; run as root")


def everybody() -> str:
    key = run("wg", "pubkey", text=run("wg", "genkey"))
    return f"[Peer]\nPublicKey = {key}\n{EVERYTHING}\n"
