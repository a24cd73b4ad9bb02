"""make fuzz says what it needs, and an input that brought a harness down is run again by itself."""

import importlib.util
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz


def test_without_atheris_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert fuzz.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "tests/fuzz/atheris.lock" in said.err
    assert (fuzz.ROOT / "tests" / "fuzz" / "atheris.lock").is_file()


def test_one_input_is_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "crash"
    file.write_bytes(b"[Interface]\nPrivateKey = \xff")
    assert fuzz.main(["config", "--input", str(file)]) == 0
    assert capsys.readouterr().out == "config: held\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "expected some of receive, open, "),
        (["--input", "file"], "--input: expected the one harness that is to read it"),
    ],
)
def test_what_it_does_not_know_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        fuzz.main(arguments)
    assert said in capsys.readouterr().err
