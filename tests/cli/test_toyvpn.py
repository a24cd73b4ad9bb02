"""``glasstunnel toyvpn``: what is wrong with a command line is one sentence, and nothing was done."""

import argparse
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from glasstunnel.cli import toyvpn
from glasstunnel.cli.main import main
from glasstunnel.cli.toyvpn import VARIABLE
from glasstunnel.operate import toyvpn_client, toyvpn_server
from tests.cli.program import Done

Glasstunnel = Callable[..., Done]
SERVER = ("toyvpn", "server", "tun0", "8000")
SAMPLE = ("-m", "1400", "-a", "10.0.0.2", "32", "-d", "8.8.8.8", "-r", "0.0.0.0", "0")


@pytest.fixture
def glasstunnel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Glasstunnel:
    """The program in this process, which is much faster than one of its own."""

    def run(*words: str, secret: str = "secret") -> Done:
        monkeypatch.setenv(VARIABLE, secret)
        monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "0")
        try:
            status = main(words)
        except SystemExit as exit_:
            status = int(str(exit_.code))
        return Done(status, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-m", "no", "-a", "10.0.0.2", "32"), 'MTU: expected 68 to 32767, got "no"'),
        (("-m", "1400"), "pool: expected a prefix, or an address for the only client"),
        (("-a", "10.0.0.2", "33"), 'address\'s prefix length: expected 0 to 32, got "33"'),
        (("-a", "10.0.0.2", "32", "-d", "dns"), 'DNS server: expected an IPv4 or IPv6 address, got "dns"'),
        (
            ("--pool", "10.0.0.0/24", "-a", "10.0.0.2", "32"),
            "-a: expected none with --pool, from which each client gets an address of its own",
        ),
        (("--pool", "10.0.0.0/31"), "pool: expected a prefix of at most 30 bits, got 10.0.0.0/31"),
        (("--secret-file", "/nowhere", *SAMPLE), "cannot read /nowhere: No such file or directory"),
        (
            ("--secret-file", "/dev/null", *SAMPLE),
            "/dev/null: expected the secret in the first line, got nothing",
        ),
        (("geheim", "--secret-file", "x", *SAMPLE), "secret: expected SECRET or --secret-file, got both"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    glasstunnel: Glasstunnel, words: tuple[str, ...], sentence: str
) -> None:
    done = glasstunnel(*SERVER, *words)
    assert (done.status, done.out, done.err.splitlines()[-1]) == (1, "", f"glasstunnel: {sentence}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("server", "tun/0", "8000"), 'argument TUN: "tun/0" is no interface name'),
        (("server", "tun0", "70000"), 'argument PORT: expected a port from 1 to 65535, got "70000"'),
        (("server", "tun0", "8000", "--pool", "x"), "argument --pool: expected an address with a prefix"),
        (
            ("server", "tun0", "8000", "--address", "x"),
            "argument --address: expected an address with a prefix",
        ),
        (("client", "tun0", "host", "0"), 'argument PORT: expected a port from 1 to 65535, got "0"'),
    ],
)
def test_a_wrong_argument_is_named(glasstunnel: Glasstunnel, words: tuple[str, ...], sentence: str) -> None:
    done = glasstunnel("toyvpn", *words)
    assert done.status == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_without_a_secret_the_three_places_are_named(glasstunnel: Glasstunnel) -> None:
    done = glasstunnel(*SERVER, *SAMPLE, secret="")
    assert done.status == 1
    assert done.err == (
        f"glasstunnel: secret: expected SECRET, --secret-file, or {VARIABLE} in the environment, got none\n"
    )


def test_a_secret_in_the_command_line_is_warned_of(glasstunnel: Glasstunnel) -> None:
    """As the sample takes it, so that its command lines work."""
    done = glasstunnel(*SERVER, "test", "-m", "no")
    assert done.err.splitlines()[0] == (
        f"Warning: the secret is in the process list; --secret-file or {VARIABLE} keeps it out"
    )


def test_a_server_that_has_no_name_is_one_sentence(glasstunnel: Glasstunnel) -> None:
    done = glasstunnel("toyvpn", "client", "tun0", "no.such.invalid", "8000")
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith('glasstunnel: cannot resolve the endpoint "no.such.invalid"')
    assert "Traceback" not in done.err


def test_the_help_says_what_protects_and_what_does_not(glasstunnel: Glasstunnel) -> None:
    done = glasstunnel("toyvpn", "--help")
    assert done.status == 0
    assert "neither encrypts nor authenticates" in done.out
    assert "use WireGuard" in done.out


def test_the_reference_names_every_option_and_every_event() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "reference" / "toyvpn.md").read_text()
    parser = argparse.ArgumentParser()
    toyvpn.configure(parser)
    (ends,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    options = {
        option
        for end in ends.choices.values()
        for action in end._actions
        for option in action.option_strings
        if option not in ("-h", "--help")
    }
    assert {option for option in options if f"`{option}" not in page} == set()
    source = inspect.getsource(toyvpn_server) + inspect.getsource(toyvpn_client)
    told = set(re.findall(r'(?:tell\(|_tell\(\s*)"([a-z ]+)"', source))
    assert len(told) > 8
    assert {event for event in told if f"| `{event}` |" not in page} == set()
