"""Our parser beside Debian's wg and wg-quick: what they accept we accept, and it means the same.

``wg-quick strip`` and ``wg setconf`` run as they are. In place of a WireGuard device wg finds a UNIX socket
of ours in its directory of user-space devices, and what it writes there is what it understood.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasstunnel.ip.address import parse_interface_address, parse_prefix
from glasstunnel.operate import keys
from glasstunnel.operate.config import Config, ConfigError, parse

PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PEERS = ["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="]
PRESHARED = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak="
DEFAULTS = ("preshared_key=" + "00" * 32, "persistent_keepalive_interval=0")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: wg-quick and /var/run/wireguard want it"),
    pytest.mark.skipif(shutil.which("wg-quick") is None, reason="needs Debian's wireguard-tools"),
]


class Device:
    """A user-space device that says yes to everything and remembers what it was told."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.told: list[str] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed
                return
            with connection, connection.makefile("rw") as stream:
                lines = []  # until an empty line, or the end: wg first connects only to see whether it can
                while (line := stream.readline().rstrip("\n")) != "":
                    lines.append(line)
                if lines[:1] == ["set=1"]:
                    self.told = lines[1:]
                    stream.write("errno=0\n\n")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def device() -> Iterator[Device]:
    directory = Path("/var/run/wireguard")
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"gt{os.getpid()}.sock"
    device = Device(path)
    yield device
    device.close()
    path.unlink()


def ask_wg(device: Device, file: Path) -> list[str] | None:
    """What wg tells the device of a file that went through ``wg-quick strip``; None if they refuse it."""
    stripped = subprocess.run(["wg-quick", "strip", str(file)], capture_output=True, check=False)
    if stripped.returncode:
        return None
    device.told = []
    ran = subprocess.run(
        ["wg", "setconf", device.name, "/dev/stdin"],
        input=stripped.stdout,
        capture_output=True,
        check=False,
        env={**os.environ, "WG_ENDPOINT_RESOLUTION_RETRIES": "0"},
    )
    return device.told if ran.returncode == 0 else None


def as_told(config: Config) -> list[str]:
    """The same configuration as wg says it: the cross-platform interface, keys in hexadecimal."""
    lines = [
        f"private_key={config.interface.private_key.hex()}",
        f"listen_port={config.interface.listen_port}",
        f"fwmark={config.interface.fwmark}",
        "replace_peers=true",
    ]
    for peer in config.peers:
        lines.append(f"public_key={peer.public_key.hex()}")
        if peer.preshared_key:
            lines.append(f"preshared_key={peer.preshared_key.hex()}")
        if peer.endpoint:
            lines.append(f"endpoint={peer.endpoint}")
        lines.append(f"persistent_keepalive_interval={peer.persistent_keepalive}")
        lines.append("replace_allowed_ips=true")
        lines += [f"allowed_ip={prefix}" for prefix in peer.allowed_ips]
    return lines


def normal(told: list[str]) -> list[str]:
    """wg leaves masking to the device, and says some defaults that it also may leave out."""
    lines = [line for line in told if line not in DEFAULTS]
    return [
        f"allowed_ip={parse_prefix(line.removeprefix('allowed_ip='))}" if "allowed_ip=" in line else line
        for line in lines
    ]


def text(interface: str = "", peer: str = "") -> str:
    peers = f"[Peer]\nPublicKey = {PEERS[0]}\n{peer}\n" if peer else ""
    return f"[Interface]\nPrivateKey = {PRIVATE}\n{interface}\n{peers}"


BOTH_ACCEPT = [
    text(),
    text("ListenPort = 51820"),
    text("ListenPort=0"),
    text("listenport = 00051820"),
    text("FwMark = 0xca6c"),
    text("FwMark = 51820"),
    text("FwMark = OFF"),
    text("FwMark = 010"),
    text("Address = 10.0.0.1/24, fd00::1/64\nDNS = 1.1.1.1, lan\nMTU = 1400\nTable = off"),
    text("SaveConfig = true"),
    text("PostUp = echo [Peer] = %i; true # comment\nPreDown = a = b"),
    text("", "AllowedIPs = 10.0.0.9/24,fd00::/8"),
    text("", "AllowedIPs = 10.0.0.0/8\nAllowedIPs = 10.0.0.0/008 , ::/0"),
    text("", "allowedips=10.0.0.1,fd00::1"),
    text("", "Endpoint = 192.0.2.1:51820\nPersistentKeepalive = 25"),
    text("", "Endpoint = [2001:db8::1]:051820\nPersistentKeepalive = off"),
    text("", "Endpoint = 2001:db8::1:51820\nPersistentKeepalive = 0"),
    text("", "Endpoint = [192.0.2.1]:51820\nPersistentKeepalive = 65535"),
    text("", "Endpoint = [fe80::1%lo]:51820"),
    text("", f"PresharedKey = {PRESHARED}\n"),
    text("", f"PresharedKey = {keys.encode(bytes(32))}\n"),
    text("", f"AllowedIPs = 10.0.0.0/8\n[Peer]\nAllowedIPs = 10.0.0.0/8\nPublicKey = {PEERS[1]}"),
    f"[Peer]\nPublicKey={PEERS[0]}\n[Interface]\nPrivateKey={PRIVATE}",
    f"\r\n#x\r\n[interface]\r\n\tPRIVATEKEY\t=\v{PRIVATE} # x\r\n[PEER]#\r\nPublic Key = {PEERS[0]}\r\n",
    f"[ Interface ]\nPrivate Key = {PRIVATE[:20]} {PRIVATE[20:]}\nListen Port = 5 1",
]


@pytest.mark.parametrize("config", BOTH_ACCEPT)
def test_what_wg_and_wg_quick_accept_means_the_same_to_us(
    config: str, device: Device, tmp_path: Path
) -> None:
    file = tmp_path / "wg0.conf"
    file.write_text(config)
    told = ask_wg(device, file)
    assert told is not None
    assert normal(told) == normal(as_told(parse(config, "wg0.conf")))


BOTH_REFUSE = [
    f"PrivateKey = {PRIVATE}",
    f"[Interface] x\nPrivateKey = {PRIVATE}",
    f"[Interfaces]\nPrivateKey = {PRIVATE}",
    text("PrivateKey"),
    text("Foo = 1"),
    text("AllowedIPs = 10.0.0.0/8"),
    text("[Peer]\nAllowedIPs = 10.0.0.0/8"),
    text("ListenPort = 0x50"),
    text("ListenPort = -"),
    text("ListenPort ="),
    text("FwMark = 0x"),
    text("FwMark = 0X10"),
    text("FwMark = 0x100000000"),
    text("FwMark = -1"),
    text("FwMark = on"),
    text("SaveConfig = yes"),
    f"[Interface]\nPrivateKey = {PRIVATE[:-1]}",
    f"[Interface]\nPrivateKey = {PRIVATE}=",
    f"[Interface]\nPrivateKey = {PRIVATE[:42]}l=",
    text("", f"PresharedKey = {PRESHARED[1:]}"),
    text("", "MTU = 1400"),
    text("", "AllowedIPs = 10.0.0.300/24"),
    text("", "AllowedIPs = 10.0.0.0/33"),
    text("", "AllowedIPs = 10.0.0.0/"),
    text("", "AllowedIPs = 10.0.0.0/a"),
    text("", "AllowedIPs = 10.0.0.0/8,"),
    text("", "AllowedIPs = fd00::/129"),
    text("", "AllowedIPs = fe80::1%lo/64"),
    text("", "AllowedIPs = example.com"),
    text("", "Endpoint = 192.0.2.1"),
    text("", "Endpoint = 192.0.2.1:"),
    text("", "Endpoint = :51820"),
    text("", "Endpoint = [2001:db8::1]"),
    text("", "Endpoint = [2001:db8::1"),
    text("", "Endpoint = [2001:db8::1]51820"),
    text("", "Endpoint = [2001:db8::1]x:51820"),
    text("", "Endpoint = 192.0.2.300:51820"),
    text("", "Endpoint = 192.0.2.1:0x5"),
    text("", "Endpoint ="),
    text("", "PersistentKeepalive = 65536"),
    text("", "PersistentKeepalive = -1"),
    text("", "PersistentKeepalive = 25s"),
    text("", "PersistentKeepalive ="),
]


@pytest.mark.parametrize("config", BOTH_REFUSE)
def test_what_wg_and_wg_quick_refuse_we_refuse(config: str, device: Device, tmp_path: Path) -> None:
    file = tmp_path / "wg0.conf"
    file.write_text(config)
    assert ask_wg(device, file) is None
    with pytest.raises(ConfigError):
        parse(config, "wg0.conf")


ONLY_WG_ACCEPTS = {
    "no private key: the device gets none": "[Interface]\n",
    "an empty file": "",
    "a private key of zeros: the device gets none": f"[Interface]\nPrivateKey = {keys.encode(bytes(32))}",
    "a key twice: the last one wins": text("ListenPort = 1\nListenPort = 2"),
    "a second [Interface]": text("[Interface]"),
    "a peer twice: the last one wins": text("", f"[Peer]\nPublicKey = {PEERS[0]}"),
    "a port beyond 65535: taken modulo 65536": text("ListenPort = 70000"),
    "a port by the name of a service": text("ListenPort = domain"),
    "an endpoint's port beyond 65535": text("", "Endpoint = 192.0.2.1:70000"),
    "an endpoint's port of 0": text("", "Endpoint = 192.0.2.1:0"),
    "an address of fewer than four numbers": text("", "Endpoint = 192.1:51820"),
    "values of wg-quick alone, which ip(8) would refuse later": text("MTU = x\nAddress = y\nTable = z"),
}


@pytest.mark.parametrize("why", ONLY_WG_ACCEPTS)
def test_where_wg_guesses_or_overwrites_without_a_word_we_refuse(
    why: str, device: Device, tmp_path: Path
) -> None:
    file = tmp_path / "wg0.conf"
    file.write_text(ONLY_WG_ACCEPTS[why])
    assert ask_wg(device, file) is not None
    with pytest.raises(ConfigError):
        parse(ONLY_WG_ACCEPTS[why], "wg0.conf")


def test_only_an_empty_list_of_allowed_ips_is_ours_alone(device: Device, tmp_path: Path) -> None:
    config = text("", "AllowedIPs =")  # wg(8) takes it on its command line, but not in a file
    file = tmp_path / "wg0.conf"
    file.write_text(config)
    assert ask_wg(device, file) is None
    assert parse(config, "wg0.conf").peers[0].allowed_ips == ()


# The variables of wg-quick after it has read a file: all of it before its command line is loaded, its own
# function called, and every variable written with its number of values, separated by zero bytes.
ASK_WG_QUICK = r"""
source <(sed '/function override insertion point/,$d' "$(command -v wg-quick)")
parse_options "$1"
for name in ADDRESSES DNS DNS_SEARCH MTU TABLE PRE_UP POST_UP PRE_DOWN POST_DOWN SAVE_CONFIG INTERFACE; do
    declare -n values=$name
    printf '%s\0%s\0' "$name" "${#values[@]}"
    (( ${#values[@]} )) && printf '%s\0' "${values[@]}"
done
true
"""


def ask_wg_quick(file: Path) -> dict[str, list[str]]:
    output = subprocess.run(
        ["bash", "-c", ASK_WG_QUICK, "wg-quick", str(file)], capture_output=True, check=True
    ).stdout
    words = output.decode().split("\0")[:-1]
    found = {}
    while words:
        name, count = words[0], int(words[1])
        found[name], words = words[2 : 2 + count], words[2 + count :]
    return found


@pytest.mark.parametrize(
    "interface",
    [
        "",
        "Address = 10.0.0.1/24, fd00::1/64 10.0.0.2\nAddress=fd00::2,,\nADDRESS =",
        "DNS = 1.1.1.1, corp.example\ndns = 2606:4700::1111 lan # not this",
        "MTU = 1400\nTable = off\nSaveConfig = TRUE",
        "MTU =\nTable =\nSaveConfig = false",
        "Table = 1234",
        'PreUp = a  b\nPostUp = echo %i = "x, y" \\n # no\npreup= c\nPreDown=d\nPostDown = e\nPostUp = f',
    ],
)
def test_the_keys_of_wg_quick_mean_the_same_to_us(interface: str, tmp_path: Path) -> None:
    file = tmp_path / "wg0.conf"
    file.write_text(text(interface))
    theirs = ask_wg_quick(file)
    ours = parse(text(interface), "wg0.conf").interface
    assert ours.addresses == tuple(map(parse_interface_address, theirs["ADDRESSES"]))
    assert ours.dns_servers == tuple(theirs["DNS"])
    assert ours.dns_search == tuple(theirs["DNS_SEARCH"])
    assert str(ours.mtu or "") == theirs["MTU"][0]
    assert str(ours.table) == (theirs["TABLE"][0] or "auto")
    assert int(ours.save_config) == int(theirs["SAVE_CONFIG"][0])
    assert ours.pre_up == tuple(theirs["PRE_UP"])
    assert ours.post_up == tuple(theirs["POST_UP"])
    assert ours.pre_down == tuple(theirs["PRE_DOWN"])
    assert ours.post_down == tuple(theirs["POST_DOWN"])
    assert theirs["INTERFACE"] == ["wg0"]
