"""``glasstunnel up --capture --key-log`` at a tunnel with wireguard-go, and Wireshark's verdict on it."""

import stat
import subprocess
from pathlib import Path

import pytest

from tests.capture.wireshark import DATA, INITIATION, RESPONSE, assert_nothing_is_wrong, dissect, of_type
from tests.interop.lab import PATIENCE, Lab, glasstunnel, ping, run, until
from tests.interop.system import state

pytestmark = pytest.mark.interop

OUTER, INNER = "0", "1"


@pytest.mark.parametrize("initiator", ["ours", "theirs"])
def test_wireshark_opens_what_passed_between_us_and_wireguard_go(
    lab: Lab, tmp_path: Path, initiator: str
) -> None:
    ours, theirs = lab.ours, lab.theirs
    shared = f"PresharedKey = {run('wg', 'genpsk')}"
    our_lines, their_lines = [shared], [shared]
    if initiator == "ours":
        our_lines.append(f"Endpoint = {theirs.endpoint(4)}")
    else:
        their_lines.append(f"Endpoint = {ours.endpoint(4)}")
    capture, key_log = tmp_path / "tunnel.pcapng", tmp_path / "keys.txt"
    config = lab.config(tmp_path, *our_lines)
    with lab.wireguard_go(*their_lines):
        with ours.namespace:
            done = glasstunnel("up", "--quiet", "--capture", capture, "--key-log", key_log, config)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines() == [
            f"Warning: {capture} holds the packets of the tunnel unencrypted",
            f"Warning: whoever has {key_log} can decrypt all traffic of the tunnel",
        ]
        try:
            first, second = (ours, theirs) if initiator == "ours" else (theirs, ours)
            with first.namespace:
                ping(second.inner[4])
            with second.namespace:
                ping(first.inner[4])
        finally:
            with ours.namespace:
                done = glasstunnel("down", config)
            assert done.returncode == 0, done.stderr
    for file in (capture, key_log):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = dissect(capture, ours.port)
    outer = [row for row in rows if row["frame.interface_id"] == OUTER]
    inner = [row for row in rows if row["frame.interface_id"] == INNER]
    assert_nothing_is_wrong(outer)
    assert not any("_ws.malformed" in row for row in inner)
    address = ours.outer[4] if initiator == "ours" else theirs.outer[4]
    assert {row["ip.src"] for row in of_type(outer, INITIATION)} == {address}
    # Two echoes each way, seen twice: sealed, and as the interface has them.
    opened = [row["ip.src"].split(",")[1] for row in of_type(outer, DATA) if "icmp.type" in row]
    for host in (ours, theirs):
        assert opened.count(host.inner[4]) >= 2
    assert sorted(opened) == sorted(row["ip.src"] for row in inner if "icmp.type" in row)
    # The second dissection has the keys from the key log alone, for a capture that knows none.
    assert_nothing_is_wrong(
        [row for row in dissect(capture, ours.port, key_log) if row["frame.interface_id"] == OUTER]
    )


def test_the_key_log_alone_opens_what_another_program_has_recorded(lab: Lab, tmp_path: Path) -> None:
    """Wireshark's own recorder listens on the other host; only the keys are ours."""
    ours, theirs = lab.ours, lab.theirs
    key_log, recorded = tmp_path / "keys.txt", tmp_path / "cable.pcapng"
    config = lab.config(tmp_path, f"Endpoint = {theirs.endpoint(4)}")
    # The first four messages: initiation, response, echo request, echo reply.
    command = ["dumpcap", "-q", "-i", "eth0", "-f", f"udp port {theirs.port}", "-c", "4", "-w", str(recorded)]
    with lab.wireguard_go():
        with theirs.namespace:
            recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: recorded.exists() and recorded.stat().st_size, "the recorder listens")
            with ours.namespace:
                assert glasstunnel("up", "--quiet", "--key-log", key_log, config).returncode == 0
                ping(theirs.inner[4])
                assert glasstunnel("down", config).returncode == 0
            assert recorder.wait(PATIENCE) == 0
        finally:
            recorder.kill()
    assert sum("icmp.type" in row for row in dissect(recorded, ours.port)) == 0
    rows = dissect(recorded, ours.port, key_log)
    assert [row["wg.type"] for row in rows] == [INITIATION, RESPONSE, DATA, DATA]
    assert [row.get("icmp.type") for row in rows] == [None, None, "8", "0"]
    assert rows[1]["wg.handshake_ok"] == "1"


def test_with_a_default_route_the_datagrams_still_come_from_the_cable(lab: Lab, tmp_path: Path) -> None:
    """What is marked does not go into the tunnel, and so neither does the question where from it is sent."""
    ours, theirs, far = lab.ours, lab.theirs, "198.51.100.1"
    with theirs.namespace:
        run("ip", "address", "add", f"{far}/32", "dev", "eth0")
    with ours.namespace:
        run("ip", "route", "add", "default", "via", theirs.outer[4])
    capture = tmp_path / "tunnel.pcapng"
    config = lab.config(tmp_path, f"Endpoint = {far}:{theirs.port}")
    config.write_text(config.read_text().replace(theirs.allowed_ips, "0.0.0.0/0"))
    with lab.wireguard_go(), ours.namespace:
        done = glasstunnel("up", "--quiet", "--capture", capture, config)
        assert done.returncode == 0, done.stderr
        try:
            ping(theirs.inner[4])
        finally:
            assert glasstunnel("down", config).returncode == 0
    rows = dissect(capture, ours.port)
    assert {row["ip.src"] for row in rows if "wg.type" in row} == {ours.outer[4], far}


def test_without_the_options_nothing_is_written(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(tmp_path)
    with lab.up(config):
        assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("option", ["--capture", "--key-log"])
def test_a_file_that_cannot_be_written_keeps_the_interface_from_coming_up(
    lab: Lab, tmp_path: Path, option: str
) -> None:
    with lab.ours.namespace:
        before = state()
        done = glasstunnel("up", "--quiet", option, tmp_path / "no" / "file", lab.config(tmp_path))
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(
            f"cannot write to {tmp_path}/no/file: No such file or directory"
        )
        assert state() == before
