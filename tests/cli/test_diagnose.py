"""``glasstunnel diagnose``: its command line, and what it says where there is nothing to diagnose with."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from glasstunnel.diagnose.causes import CLASSES
from tests.cli.program import glasstunnel

PULL = ("diagnose", "docker-pull")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Alpine"], 'image "Alpine": expected a repository'),
        (["--resolver", "dns.google"], 'resolver "dns.google": expected an IP address first'),
        (["--deadline", "0.5"], "expected 1 to 600 seconds"),
        (["--deadline", "x"], "expected 1 to 600 seconds"),
        (["a", "b"], "unrecognized arguments: b"),
    ],
)
def test_a_wrong_command_line_is_told_with_what_was_expected(words: list[str], expected: str) -> None:
    done = glasstunnel(*PULL, *words)
    assert (done.status, done.out) == (2, "")
    assert expected in done.err


def test_the_exit_statuses_are_in_the_help() -> None:
    told = glasstunnel(*PULL, "--help").out
    for name, (status, causes) in CLASSES.items():
        assert f"  {status:>2}  {name}: {', '.join(sorted(causes))}\n" in told


@pytest.mark.parametrize(
    ("text", "why"), [(None, "No such file or directory"), ("no certificate", "not PEM")]
)
def test_certificates_that_cannot_be_read_are_one_sentence(
    text: str | None, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    done = glasstunnel(*PULL, "--ca-file", str(file))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"glasstunnel: {file}: expected certificates to trust, in PEM: {why}\n"


def alone(*words: str, **variables: str) -> list[str]:
    """The command in a network namespace in which there is nothing."""
    settings = [f"{name}={value}" for name, value in variables.items()]
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["env", *settings, "unshare", *users, "--net", sys.executable, "-m", "glasstunnel", *PULL, *words]


@pytest.mark.interop
@pytest.mark.parametrize(
    "image", ["hello-world", "localhost:5000/app", "192.0.2.1:5000/app", f"{'x' * 70}.org/a"]
)
def test_a_machine_without_a_network_gets_a_clear_verdict(image: str) -> None:
    done = subprocess.run(alone(image, LC_ALL="C"), capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.returncode == 10
    assert "Verdict: there is no network: nobody outside answers\nCause: no-network, certain\n" in done.stdout
    assert "this machine has no default route\n" in done.stdout


@pytest.mark.interop
def test_the_json_report_is_one_document() -> None:
    done = subprocess.run(alone("--json"), capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["verdict"]["cause"] == "no-network"
    assert done.stderr == ""


@pytest.mark.interop
def test_in_a_chinese_locale_the_report_is_chinese() -> None:
    done = subprocess.run(
        alone(LC_ALL="zh_CN.UTF-8", PYTHONUTF8="1"), capture_output=True, text=True, timeout=60, check=False
    )
    assert "结论：没有网络：外面没有任何应答\n" in done.stdout


@pytest.mark.interop
def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end() -> None:
    assert shutil.which("unshare")
    master, slave = pty.openpty()
    subprocess.run(alone(LC_ALL="C"), stdout=subprocess.DEVNULL, stderr=slave, timeout=60, check=False)
    os.close(slave)
    drawn = os.read(master, 65536).decode()
    os.close(master)
    steps = re.findall("\r\x1b\\[K([^\r]*)", drawn)
    assert "   registry: asking for the name …" in steps
    assert steps[-1] == ""


@pytest.mark.interop
def test_an_interruption_ends_it_with_a_sentence() -> None:
    """Of a diagnosis that waits, as for an answer that a pipe never gives."""
    master, slave = pty.openpty()
    with subprocess.Popen(alone(), stdout=subprocess.PIPE, stderr=slave, text=True) as program:
        os.close(slave)
        drawn = ""
        while "…" not in drawn:
            drawn += os.read(master, 65536).decode()
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=60)
    drawn += os.read(master, 65536).decode()
    os.close(master)
    assert (program.returncode, out) == (1, "")
    assert drawn.endswith("\r\x1b[Kglasstunnel: interrupted\r\n")


@pytest.mark.interop
@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_stream_that_is_closed_is_no_fault(closed: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *alone()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (10, "")


@pytest.mark.interop
def test_a_full_disk_under_a_report_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            alone(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, "glasstunnel: No space left on device\n")


@pytest.mark.interop
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_proxys_password_is_shown_to_nobody_and_its_address_to_who_asks(form: tuple[str, ...]) -> None:
    proxy = "http://u:secret@192.168.77.80:3128"

    def report(*options: str) -> str:
        words = alone(*form, *options, HTTPS_PROXY=proxy)
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout

    assert "http://***@own-address-1:3128" in report()
    assert "http://***@192.168.77.80:3128" in report("--unmasked")
    assert "secret" not in report() + report("--unmasked")
