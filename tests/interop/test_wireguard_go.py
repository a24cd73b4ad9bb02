"""Our tunnel and Debian's wireguard-go, configured by wg(8), in every combination that matters on the wire.

The role of a side is forced, not hoped for: only the initiator knows an endpoint.
"""

from pathlib import Path

import pytest

from tests.interop.lab import Host, Lab, glasstunnel, ping, run, transfer, until

pytestmark = pytest.mark.interop

SIZE = 1_500_000  # bytes through the tunnel in each direction: some thousand packets


@pytest.mark.parametrize("inner", [4, 6], ids=["inner4", "inner6"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
@pytest.mark.parametrize("psk", [False, True], ids=["no-psk", "psk"])
@pytest.mark.parametrize("initiator", ["ours", "theirs"])
def test_a_tunnel_with_wireguard_go_carries_pings_and_tcp(
    lab: Lab, tmp_path: Path, initiator: str, psk: bool, outer: int, inner: int
) -> None:
    ours, theirs = lab.ours, lab.theirs
    key = run("wg", "genpsk") if psk else None
    shared = [f"PresharedKey = {key}"] if key else []
    our_lines, their_lines = [*shared], [*shared]
    if initiator == "ours":
        our_lines.append(f"Endpoint = {theirs.endpoint(outer)}")
    else:
        their_lines.append(f"Endpoint = {ours.endpoint(outer)}")
    first, second = (ours, theirs) if initiator == "ours" else (theirs, ours)
    with lab.wireguard_go(*their_lines), lab.up(lab.config(tmp_path, *our_lines)):
        with first.namespace:
            ping(second.inner[inner])
        with second.namespace:
            ping(first.inner[inner])
        transfer(ours, theirs, inner, SIZE)
        transfer(theirs, ours, inner, SIZE)
        with ours.namespace:
            assert run("wg", "show", ours.interface, "endpoints").split() == [
                theirs.public_key,
                theirs.endpoint(outer),
            ]
            handshake = int(run("wg", "show", ours.interface, "latest-handshakes").split()[1])
            received, sent = map(int, run("wg", "show", ours.interface, "transfer").split()[1:])
        assert abs(handshake - int(run("wg", "show", theirs.interface, "latest-handshakes").split()[1])) <= 1
        assert received > SIZE
        assert sent > SIZE


def test_a_wrong_preshared_key_gives_no_session(lab: Lab, tmp_path: Path) -> None:
    """The responder answers and the initiator cannot open it: the key enters with message 2, WP §5.4.3."""
    ours, theirs = lab.ours, lab.theirs
    config = lab.config(
        tmp_path,
        f"PresharedKey = {run('wg', 'genpsk')}",
        f"Endpoint = {theirs.endpoint(4)}",
        "PersistentKeepalive = 1",
    )
    with lab.wireguard_go(f"PresharedKey = {run('wg', 'genpsk')}"), lab.up(config):
        until(
            lambda: int(run("wg", "show", theirs.interface, "transfer").split()[1]) >= 148,
            "wireguard-go has had an initiation",
        )
        with ours.namespace:
            assert (
                run("ping", "-n", "-c2", "-i0.2", "-W0.2", theirs.inner[4], check=False).count("0 received")
                == 1
            )
            assert run("wg", "show", ours.interface, "latest-handshakes").split()[1] == "0"


@pytest.mark.parametrize("version", [4, 6])
def test_they_follow_us_to_another_address(lab: Lab, tmp_path: Path, version: int) -> None:
    ours, theirs = lab.ours, lab.theirs
    with lab.wireguard_go(), lab.up(lab.config(tmp_path, f"Endpoint = {theirs.endpoint(version)}")):
        with ours.namespace:
            ping(theirs.inner[4])
        before = ours.endpoint(version)
        assert run("wg", "show", theirs.interface, "endpoints").split()[1] == before
        move(ours, version)
        with ours.namespace:
            ping(theirs.inner[4])
        assert run("wg", "show", theirs.interface, "endpoints").split()[1] == ours.endpoint(version) != before
        transfer(theirs, ours, 4, 100_000)


def test_we_follow_them_to_another_address(lab: Lab, tmp_path: Path) -> None:
    """Over IPv6: this wireguard-go does not let go of an IPv4 source address that has gone."""
    ours, theirs = lab.ours, lab.theirs
    with lab.wireguard_go(f"Endpoint = {ours.endpoint(6)}"), lab.up(lab.config(tmp_path)):
        with theirs.namespace:
            ping(ours.inner[4])
        before = theirs.endpoint(6)
        assert run("wg", "show", ours.interface, "endpoints").split()[1] == before
        move(theirs, 6)
        with theirs.namespace:
            ping(ours.inner[4])
        assert run("wg", "show", ours.interface, "endpoints").split()[1] == theirs.endpoint(6) != before
        transfer(ours, theirs, 4, 100_000)


def test_we_follow_them_to_another_port(lab: Lab, tmp_path: Path) -> None:
    ours, theirs = lab.ours, lab.theirs
    with lab.wireguard_go(f"Endpoint = {ours.endpoint(4)}"), lab.up(lab.config(tmp_path)):
        with theirs.namespace:
            ping(ours.inner[4])
            theirs.port += 1
            run("wg", "set", theirs.interface, "listen-port", str(theirs.port))
            ping(ours.inner[4])
        assert run("wg", "show", ours.interface, "endpoints").split()[1] == theirs.endpoint(4)
        transfer(ours, theirs, 4, 100_000)


def test_a_peer_with_persistent_keepalive_makes_the_session_by_itself(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}", "PersistentKeepalive = 25")
    with lab.wireguard_go(), lab.up(config):
        until(
            lambda: run("wg", "show", lab.theirs.interface, "latest-handshakes").split()[1] != "0",
            "there is a session",
        )


def test_our_interface_and_theirs_read_alike(lab: Lab, tmp_path: Path) -> None:
    with lab.wireguard_go(), lab.up(lab.config(tmp_path, f"Endpoint = {lab.theirs.endpoint(4)}")):
        with lab.ours.namespace:
            ping(lab.theirs.inner[4])
        for interface in (lab.ours.interface, lab.theirs.interface):
            for what in (
                "public-key",
                "listen-port",
                "endpoints",
                "allowed-ips",
                "peers",
                "latest-handshakes",
            ):
                assert glasstunnel("show", interface, what).stdout.rstrip("\n") == run(
                    "wg", "show", interface, what
                )


def move(host: Host, version: int) -> None:
    """Give a host another address on the cable instead of the one it has."""
    new = {4: "192.0.2.9", 6: "2001:db8::9"}[version]
    with host.namespace:
        run("ip", "address", "del", f"{host.outer[version]}/{24 if version == 4 else 64}", "dev", "eth0")
        Lab.add_address(new, version)
    host.outer[version] = new
