"""The room's helper: tshark, which judges what we write and has no part of ours in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

FIELDS = (
    "frame.interface_id",
    "frame.time_epoch",
    "frame.packet_flags_direction",
    "ip.src",
    "ipv6.src",
    "ip.dsfield.dscp",
    "ip.checksum.status",
    "udp.srcport",
    "udp.checksum.status",
    "wg.type",
    "wg.handshake_ok",
    "wg.receiver_pubkey",
    "wg.static",
    "wg.mac2",
    "wg.counter",
    "wg.keepalive",
    "wg.decryption_error",
    "icmp.type",
    "icmp.seq",
    "icmpv6.type",
    "data.data",
    "_ws.malformed",
)
INITIATION, RESPONSE, COOKIE_REPLY, DATA = "1", "2", "3", "4"
GOOD = "1"
"""Of a checksum."""


def dissect(capture: Path, port: int, key_log: Path | None = None) -> list[dict[str, str]]:
    """Each packet of a capture as tshark reads it: fields that it has, several values with commas between."""
    if not shutil.which("tshark"):
        pytest.skip("not installed: tshark")
    preferences = ["udp.check_checksum:TRUE", "ip.check_checksum:TRUE"]
    if key_log:
        preferences.append(f"wg.keylog_file:{key_log}")
    command = ["tshark", "-n", "-r", str(capture), "-d", f"udp.port=={port},wg", "-T", "fields"]
    for preference in preferences:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [zip(FIELDS, line.split("\t"), strict=True) for line in done.stdout.splitlines()]
    return [{field: value for field, value in row if value} for row in rows]


def of_type(rows: list[dict[str, str]], kind: str) -> list[dict[str, str]]:
    """The WireGuard messages of one type."""
    return [row for row in rows if row.get("wg.type") == kind]


def assert_nothing_is_wrong(rows: list[dict[str, str]]) -> None:
    """No message is malformed, every checksum of ours is right, all transport data is opened."""
    for row in rows:
        assert "_ws.malformed" not in row, row
        assert set(row.get("ip.checksum.status", GOOD).split(",")) == {GOOD}, row
        assert set(row.get("udp.checksum.status", GOOD).split(",")) == {GOOD}, row
    for row in of_type(rows, RESPONSE):
        assert row["wg.handshake_ok"] == "1", row
    for row in of_type(rows, DATA):
        assert "wg.decryption_error" not in row, row
        assert "wg.keepalive" in row or {"icmp.type", "icmpv6.type"} & set(row), row
