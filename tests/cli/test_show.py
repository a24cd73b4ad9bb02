"""``glasstunnel show`` against ``wg show``, byte for byte, for interfaces of every kind."""

import base64
import itertools
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest

from glasstunnel.cli.main import main
from glasstunnel.host.control import ControlSocket
from glasstunnel.host.loop import Loop
from tests.cli.program import Done, glasstunnel, program

TABLES = [
    *("public-key", "private-key", "listen-port", "fwmark", "peers", "preshared-keys", "endpoints"),
    *("allowed-ips", "latest-handshakes", "transfer", "persistent-keepalive", "dump"),
]
KEYS = [f"{number:02x}" * 31 + "40" for number in range(1, 9)]
_numbers = itertools.count()
_CLOCK_REALTIME_COARSE = 5  # linux/time.h; Python has no name for it


class Interface:
    """A control socket that gives one answer."""

    def __init__(self, answer: str) -> None:
        self.name = f"gs{os.getpid()}n{next(_numbers)}"
        self.answer = answer
        self.loop = Loop()
        self.control = ControlSocket(self.name, self.loop, lambda _request: iter((self.answer,)))
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.loop.stop()
        self.thread.join(10)
        self.control.close()
        self.loop.close()


@pytest.fixture
def interface() -> Iterator[Interface]:
    if os.geteuid() or not shutil.which("wg"):
        pytest.skip("needs root and wg(8)")
    interface = Interface("errno=0\n\n")
    yield interface
    interface.close()


def uapi(*lines: str) -> str:
    return "".join(f"{line}\n" for line in (*lines, "errno=0")) + "\n"


def peer(key: str, *lines: str) -> list[str]:
    return [f"public_key={key}", *lines]


def handshake(seconds_ago: int) -> list[str]:
    return [f"last_handshake_time_sec={int(time.time()) - seconds_ago}", "last_handshake_time_nsec=5"]


def coarse() -> int:
    """The clock by which time(2) goes, and with it wg."""
    return int(time.clock_gettime(_CLOCK_REALTIME_COARSE))


def same(*words: str, env: dict[str, str] | None = None) -> str:
    """What both print, which must be the same for one of the seconds during which wg ran."""
    begin = coarse()
    theirs = program("wg", "show", *words, env=env)
    assert theirs.status == 0
    ours = [ours_at(second, *words, env=env) for second in range(begin, coarse() + 1)]
    assert theirs.out in ours
    return theirs.out


def ours_at(second: int, *words: str, env: dict[str, str] | None) -> str:
    """What the command prints, in this process, when the clock shows that second."""
    with patch("glasstunnel.cli.show.time") as clock, patch.dict(os.environ, env or {}):
        clock.time.return_value = second + 0.9
        with redirect_stdout(StringIO()) as out:
            assert main(["show", *words]) == 0
    return out.getvalue()


DAY = 86400

ANSWERS = {
    "nothing": uapi(),
    "no peers": uapi(f"private_key={KEYS[0]}", "listen_port=51820", "fwmark=51820"),
    "no private key": uapi("listen_port=1", *peer(KEYS[1])),
    "a private key of zeros": uapi(f"private_key={'00' * 32}"),
    "everything": uapi(
        f"private_key={KEYS[0]}",
        "listen_port=51820",
        "fwmark=1",
        *peer(
            KEYS[1],
            f"preshared_key={KEYS[2]}",
            "protocol_version=1",
            "endpoint=192.0.2.1:51820",
            *handshake(63),
            "tx_bytes=1",
            "rx_bytes=1023",
            "persistent_keepalive_interval=25",
            "allowed_ip=10.0.0.2/32",
            "allowed_ip=fd00::/64",
        ),
        *peer(KEYS[3], "endpoint=[2001:db8::1]:5", f"preshared_key={'00' * 32}", "allowed_ip=0.0.0.0/0"),
    ),
    "peers in the order of their handshakes": uapi(
        f"private_key={KEYS[0]}",
        *peer(KEYS[1]),
        *peer(KEYS[2], *handshake(500)),
        *peer(KEYS[3], *handshake(5)),
        *peer(KEYS[4], "last_handshake_time_sec=0", "last_handshake_time_nsec=0"),
        *peer(KEYS[5], *handshake(1)),
    ),
    "link-local endpoint": uapi(*peer(KEYS[1], "endpoint=[fe80::1%lo]:7")),
    "link-local endpoint with a number": uapi(*peer(KEYS[1], "endpoint=[fe80::1%1]:7")),
    "link-local endpoint elsewhere": uapi(*peer(KEYS[1], "endpoint=[fe80::1%99999]:7")),
    "keys that a newer version has": uapi("protocol_version=1", "colour=blue", *peer(KEYS[1], "taste=7")),
}


@pytest.mark.interop
@pytest.mark.parametrize("case", ANSWERS)
def test_it_prints_what_wg_prints(interface: Interface, case: str) -> None:
    interface.answer = ANSWERS[case]
    assert same(interface.name).startswith(f"interface: {interface.name}\n")


@pytest.mark.interop
@pytest.mark.parametrize("case", ANSWERS)
def test_it_prints_the_tables_that_wg_prints(interface: Interface, case: str) -> None:
    interface.answer = ANSWERS[case]
    for table in TABLES:
        same(interface.name, table)


@pytest.mark.interop
def test_secrets_are_shown_only_on_demand(interface: Interface) -> None:
    interface.answer = ANSWERS["everything"]
    secrets = [base64.b64encode(bytes.fromhex(KEYS[number])).decode() for number in (0, 2)]
    hidden = same(interface.name)
    shown = same(interface.name, env={"WG_HIDE_KEYS": "never"})
    for secret in secrets:
        assert secret not in hidden
        assert secret in shown
    assert not any(secret in glasstunnel("show", interface.name, "--json").out for secret in secrets)


@pytest.mark.interop
@pytest.mark.parametrize("mode", ["always", "never", "auto", "nonsense"])
def test_it_uses_the_colours_of_wg(interface: Interface, mode: str) -> None:
    interface.answer = ANSWERS["everything"]
    out = same(interface.name, env={"WG_COLOR_MODE": mode})
    assert ("\033[" in out) == (mode == "always")


@pytest.mark.interop
@pytest.mark.parametrize(
    "seconds",
    [0, 1, 2, 59, 60, 61, 3600, 3661, DAY, 2 * DAY + 3 * 3600, 365 * DAY, 800 * DAY + 86399, -30],
)
def test_times_read_as_wg_writes_them(interface: Interface, seconds: int) -> None:
    for colour in ("never", "always"):
        interface.answer = uapi(*peer(KEYS[1], *handshake(seconds)))
        assert "latest handshake" in same(interface.name, env={"WG_COLOR_MODE": colour})


@pytest.mark.interop
@pytest.mark.parametrize(
    "size", [1, 1023, 1024, 1025, 2**20 - 1, 2**20, 2**30 - 1, 2**30, 2**40 - 1, 2**40, 2**50, 2**63]
)
def test_amounts_read_as_wg_writes_them(interface: Interface, size: int) -> None:
    interface.answer = uapi(*peer(KEYS[1], f"rx_bytes={size}", "tx_bytes=0"))
    assert " received, 0 B sent" in same(interface.name)


@pytest.mark.interop
@pytest.mark.parametrize("interval", [1, 25, 60, 3600, 65535])
def test_keepalive_intervals_read_as_wg_writes_them(interface: Interface, interval: int) -> None:
    interface.answer = uapi(*peer(KEYS[1], f"persistent_keepalive_interval={interval}"))
    assert "persistent keepalive: every " in same(interface.name)


@pytest.mark.interop
def test_all_interfaces_are_shown_one_after_the_other(interface: Interface) -> None:
    """Others on this machine may come and go meanwhile: only ours are compared."""
    with closing(Interface(ANSWERS["no peers"])) as second:
        compare_all(interface, second)


def compare_all(interface: Interface, second: Interface) -> None:
    interface.answer = uapi(*peer(KEYS[1], "rx_bytes=5", "endpoint=192.0.2.1:5", "allowed_ip=10.0.0.2/32"))
    blocks = [glasstunnel("show", name).out for name in (interface.name, second.name)]
    for words in ((), ("all",)):
        theirs, ours = program("wg", "show", *words).out, glasstunnel("show", *words).out
        assert all(block in theirs for block in blocks)
        assert all(block in ours for block in blocks)
    for table in set(TABLES) - {"endpoints"}:
        lines = [
            [line for line in done.out.splitlines() if line.split("\t")[0] in (interface.name, second.name)]
            for done in (program("wg", "show", "all", table), glasstunnel("show", "all", table))
        ]
        assert sorted(lines[0]) == sorted(lines[1])
        assert lines[0]
    # wg forgets the name before every endpoint but the first, and the line's end where there is no peer.
    endpoints = glasstunnel("show", "all", "endpoints").out.splitlines()
    assert [line for line in endpoints if line.startswith((interface.name, second.name))] == [
        "\t".join((interface.name, base64.b64encode(bytes.fromhex(KEYS[1])).decode(), "192.0.2.1:5"))
    ]
    names = glasstunnel("show", "interfaces").out
    assert {interface.name, second.name} <= set(names.split())
    assert names == " ".join(names.split()) + "\n"


@pytest.mark.interop
def test_one_interface_that_fails_does_not_hide_the_others(interface: Interface) -> None:
    with closing(Interface(ANSWERS["no peers"])) as second:
        interface.answer = "errno=5\n\n"
        done = glasstunnel("show")
        assert glasstunnel("show", second.name).out in done.out
        assert f"glasstunnel: {interface.name}: its answer is an error or incomplete\n" in done.err
        assert done.status == 0


@pytest.mark.interop
def test_json_has_the_names_of_wg_json_and_no_secrets(interface: Interface) -> None:
    now = int(time.time())
    interface.answer = re.sub(r"(handshake_time_sec)=\d+", rf"\1={now}", ANSWERS["everything"])
    ((name, found),) = json.loads(glasstunnel("show", interface.name, "--json").out).items()
    assert name == interface.name
    first, second = (base64.b64encode(bytes.fromhex(KEYS[number])).decode() for number in (1, 3))
    assert found == {
        "publicKey": program("wg", "show", interface.name, "public-key").out.strip(),
        "listenPort": 51820,
        "fwmark": 1,
        "peers": {
            first: {
                "hasPresharedKey": True,
                "endpoint": "192.0.2.1:51820",
                "latestHandshake": now,
                "transferRx": 1023,
                "transferTx": 1,
                "persistentKeepalive": 25,
                "allowedIps": ["10.0.0.2/32", "fd00::/64"],
            },
            second: {
                "hasPresharedKey": False,
                "endpoint": "[2001:db8::1]:5",
                "transferRx": 0,
                "transferTx": 0,
                "allowedIps": ["0.0.0.0/0"],
            },
        },
    }
    assert interface.name in json.loads(glasstunnel("show", "--json").out)
    assert interface.name in json.loads(glasstunnel("show", "interfaces", "--json").out)


@pytest.mark.interop
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("errno=5\n\n", "its answer is an error or incomplete"),
        ("listen_port=1\n\n", "its answer is an error or incomplete"),
        ("listen_port=many\nerrno=0\n\n", 'cannot read the line "listen_port=…" of its answer'),
        ("endpoint=1.2.3.4:5\nerrno=0\n\n", 'cannot read the line "endpoint=…" of its answer'),
        ("private_key=secret\nerrno=0\n\n", 'cannot read the line "private_key=…" of its answer'),
    ],
)
def test_an_answer_that_cannot_be_read_is_one_sentence(
    interface: Interface, answer: str, sentence: str
) -> None:
    interface.answer = answer
    assert glasstunnel("show", interface.name) == Done(1, "", f"glasstunnel: {interface.name}: {sentence}\n")


def test_an_interface_that_is_not_there_is_one_sentence() -> None:
    assert glasstunnel("show", "nosuch0") == Done(
        1, "", "glasstunnel: there is no WireGuard interface nosuch0\n"
    )


def test_a_name_that_leads_elsewhere_is_no_name() -> None:
    done = glasstunnel("show", "../glasstunnel/x")
    assert done.status == 1
    assert done.err.startswith('glasstunnel: "../glasstunnel/x" is no interface name: ')


def test_a_table_that_is_not_there_is_a_wrong_command_line() -> None:
    done = glasstunnel("show", "wg0", "colours")
    assert done.status == 2
    assert "invalid choice: 'colours'" in done.err


@pytest.mark.interop
def test_who_reads_only_the_beginning_gets_no_complaint(interface: Interface) -> None:
    interface.answer = ANSWERS["everything"]
    done = program(
        "sh", "-c", f"glasstunnel=$1; $glasstunnel -m glasstunnel show {interface.name} | true", "-", "x"
    )
    assert "Traceback" not in done.err
