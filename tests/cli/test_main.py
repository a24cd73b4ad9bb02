"""The program itself: help, versions, errors as sentences, and no import that a command does not need."""

import subprocess
import sys

import pytest

from glasstunnel import __version__
from glasstunnel.cli.main import COMMANDS, main
from tests.cli.program import Done, glasstunnel, program


def test_help_lists_every_command_with_its_purpose() -> None:
    done = glasstunnel("--help")
    assert (done.status, done.err) == (0, "")
    for name, purpose in COMMANDS.items():
        assert name in done.out
        assert purpose in " ".join(done.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = glasstunnel(name, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: glasstunnel {name} ")
    assert len(done.out.split("\n\n")) >= 3  # usage, description, options


def test_up_explains_how_to_ask_for_the_plain_data_path() -> None:
    assert "GLASSTUNNEL_DATA_PATH=plain" in glasstunnel("up", "--help").out


def test_our_programs_have_one_thread_whatever_they_import() -> None:
    """Another one of numpy's would cost them their user namespaces: unshare(2) says EINVAL."""
    script = "import glasstunnel.cli.demo, glasstunnel.cli.wg, os; print(len(os.listdir('/proc/self/task')))"
    bare = ("env", "-u", "OPENBLAS_NUM_THREADS", sys.executable)
    assert program(*bare, "-c", script) == Done(0, "1\n", "")


def test_the_version_is_the_packages() -> None:
    assert glasstunnel("--version") == Done(0, f"glasstunnel {__version__}\n", "")


@pytest.mark.parametrize(
    "words", [[], ["nosuch"], ["up"], ["genkey", "more"], ["--nosuch"], ["show", "a", "b"]]
)
def test_a_wrong_command_line_is_told_with_the_usage(words: list[str]) -> None:
    done = glasstunnel(*words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("usage: glasstunnel")
    assert "error: " in done.err


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("genkey", ["pyroute2", "asyncio", "glasstunnel.host", "glasstunnel.wireguard", "numpy"]),
        ("pubkey", ["pyroute2", "asyncio", "glasstunnel.host", "glasstunnel.wireguard", "numpy"]),
        ("show", ["pyroute2", "asyncio", "numpy"]),
        ("--version", ["cryptography", "pyroute2", "asyncio", "glasstunnel.host", "glasstunnel.operate"]),
        ("--help", ["cryptography", "pyroute2", "asyncio", "glasstunnel.host", "glasstunnel.operate"]),
    ],
)
def test_no_command_pays_for_what_another_imports(command: str, unneeded: list[str]) -> None:
    code = (
        "import sys; from glasstunnel.cli.main import main\n"
        f"try: main([{command!r}, *{['interfaces'] if command == 'show' else []}])\n"
        "except SystemExit: pass\n"
        "print('|', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = done.stdout.rpartition("|")[2].split()
    assert "glasstunnel.cli.main" in imported
    assert [name for name in unneeded if name in imported] == []


class Raising:
    """A command that raises."""

    ERRORS = (LookupError,)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def configure(self, _parser: object) -> None:
        """No arguments."""

    def run(self, _arguments: object) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(LookupError("the one sentence"), "the one sentence"), (KeyboardInterrupt(), "interrupted")],
)
def test_what_the_user_or_the_system_did_is_one_sentence(
    error: BaseException, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.import_module", lambda _name: Raising(error))
    assert main(["genkey"]) == 1
    assert capsys.readouterr() == ("", f"glasstunnel: {sentence}\n")


def test_what_is_our_own_fault_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", lambda _name: Raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["genkey"])


def test_a_reader_that_has_had_enough_is_no_error_to_talk_about() -> None:
    """As with ``glasstunnel show | head -1``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glasstunnel", "genpsk"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1
