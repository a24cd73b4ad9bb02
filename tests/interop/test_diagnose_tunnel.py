"""``glasstunnel diagnose tunnel`` beside real tunnels, each broken in one way: verdict, evidence, status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from glasstunnel.diagnose.tunnel.evidence import NatLife
from glasstunnel.diagnose.tunnel.options import Deadlines, Options
from glasstunnel.diagnose.tunnel.probe.examine import examine
from tests.interop.lab import Host, Lab, glasstunnel, run

pytestmark = pytest.mark.interop

SHORT = ("--deadline", "1")


class Pair:
    """Two tunnels of ours that name each other, and what is broken between them."""

    def __init__(self, lab: Lab, directory: Path, stack: ExitStack) -> None:
        self.ours, self.theirs = lab.ours, lab.theirs
        self._directory, self._stack = directory, stack

    def config(
        self, host: Host, peer: Host, *lines: str, key: str = "", allowed: str = "", endpoint: str = ""
    ) -> Path:
        path = self._directory / f"{host.interface}.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"[Interface]\nPrivateKey = {host.private_key}\nListenPort = {host.port}\n"
            f"Address = {host.inner[4]}/24\n[Peer]\nPublicKey = {key or peer.public_key}\n"
            f"AllowedIPs = {allowed or f'{peer.inner[4]}/32'}\n"
            f"Endpoint = {endpoint or peer.endpoint(4)}\n" + "".join(f"{line}\n" for line in lines)
        )
        return path

    def up(self, host: Host, path: Path) -> None:
        with host.namespace:
            done = glasstunnel("up", "--quiet", path)
        assert (done.returncode, done.stderr) == (0, "")
        self._stack.callback(self._down, host, path)

    @staticmethod
    def _down(host: Host, path: Path) -> None:
        with host.namespace:
            done = glasstunnel("down", path)
        assert (done.returncode, done.stderr) == (0, "")

    def both_up(self, *lines: str, **ours: str) -> None:
        self.up(self.theirs, self.config(self.theirs, self.ours))
        self.up(self.ours, self.config(self.ours, self.theirs, *lines, **ours))

    def diagnosed(self, *words: str, host: Host | None = None, subject: str | Path = "") -> dict[str, Any]:
        """The verdict, with the remedies; what it says of itself holds together."""
        host = host or self.ours
        with host.namespace:
            done = glasstunnel("diagnose", "tunnel", subject or host.interface, "--json", *words)
        assert done.stderr == ""
        report = json.loads(done.stdout)
        assert done.returncode == report["verdict"]["exit_status"]
        for address in (host.inner[4], f"{host.inner[4]}/24"):
            assert "--unmasked" in words or address not in json.dumps(report)
        verdict: dict[str, Any] = report["verdict"] | {"remedies": report["remedies"]}
        verdict["codes"] = [fact["code"] for fact in verdict["evidence"]]
        return verdict


@pytest.fixture
def pair(lab: Lab, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(lab, tmp_path, stack)


def there(host: Host, *command: str) -> str:
    with host.namespace:
        return run(*command)


def drops(host: Host, hook: str, condition: str) -> None:
    there(
        host, "nft", f"add table inet lost; add chain inet lost c {{ type filter hook {hook} priority 0; }}"
    )
    there(host, "nft", f"add rule inet lost c {condition} drop")


def told(verdict: dict[str, Any]) -> tuple[str, str]:
    return verdict["cause"], verdict["confidence"]


def test_a_tunnel_that_works_is_well_and_its_handshake_was_made_by_the_device(pair: Pair) -> None:
    pair.both_up()
    verdict = pair.diagnosed()
    assert told(verdict) == ("all-well", "certain")
    assert verdict["codes"] == ["handshake-now", "answers", "largest-passes"]


def test_another_preshared_key_is_told_from_a_wrong_public_key(pair: Pair) -> None:
    pair.both_up(f"PresharedKey = {run('wg', 'genpsk')}")
    assert told(pair.diagnosed()) == ("wrong-preshared-key", "certain")


def test_who_has_the_wrong_key_of_whom_is_told_by_drop_counters(pair: Pair) -> None:
    stranger = run("wg", "pubkey", text=run("wg", "genkey"))
    pair.up(pair.theirs, pair.config(pair.theirs, pair.ours, "PersistentKeepalive = 1"))
    pair.up(pair.ours, pair.config(pair.ours, pair.theirs, key=stranger))
    verdict = pair.diagnosed("--deadline", "7")  # one initiation of theirs, repeated after five seconds
    assert told(verdict) == ("we-have-wrong-key", "likely")
    verdict = pair.diagnosed(*SHORT, host=pair.theirs)
    assert verdict["cause"] == "peer-has-wrong-key"


def test_a_closed_port_and_silence_are_two_things(pair: Pair) -> None:
    pair.up(pair.ours, pair.config(pair.ours, pair.theirs))
    assert told(pair.diagnosed()) == ("endpoint-closed", "certain")
    drops(pair.theirs, "input", "udp dport 51002")
    assert told(pair.diagnosed(*SHORT)) == ("silent", "certain")


def test_a_filter_of_this_machine_is_named_and_nothing_is_sent_past_it(pair: Pair) -> None:
    pair.both_up()
    drops(pair.ours, "output", "udp dport 51002")
    verdict = pair.diagnosed()
    assert told(verdict) == ("firewall", "certain")
    assert "inet lost c" in verdict["evidence"][0]["rule"]


def test_a_hole_for_large_packets_is_found_and_the_mtu_that_it_names_mends_it(pair: Pair) -> None:
    pair.both_up()
    for host in (pair.ours, pair.theirs):
        drops(host, "input", "ip length > 1300")
    verdict = pair.diagnosed()
    assert told(verdict) == ("large-packets-lost", "certain")
    assert verdict["evidence"][-1]["mtu"] == "1232"  # 1300 less IP, UDP, header and tag, in blocks of sixteen
    for command in verdict["remedies"][0]["commands"]:
        there(pair.ours, *command.split())
    assert pair.diagnosed()["cause"] == "all-well"


def test_a_peer_that_opens_but_does_not_answer_has_its_handshake(pair: Pair) -> None:
    pair.both_up()
    drops(pair.theirs, "input", f'iifname "{pair.theirs.interface}"')
    verdict = pair.diagnosed()
    assert told(verdict) == ("no-data", "likely")
    assert verdict["codes"][-1] == "opened-there"


def test_an_address_that_no_peer_may_have_is_missed_in_allowed_ips_and_mended_there(pair: Pair) -> None:
    pair.both_up()
    there(pair.theirs, "ip", "address", "add", "10.9.0.77/24", "dev", pair.theirs.interface)
    verdict = pair.diagnosed("--to", "10.9.0.77", "--unmasked")
    assert told(verdict) == ("allowed-ips-missing", "certain")
    assert verdict["codes"] == ["no-answer", "not-allowed"]
    for command in verdict["remedies"][0]["commands"]:
        there(pair.ours, *command.split())
    assert pair.diagnosed("--to", "10.9.0.77")["cause"] == "all-well"


def test_how_long_the_way_outlasts_a_silence_is_measured_by_real_devices(pair: Pair) -> None:
    """Without a NAT, for a second; it ends before either end would send a keepalive by itself."""
    options = Options(Deadlines(keepalive=1), nat_life=True, silences=(1,))
    pair.both_up()
    with pair.ours.namespace:
        seen = examine(pair.ours.interface, options, lambda _step: None)
    assert [peer.nat for peer in seen.peers] == [NatLife(1)]


def _unreachable(pair: Pair) -> None:
    there(pair.ours, "ip", "route", "add", "unreachable", "192.0.2.2")


def _through_itself(pair: Pair) -> None:
    there(pair.ours, "ip", "route", "add", "192.0.2.2", "dev", pair.ours.interface)


def _elsewhere(pair: Pair) -> None:
    there(pair.ours, "ip", "route", "replace", "10.9.0.2", "dev", "eth0")


def _switched_off(pair: Pair) -> None:
    there(pair.ours, "ip", "link", "set", pair.ours.interface, "down")


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (_unreachable, "no-route"),
        (_through_itself, "endpoint-through-tunnel"),
        (_elsewhere, "not-routed"),
        (_switched_off, "interface-down"),
    ],
)
def test_what_the_kernel_would_do_is_certain(pair: Pair, spoil: Callable[[Pair], None], cause: str) -> None:
    pair.both_up()
    spoil(pair)
    assert told(pair.diagnosed()) == (cause, "certain")


def test_the_reverse_path_filter_is_seen_whatever_the_kernel_calls_it(pair: Pair) -> None:
    there(pair.theirs, "ip", "address", "add", "198.51.100.9/32", "dev", "eth0")
    there(pair.ours, "ip", "route", "add", "default", "via", "192.0.2.2")
    pair.up(pair.theirs, pair.config(pair.theirs, pair.ours))
    path = pair.config(pair.ours, pair.theirs, allowed="0.0.0.0/0", endpoint="198.51.100.9:51002")
    pair.up(pair.ours, path)
    for setting in ("all.src_valid_mark=0", "eth0.rp_filter=1"):
        there(pair.ours, "sysctl", "-q", "-w", f"net.ipv4.conf.{setting}")
    verdict = pair.diagnosed(*SHORT)
    assert told(verdict) == ("reverse-path-filter", "certain")
    for command in verdict["remedies"][0]["commands"]:
        there(pair.ours, *command.split())
    assert pair.diagnosed("--deadline", "7")["cause"] == "all-well"


def test_forwarding_and_then_masquerading_are_missed_here(pair: Pair) -> None:
    pair.both_up()
    verdict = pair.diagnosed("--to", "192.0.2.2")
    assert told(verdict) == ("forwarding-off", "certain")
    there(pair.ours, *verdict["remedies"][0]["commands"][0].split())
    verdict = pair.diagnosed("--to", "192.0.2.2", "--unmasked")  # commands that are masked are for nobody
    assert told(verdict) == ("no-masquerade", "likely")
    for command in verdict["remedies"][0]["commands"]:
        there(pair.ours, "sh", "-c", command)
    assert pair.diagnosed("--to", "192.0.2.2")["cause"] == "all-well"


def test_a_configuration_is_judged_before_it_is_up(pair: Pair) -> None:
    own = pair.config(pair.ours, pair.theirs, key=pair.ours.public_key)
    assert told(pair.diagnosed(subject=own)) == ("own-key-as-peer", "certain")
    nowhere = pair.config(pair.ours, pair.theirs, endpoint="nosuch.invalid:51820")
    assert told(pair.diagnosed(subject=nowhere)) == ("endpoint-unresolved", "certain")


def test_a_device_of_others_is_read_by_wg_and_what_it_cannot_tell_is_said(lab: Lab, tmp_path: Path) -> None:
    with ExitStack() as stack, lab.wireguard_go(f"Endpoint = {lab.ours.endpoint(4)}"):
        pair = Pair(lab, tmp_path, stack)
        pair.up(lab.ours, lab.config(tmp_path))
        verdict = pair.diagnosed(host=lab.theirs)
    assert told(verdict) == ("all-well", "certain")
    assert [note["code"] for note in verdict["notes"]] == ["no-drop-counters"]


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("nosuch0", "glasstunnel: there is no WireGuard interface nosuch0\n"),
        ("/nowhere/x.conf", "glasstunnel: /nowhere/x.conf: expected a file /nowhere/x.conf, found none\n"),
    ],
)
def test_what_is_not_there_is_a_sentence(lab: Lab, subject: str, sentence: str) -> None:
    with lab.ours.namespace:
        done = glasstunnel("diagnose", "tunnel", subject)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
