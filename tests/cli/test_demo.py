"""``glasstunnel demo``: the story in both languages, its facts, and its end, with and without root."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.host.fakes import tun_device_mode

pytestmark = pytest.mark.interop

DEMO = [sys.executable, "-m", "glasstunnel", "demo", "--size", "8"]


def environment(language: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": language}


def demo(*arguments: str, language: str = "C.UTF-8") -> str:
    done = subprocess.run(
        [*DEMO, *arguments],
        env=environment(language),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_story_is_told_in_english_with_the_sizes_of_the_paper() -> None:
    told = demo()
    assert re.findall(r"^\d  (.*)$", told, re.M) == [
        "Two hosts and a cable",
        "Keys",
        "Initiation",
        "Response",
        "First packet",
        "Ping",
        "A TCP transfer",
        "A new key",
        "The end",
    ]
    assert "left → right  initiation, 148 bytes" in told
    assert "right → left  response, 92 bytes" in told
    assert "left → right  transport data, 128 bytes" in told
    assert "128 = 16 header + 96 packet with padding (84 + 12) + 16 tag." in told
    assert "SHA-256 is the same at both ends." in told
    assert "0 were lost" in told
    assert "\x1b" not in told, "no colour where nobody can see it"


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "zh_TW.UTF-8"])
def test_the_story_is_told_in_chinese_in_a_chinese_locale(language: str) -> None:
    told = demo(language=language)
    assert "left → right  发起消息，148 字节" in told
    assert "两端算出的 SHA-256 相同。" in told


def test_the_facts_are_one_json_document() -> None:
    acts = {act.pop("act"): act for act in json.loads(demo("--json"))}
    assert list(acts) == [
        "hosts",
        "keys",
        "initiation",
        "response",
        "first data",
        "ping",
        "tcp",
        "rekey",
        "end",
    ]
    assert (acts["initiation"]["size"], acts["response"]["size"]) == (148, 92)
    assert acts["first data"]["receiver_index"] == acts["response"]["sender_index"]
    assert acts["first data"]["counter"] == 0
    assert acts["ping"]["received"] == acts["ping"]["sent"] == 11
    assert acts["tcp"]["intact"] is True
    assert acts["tcp"]["udp_payload_bytes"] > acts["tcp"]["bytes"] == 8_000_000
    assert acts["rekey"]["age_s"] >= acts["rekey"]["rekey_after_s"] == 4
    assert acts["rekey"]["lost"] == 0
    assert acts["end"]["left"]["sent_bytes"] == acts["end"]["right"]["received_bytes"]


def test_a_size_that_is_none_is_refused_in_one_sentence() -> None:
    done = subprocess.run([*DEMO[:-1], "much"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("argument --size: expected 1 to 10000 megabytes, got 'much'")


def test_an_interrupted_story_ends_in_one_sentence() -> None:
    with subprocess.Popen(
        DEMO, env=environment("C.UTF-8"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if "A TCP transfer" in line:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        assert process.stderr.read() == "glasstunnel: interrupted\n"
    assert process.returncode == 1


@pytest.fixture
def tun_for_everybody() -> Iterator[None]:
    """The usual mode of /dev/net/tun, for the time of a test."""
    with tun_device_mode(0o666):
        yield


@pytest.fixture
def tun_for_root_only() -> Iterator[None]:
    """A mode of /dev/net/tun that lets nobody but root in, for the time of a test."""
    with tun_device_mode(0o600):
        yield


def demo_of_nobody(*before: str) -> subprocess.CompletedProcess[str]:
    """Run the demo as an ordinary user, who may not be able to read the installation: all is loaded first."""
    steps = [
        "import ctypes, cryptography.hazmat.backends.openssl.backend, encodings.idna, json, os, sys",
        "from glasstunnel.cli import demo, main",
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)",
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)",  # PR_SET_DUMPABLE, as after the exec of an ordinary program
        *before,
        "sys.exit(main.main(['demo', '--json', '--size', '1']))",
    ]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(steps)],
        env=environment("C.UTF-8"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user and change the mode of /dev/net/tun"
)


@needs_root
@pytest.mark.usefixtures("tun_for_everybody")
def test_an_ordinary_user_gets_namespaces_of_its_own() -> None:
    done = demo_of_nobody()
    assert (done.returncode, done.stderr) == (0, "")
    assert {act["act"] for act in json.loads(done.stdout)} >= {"tcp", "rekey"}


@needs_root
@pytest.mark.usefixtures("tun_for_root_only")
def test_an_ordinary_user_without_the_tun_device_is_told_so_in_one_sentence() -> None:
    done = demo_of_nobody()
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("glasstunnel: ")
    assert "/dev/net/tun" in done.stderr


@needs_root
def test_an_ordinary_user_without_user_namespaces_is_told_so_in_one_sentence() -> None:
    forbid = "import errno; from glasstunnel.host import libc"
    refuse = "def no(*flags): raise OSError(errno.EPERM, os.strerror(errno.EPERM))"
    done = demo_of_nobody(forbid, refuse, "libc.unshare = no")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "run as root" in done.stderr
