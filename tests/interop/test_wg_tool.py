"""Debian's wg(8) against a live interface of ours, and against wireguard-go with the same words."""

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from glasstunnel.host import control
from glasstunnel.host.udp import Udp
from tests.interop.lab import Host, Lab, ping, run, until

pytestmark = pytest.mark.interop


def wg(host: Host, *words: str | Path, text: str | None = None) -> str:
    """Run ``wg`` on a host; ``IFACE`` among the words stands for its interface."""
    with host.namespace:
        return run("wg", *(host.interface if word == "IFACE" else word for word in words), text=text)


def showconf(host: Host) -> tuple[str, list[str]]:
    """What ``wg showconf`` prints: the interface, and the peers, which wireguard-go has in no order."""
    interface, *peers = wg(host, "showconf", "IFACE").split("[Peer]\n")
    return interface.strip(), sorted(peer.strip() for peer in peers)


def dump(host: Host) -> list[list[str]]:
    """What ``wg show dump`` prints, but for what depends on time: handshakes and transfer."""
    interface, *peers = (line.split("\t") for line in wg(host, "show", "IFACE", "dump").splitlines())
    return [interface, *sorted([*peer[:4], peer[7]] for peer in peers)]


@dataclass
class Both:
    """One interface of ours and one of wireguard-go, up, to which everything is said twice."""

    hosts: tuple[Host, Host]
    keys: list[str]
    files: dict[str, Path]

    def say(self, *words: str | Path) -> None:
        for host in self.hosts:
            wg(host, *words)
        ours, theirs = self.hosts
        assert showconf(ours) == showconf(theirs)
        assert dump(ours) == dump(theirs)

    def peers(self) -> list[str]:
        """The public keys of the peers, as ours says."""
        return sorted(wg(self.hosts[0], "show", "IFACE", "peers").splitlines())


@pytest.fixture
def both(lab: Lab, tmp_path: Path) -> Iterator[Both]:
    private = [run("wg", "genkey") for _ in range(4)]
    files = {f"private {number}": key for number, key in enumerate(private)}
    files["psk"] = run("wg", "genpsk")
    paths = {}
    for name, text in files.items():
        paths[name] = tmp_path / name
        paths[name].write_text(text + "\n")
    with lab.wireguard_go(), lab.up(lab.config(tmp_path)):
        both = Both((lab.ours, lab.theirs), [run("wg", "pubkey", text=key) for key in private], paths)
        both.say("setconf", "IFACE", conf(tmp_path / "c", f"PrivateKey = {private[0]}\nListenPort = 51820"))
        yield both


def conf(path: Path, interface: str, *peers: str) -> Path:
    path.write_text("\n".join([f"[Interface]\n{interface}", *(f"[Peer]\n{peer}" for peer in peers)]) + "\n")
    return path


def test_whatever_wg_says_has_the_effect_that_it_has_on_wireguard_go(both: Both, tmp_path: Path) -> None:
    _, two, three, four = both.keys
    say, files = both.say, both.files
    say("set", "IFACE", "listen-port", "51821", "fwmark", "0x10", "private-key", files["private 3"])
    say("set", "IFACE", "listen-port", "51820", "private-key", files["private 0"])
    say(
        *("set", "IFACE", "peer", two, "preshared-key", files["psk"], "endpoint", "192.0.2.9:1"),
        *("persistent-keepalive", "25", "allowed-ips", "10.1.0.9/16,fd01::/64,10.2.0.0/16"),
    )
    say("set", "IFACE", "peer", three, "allowed-ips", "10.2.0.0/16,::/0", "peer", four)
    say("set", "IFACE", "peer", two, "endpoint", "[2001:db8::9]:2", "persistent-keepalive", "off")
    say("set", "IFACE", "peer", two, "preshared-key", "/dev/null", "peer", four, "allowed-ips", "10.1.0.0/16")
    say("set", "IFACE", "peer", three, "remove", "peer", four, "allowed-ips", "")
    say("set", "IFACE", "fwmark", "0")
    say(
        "addconf",
        "IFACE",
        conf(tmp_path / "c", "", f"PublicKey = {three}\nAllowedIPs = 10.1.0.0/16, 10.3.0.0/16"),
    )
    say("addconf", "IFACE", conf(tmp_path / "c", "", f"PublicKey = {three}\nPersistentKeepalive = 7"))
    assert both.peers() == sorted([two, three, four])
    interface = f"PrivateKey = {files['private 0'].read_text()}ListenPort = 51820"
    synced = conf(
        tmp_path / "c",
        interface,
        f"PublicKey = {two}\nEndpoint = 192.0.2.9:3\nAllowedIPs = fd01::/64",
        f"PublicKey = {four}\nAllowedIPs = 10.4.0.0/16",
    )
    say("syncconf", "IFACE", synced)
    assert both.peers() == sorted([two, four])
    say("setconf", "IFACE", conf(tmp_path / "c", interface, f"PublicKey = {three}\nAllowedIPs = 0.0.0.0/0"))
    assert both.peers() == [three]


def test_our_own_key_is_no_peer_as_in_wireguard_go(both: Both) -> None:
    one, two, *_ = both.keys
    both.say("set", "IFACE", "peer", one, "allowed-ips", "10.1.0.0/16")
    both.say("set", "IFACE", "peer", two, "allowed-ips", "10.1.0.0/16")
    assert one not in both.peers()
    assert two in both.peers()
    both.say("set", "IFACE", "private-key", both.files["private 1"])
    assert two not in both.peers()
    both.say("set", "IFACE", "private-key", "/dev/null")
    assert wg(both.hosts[0], "show", "IFACE", "private-key") == "(none)"


def test_a_set_that_fails_midway_changes_nothing_where_wireguard_go_keeps_its_first_lines(both: Both) -> None:
    for host, mark in zip(both.hosts, ("off", "0x4e"), strict=True):
        assert control.ask(host.interface, "set=1\nfwmark=78\nlisten_port=70000") == "errno=-22\n\n"
        assert wg(host, "show", "IFACE", "fwmark") == mark


@pytest.fixture
def live(lab: Lab, tmp_path: Path) -> Iterator[Lab]:
    """Ours and wireguard-go, and a session between them."""
    with lab.wireguard_go(), lab.up(lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")):
        with lab.ours.namespace:
            ping(lab.theirs.inner[4])
        yield lab


def field(host: Host, what: str) -> str:
    """What ``wg show IFACE WHAT`` says of the only peer."""
    return wg(host, "show", "IFACE", what).split("\t", 1)[1]


def test_a_live_tunnel_moves_to_another_port_and_the_peer_follows(live: Lab) -> None:
    for port in ("51999", "0"):
        wg(live.ours, "set", "IFACE", "listen-port", port, "fwmark", "7")
        with live.ours.namespace:
            ping(live.theirs.inner[4])
        now = wg(live.ours, "show", "IFACE", "listen-port")
        assert (now == port) == (port != "0")
        assert field(live.theirs, "endpoints") == f"{live.ours.outer[4]}:{now}"
    wg(live.ours, "set", "IFACE", "fwmark", "off")
    assert wg(live.ours, "show", "IFACE", "fwmark") == "off"
    with live.ours.namespace:
        ping(live.theirs.inner[6])


def test_a_port_in_use_is_said_and_the_tunnel_goes_on(live: Lab) -> None:
    before = wg(live.ours, "showconf", "IFACE")
    with live.ours.namespace:
        other = Udp()
        words = ("listen-port", str(other.port), "peer", live.theirs.public_key, "remove")
        command = ["wg", "set", live.ours.interface, *words, "2>&1 || true"]
        said = run("sh", "-c", " ".join(command))
        other.close()
    assert said == "Unable to modify interface: Address already in use"
    assert wg(live.ours, "showconf", "IFACE") == before
    with live.ours.namespace:
        ping(live.theirs.inner[4])


def test_a_peer_goes_and_comes_back_with_another_preshared_key(live: Lab, tmp_path: Path) -> None:
    key, secret = live.theirs.public_key, tmp_path / "psk"
    secret.write_text(run("wg", "genpsk"))
    wg(live.ours, "set", "IFACE", "peer", key, "remove")
    assert wg(live.ours, "show", "IFACE", "peers") == ""
    wg(live.theirs, "set", "IFACE", "peer", live.ours.public_key, "preshared-key", secret)
    wg(
        *(live.ours, "set", "IFACE", "peer", key, "preshared-key", secret),
        *("endpoint", live.theirs.endpoint(6), "allowed-ips", live.theirs.allowed_ips),
    )
    with live.ours.namespace:
        ping(live.theirs.inner[6])
    assert field(live.ours, "preshared-keys") == secret.read_text()
    assert field(live.theirs, "endpoints") == live.ours.endpoint(6)


def test_a_persistent_keepalive_begins_when_it_is_set(lab: Lab, tmp_path: Path) -> None:
    with lab.wireguard_go(), lab.up(lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")):
        assert field(lab.theirs, "latest-handshakes") == "0"
        wg(lab.ours, "set", "IFACE", "peer", lab.theirs.public_key, "persistent-keepalive", "25")
        until(lambda: field(lab.theirs, "latest-handshakes") != "0", "the handshake is done")


def test_a_private_key_that_comes_later_begins_a_handshake(lab: Lab, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(lab.ours.private_key)
    with lab.wireguard_go(), lab.up(lab.config(tmp_path)):
        wg(lab.ours, "set", "IFACE", "private-key", "/dev/null")
        wg(
            *(lab.ours, "set", "IFACE", "peer", lab.theirs.public_key),
            *("endpoint", lab.theirs.endpoint(4), "persistent-keepalive", "25"),
        )
        assert field(lab.ours, "latest-handshakes") == "0"
        wg(lab.ours, "set", "IFACE", "private-key", secret)
        until(lambda: field(lab.theirs, "latest-handshakes") != "0", "the handshake is done")


@pytest.mark.parametrize(
    ("peers", "prefixes"), [(1, 130_560), (10_000, 2)], ids=["130,560 allowed IPs", "10,000 peers"]
)
def test_great_configurations_are_taken_in_and_told_while_the_tunnel_works(
    live: Lab, tmp_path: Path, peers: int, prefixes: int
) -> None:
    hosts = (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32" for number in range(9 << 16))
    keys = [b64encode((9 + number).to_bytes(32)).decode() for number in range(peers)]
    sections = [
        f"PublicKey = {key}\n" + "".join(f"AllowedIPs = {next(hosts)}\n" for _ in range(prefixes))
        for key in keys
    ]
    file = conf(tmp_path / "c", "", *sections)
    with live.ours.namespace, subprocess.Popen(["wg", "addconf", live.ours.interface, file]) as adding:
        while adding.poll() is None:
            ping(live.theirs.inner[6])
    assert adding.returncode == 0
    lines = wg(live.ours, "show", "IFACE", "allowed-ips").splitlines()
    told = {key: allowed.split() for key, allowed in (line.split("\t") for line in lines)}
    assert sorted(told) == sorted([*keys, live.theirs.public_key])
    assert all(len(told[key]) == prefixes for key in keys)
