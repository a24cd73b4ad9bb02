"""``genkey``, ``genpsk``, ``pubkey`` beside those of wg(8)."""

import base64
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import glasstunnel, program

needs_wg = pytest.mark.skipif(not shutil.which("wg"), reason="needs wg(8)")


@pytest.mark.parametrize("command", ["genkey", "genpsk"])
def test_a_key_is_32_bytes_in_base64_and_never_the_same(command: str) -> None:
    first, second = glasstunnel(command), glasstunnel(command)
    for done in (first, second):
        assert (done.status, done.err) == (0, "")
        assert len(done.out) == 45
        assert len(base64.b64decode(done.out)) == 32
    assert first.out != second.out


def test_a_private_key_is_clamped() -> None:
    """RFC 7748 §5: bits 0, 1, 2 and 255 are clear, bit 254 is set."""
    for _ in range(4):
        key = base64.b64decode(glasstunnel("genkey").out)
        assert (key[0] & 7, key[31] >> 6) == (0, 1)


@needs_wg
def test_public_keys_are_those_of_wg() -> None:
    for _ in range(4):
        private = glasstunnel("genkey").out
        assert glasstunnel("pubkey", text=private) == program("wg", "pubkey", text=private)


def test_the_example_of_the_standard() -> None:
    """RFC 7748 §6.1: Alice's keys."""
    private = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    done = glasstunnel("pubkey", text=base64.b64encode(bytes.fromhex(private)).decode())
    assert base64.b64decode(done.out).hex() == public


@pytest.mark.parametrize("around", ["{}", "{}\n", " {}\r\n\n"])
def test_space_around_the_key_does_not_matter(around: str) -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    assert glasstunnel("pubkey", text=around.format(key)).status == 0


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "A" * 43 + "=A", "é" * 44, "A" * 10000])
def test_what_is_no_key_is_one_sentence_that_does_not_repeat_it(text: str) -> None:
    done = glasstunnel("pubkey", text=text)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("glasstunnel: expected a key of 44 characters of base64, got ")
    assert done.err.count("\n") == 1
    assert "AAAA" not in done.err


@pytest.mark.parametrize("command", ["genkey", "genpsk"])
def test_a_key_in_a_file_that_all_can_read_is_warned_of(command: str, tmp_path: Path) -> None:
    for mode, warned in ((0o600, False), (0o640, False), (0o644, True), (0o602, True)):
        path = tmp_path / f"{mode:o}"
        path.touch()
        path.chmod(mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        with path.open("w") as file:
            done = subprocess.run(
                [sys.executable, "-m", "glasstunnel", command],
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
                timeout=60,
            )
        assert bool(done.stderr) == warned
        assert len(path.read_text()) == 45
    assert done.stderr == (
        "Warning: writing to a file that is accessible to everybody; umask 077 prevents it.\n"
    )


def test_a_full_disk_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glasstunnel", "genkey"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "glasstunnel: No space left on device\n")
