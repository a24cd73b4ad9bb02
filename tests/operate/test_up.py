"""Saving a configuration, and the device that one describes: the parts of ``up`` that need no rights."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from glasstunnel.ip.address import parse_prefix
from glasstunnel.operate import keys
from glasstunnel.operate.config import Config, ConfigError, Endpoint, Interface, Peer, parse
from glasstunnel.operate.plan import make_device
from glasstunnel.operate.up import save
from glasstunnel.wireguard import uapi
from glasstunnel.wireguard.events import Path as NetworkPath

OURS, THEIRS = bytes([64]) * 32, keys.pubkey(bytes([2]) * 32)
CONFIG = Config(
    Interface(private_key=OURS, fwmark=7),
    (
        Peer(
            public_key=THEIRS,
            preshared_key=bytes([3]) * 32,
            endpoint=Endpoint("example.com", 51820),
            persistent_keepalive=25,
        ),
    ),
)


def resolve(endpoint: Endpoint) -> NetworkPath:
    return NetworkPath(("192.0.2.1", endpoint.port))


def test_a_device_is_what_its_configuration_says() -> None:
    device = make_device(CONFIG, resolve)
    assert (device.private_key, device.fwmark) == (OURS, 7)
    (peer,) = device.peers.values()
    assert (peer.public_key, peer.preshared_key) == (THEIRS, bytes([3]) * 32)
    assert peer.endpoint == NetworkPath(("192.0.2.1", 51820))
    assert peer.persistent_keepalive == 25


def test_a_peer_that_is_ourselves_is_left_out() -> None:
    """The kernel does so: one configuration for all hosts may list them all."""
    everybody = replace(CONFIG, peers=(*CONFIG.peers, Peer(public_key=keys.pubkey(OURS))))
    assert list(make_device(everybody, resolve).peers) == [THEIRS]


def test_saving_keeps_all_but_what_was_learnt(tmp_path: Path) -> None:
    file = tmp_path / "wg0.conf"
    file.write_text("old")
    device = make_device(CONFIG, resolve)
    device.listen_port = 12345
    device.peers[THEIRS].endpoint = NetworkPath(("2001:db8::9", 9))
    save(file, CONFIG, device)
    saved = parse(file.read_text(), "wg0.conf")
    assert saved == Config(
        replace(CONFIG.interface, listen_port=12345),
        (replace(CONFIG.peers[0], endpoint=Endpoint("2001:db8::9", 9)),),
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["wg0.conf"]


def test_saving_writes_down_what_wg_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "wg0.conf"
    device = make_device(CONFIG, resolve)
    key = keys.pubkey(bytes([3]) * 32)
    uapi.set(
        device,
        f"private_key={'48' * 32}\npublic_key={THEIRS.hex()}\nremove=true\npublic_key={key.hex()}\n"
        f"preshared_key={'05' * 32}\nallowed_ip=10.7.0.0/16\npersistent_keepalive_interval=21",
        now=0.0,
    )
    save(file, CONFIG, device)
    saved = parse(file.read_text(), "wg0.conf")
    assert saved.interface.private_key == bytes([0x48]) * 32
    assert saved.peers == (
        Peer(
            public_key=key,
            preshared_key=bytes([5]) * 32,
            allowed_ips=(parse_prefix("10.7.0.0/16"),),
            persistent_keepalive=21,
        ),
    )


def test_a_peer_without_an_endpoint_keeps_the_one_it_had(tmp_path: Path) -> None:
    file = tmp_path / "wg0.conf"
    device = make_device(CONFIG, resolve)
    device.peers[THEIRS].endpoint = None
    save(file, CONFIG, device)
    assert parse(file.read_text(), "wg0.conf").peers == CONFIG.peers


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    """A command with a line break cannot be written down; it cannot come from a file either."""
    file = tmp_path / "wg0.conf"
    file.write_text("old")
    odd = replace(CONFIG, interface=replace(CONFIG.interface, post_up=("one\ntwo",)))
    with pytest.raises(ConfigError):
        save(file, odd, make_device(odd, resolve))
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["wg0.conf"]
