"""The runner of test vectors: ``python -m glasstunnel.noise.vectors``.

``vectors.json`` was made by :mod:`tests.noise.make_vectors` from two independent implementations.
"""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glasstunnel.noise.vectors import main
from tests.noise import make_vectors

VECTORS = Path(__file__).with_name("vectors.json")
ALL: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["vectors"]
BY_NAME = {vector["protocol_name"]: vector for vector in ALL}
IKPSK2 = next(name for name in BY_NAME if name.startswith("Noise_IKpsk2_25519"))
NOT_PSK = next(name for name in BY_NAME if name.startswith("Noise_NN_25519"))
PIPE = "Noise_IK_25519_ChaChaPoly_BLAKE2s"
FAILING = "Noise_XX_25519_ChaChaPoly_BLAKE2s"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the vectors given, or the text given, as one file; returns exit status, output and error output."""

    def run_file(*vectors: object, text: str | None = None) -> tuple[int, str, str]:
        path = tmp_path / "some.json"
        path.write_text(json.dumps({"vectors": vectors}) if text is None else text, "utf-8")
        status = main([str(path)])
        captured = capsys.readouterr()
        return (
            status,
            captured.out.replace(str(path), "some.json"),
            captured.err.replace(str(path), "some.json"),
        )

    return run_file


def changed(name: str, **fields: object) -> dict[str, Any]:
    """A vector with some of its fields replaced."""
    return {**copy.deepcopy(BY_NAME[name]), **fields}


def test_the_committed_file_is_what_the_independent_implementations_say() -> None:
    assert make_vectors.document() == VECTORS.read_text("utf-8")


def test_the_command_agrees_with_the_independent_implementations() -> None:
    command = [sys.executable, "-m", "glasstunnel.noise.vectors", str(VECTORS), str(VECTORS)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("106 passed, 0 failed, 0 unsupported\n", "")
    assert result.returncode == 0


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("field", ["payload", "ciphertext"])
@pytest.mark.parametrize("pattern", ["X", "XX", "IKpsk2"])
def test_a_wrong_message_fails_and_is_named(run: Run, pattern: str, field: str, number: int) -> None:
    name = next(name for name in BY_NAME if name.startswith(f"Noise_{pattern}_"))
    vector = changed(name)
    vector["messages"][number][field] += "00"
    status, out, err = run(vector)
    report, summary = out.splitlines()
    assert report.startswith(f"FAILED some.json: {name}: message {number + 1}: the sender's ciphertext is ")
    assert f"expected {vector['messages'][number]['ciphertext']}" in report
    assert (status, summary, err) == (1, "0 passed, 1 failed, 0 unsupported", "")


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("handshake_hash", "00" * 32, "the initiator's handshake hash is "),
        ("init_prologue", "00", "message 1: the sender's ciphertext is "),
        ("resp_prologue", "00", "message 1: the ciphertext does not authenticate"),
        ("init_static", "00" * 32, "message 1: the sender's ciphertext is "),
        ("resp_static", "01" * 32, "message 1: the ciphertext does not authenticate"),
        ("init_ephemeral", "02" * 32, "message 1: the sender's ciphertext is "),
        ("resp_ephemeral", "03" * 32, "message 2: the sender's ciphertext is "),
        ("init_remote_static", "09" + "00" * 31, "message 1: the sender's ciphertext is "),
        ("init_remote_static", "00" * 32, "message 1: no secret can be shared with"),
        ("init_remote_static", None, "before message 1: IKpsk2 needs rs before the handshake"),
        ("resp_static", None, "before message 1: IKpsk2 needs s before the handshake"),
        ("init_ephemeral", None, "before message 1: IKpsk2 sends an ephemeral key"),
        ("init_static", "00" * 31, "before message 1: a 25519 private key has 32 bytes, not 31"),
        ("init_psks", [], "message 2: psk number 0 has not been supplied"),
        ("init_psks", ["00" * 32], "message 2: the ciphertext does not authenticate"),
        ("resp_psks", ["00" * 32], "message 2: the sender's ciphertext is "),
        ("resp_psks", ["00"], "before message 1: a psk has 32 bytes, not 1"),
    ],
)
def test_a_wrong_field_fails(run: Run, field: str, value: object, complaint: str) -> None:
    status, out, _ = run(changed(IKPSK2, **{field: value}))
    report, summary = out.splitlines()
    assert report.startswith(f"FAILED some.json: {IKPSK2}: {complaint}")
    assert (status, summary) == (1, "0 passed, 1 failed, 0 unsupported")


def test_a_conversation_that_ends_before_its_handshake_fails(run: Run) -> None:
    vector = changed(IKPSK2)
    del vector["messages"][1:]
    status, out, _ = run(vector)
    assert "after the last message: there is no handshake hash before the handshake is finished" in out
    assert status == 1


def test_one_failure_among_many_is_enough(run: Run) -> None:
    status, out, _ = run(*BY_NAME.values(), changed(IKPSK2, handshake_hash="00"))
    assert out.splitlines()[-1] == "53 passed, 1 failed, 0 unsupported"
    assert status == 1


def test_absent_hash_null_fields_unneeded_keys_and_unknown_fields_do_no_harm(run: Run) -> None:
    name = next(name for name in BY_NAME if name.startswith("Noise_NN_"))
    vector = changed(
        name,
        init_static="01" * 32,
        resp_static="02" * 32,
        init_remote_static="03" * 32,
        resp_remote_static=None,
        init_psks=["04" * 32],
        handshake_hash=None,
        fallback=False,
        fail=False,
        comment=["anything"],
    )
    assert run(vector) == (0, "1 passed, 0 failed, 0 unsupported\n", "")


def test_files_in_the_older_dress_are_read_too(run: Run) -> None:
    vector = changed(IKPSK2, pattern="IK", dh="25519", cipher="ChaChaPoly", hash="BLAKE2s")
    vector["name"] = vector.pop("protocol_name")
    for role in ("init", "resp"):
        (vector[f"{role}_psk"],) = vector.pop(f"{role}_psks")
    assert run(vector) == (0, "1 passed, 0 failed, 0 unsupported\n", "")


def test_what_is_not_of_revision_34_is_named_once_and_is_no_failure(run: Run) -> None:
    """Hybrid forward secrecy is an extension of its own, a session key of old drafts was given up again."""
    status, out, err = run(
        changed(IKPSK2, protocol_name="Noise_NNhfs_25519+NewHope_AESGCM_SHA256"),
        changed(IKPSK2, protocol_name="Noise_NNhfs_25519+NewHope_AESGCM_SHA256"),
        changed(IKPSK2, protocol_name="Noise_NNpsk7_25519_AESGCM_SHA256"),
        changed(IKPSK2, hybrid="448"),
        changed(NOT_PSK, init_ssk="00" * 32),
        BY_NAME[IKPSK2],
    )
    assert out.splitlines() == [
        (
            "not supported: Noise_NNhfs_25519+NewHope_AESGCM_SHA256 (Noise_NNhfs_25519+NewHope_AESGCM_SHA256:"
            " DH functions '25519+NewHope' are not among 25519, 448)"
        ),
        "not supported: Noise_NNpsk7_25519_AESGCM_SHA256 (psk7 does not fit NN, which has no message 7)",
        f"not supported: {IKPSK2} ('hybrid' belongs to a draft, not to revision 34)",
        f"not supported: {NOT_PSK} ('init_ssk' belongs to a draft, not to revision 34)",
        "1 passed, 0 failed, 5 unsupported",
    ]
    assert (status, err) == (0, "")


def test_a_pipe_in_the_older_dress_is_named_after_its_second_pattern(run: Run) -> None:
    """As in noise-c-fallback.txt, where XXfallback goes without saying."""
    vector = changed(PIPE, pattern="IK", dh="25519", cipher="ChaChaPoly", hash="BLAKE2s")
    del vector["protocol_name"], vector["fallback_pattern"]
    vector["name"] = PIPE.replace("_IK_", "_XXfallback_")
    assert run(vector) == (0, "1 passed, 0 failed, 0 unsupported\n", "")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"init_ephemeral": "02" * 32}, "message 1: the sender's ciphertext is "),
        ({"resp_ephemeral": "02" * 32}, "message 2: the sender's ciphertext is "),
        ({"fallback_pattern": "XXfallback+psk0"}, "message 2: psk number 0 has not been supplied"),
        ({"fallback": False}, "message 1: the ciphertext does not authenticate under nonce 0"),
    ],
)
def test_a_wrong_field_of_a_pipe_fails(run: Run, fields: dict[str, object], complaint: str) -> None:
    status, out, _ = run(changed(PIPE, **fields))
    assert out.splitlines()[0].startswith(f"FAILED some.json: {PIPE}: {complaint}")
    assert status == 1


def test_a_fallback_without_need_fails(run: Run) -> None:
    status, out, _ = run(changed(IKPSK2, fallback=True))
    assert f"{IKPSK2}: message 1: the receiver reads it, and was to fall back" in out
    assert status == 1


def test_a_vector_that_is_to_fail_passes_if_a_message_is_refused_and_only_then(run: Run) -> None:
    failing = BY_NAME[FAILING]
    assert run(failing) == (0, "1 passed, 0 failed, 0 unsupported\n", "")
    status, out, _ = run({**failing, "fail": False})
    assert f"FAILED some.json: {FAILING}: message 3: the sender's ciphertext is " in out
    assert status == 1
    status, out, _ = run({**changed(IKPSK2), "fail": True})
    assert f"{IKPSK2}: every message is accepted, and one was to be refused" in out
    assert status == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1, column 1: this is not JSON"),
        ('{"vectors":\n [}', "line 2, column 3: this is not JSON"),
        ("[" * 100_000, "the JSON is nested too deeply"),
        ("[]", "the file must be an object"),
        ("{}", "the file needs a list 'vectors' with at least one vector"),
        ('{"vectors": []}', "the file needs a list 'vectors' with at least one vector"),
        ('{"vectors": {}}', "the file: 'vectors' must be a list"),
        ('{"vectors": [1]}', "vector 1 must be an object"),
        ('{"vectors": [{}]}', "vector 1 needs a 'protocol_name' and 'messages'"),
    ],
)
def test_a_file_that_holds_no_vectors_is_refused(run: Run, text: str, complaint: str) -> None:
    assert run(text=text) == (2, "", f"some.json: {complaint}\n")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"protocol_name": 7}, "vector 2: 'protocol_name' must be a string"),
        ({"messages": []}, "vector 2 needs a 'protocol_name' and 'messages'"),
        ({"messages": "none"}, "vector 2: 'messages' must be a list"),
        ({"messages": [[]]}, "vector 2, message 1 must be an object"),
        ({"messages": [{"payload": ""}]}, "vector 2, message 1 needs a 'payload' and a 'ciphertext'"),
        (
            {"messages": [{"payload": "", "ciphertext": "0"}]},
            "vector 2, message 1: 'ciphertext' must be a string of hexadecimal digits",
        ),
        ({"fallback": "yes"}, "vector 2: 'fallback' must be true or false"),
        ({"fail": 1}, "vector 2: 'fail' must be true or false"),
        ({"init_static": "xy"}, "vector 2: 'init_static' must be a string of hexadecimal digits"),
        ({"init_static": 5}, "vector 2: 'init_static' must be a string of hexadecimal digits"),
        ({"resp_psks": "00"}, "vector 2: 'resp_psks' must be a list"),
        ({"resp_psks": [None]}, "vector 2: 'resp_psks' must be a string of hexadecimal digits"),
        ({"handshake_hash": []}, "vector 2: 'handshake_hash' must be a string of hexadecimal digits"),
    ],
)
def test_a_malformed_vector_is_refused_by_its_number_and_field(
    run: Run, fields: dict[str, object], complaint: str
) -> None:
    assert run(BY_NAME[IKPSK2], changed(IKPSK2, **fields)) == (2, "", f"some.json: {complaint}\n")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    for path, complaint in (
        (tmp_path / "absent.json", "this file cannot be read (No such file or directory)"),
        (tmp_path, "this file cannot be read (Is a directory)"),
        (binary, "this is not UTF-8 text"),
    ):
        assert main([str(VECTORS), str(path)]) == 2
        assert capsys.readouterr() == ("", f"{path}: {complaint}\n")


def test_without_a_file_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "usage: python -m glasstunnel.noise.vectors" in capsys.readouterr().err
