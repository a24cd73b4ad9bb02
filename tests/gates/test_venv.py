"""The environment: made from the lock alone, and one clear line where it cannot be."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tools import venv

LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def test_every_package_of_the_lock_has_a_hash() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) > 50
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_registry() -> None:
    assert not re.search(r"https?://|--index-url|--find-links", LOCK)


def test_the_lock_holds_whatever_the_projects_ask_for() -> None:
    asked = [
        line.partition("#")[0] for line in (ROOT / "build-requirements.in").read_text("utf-8").splitlines()
    ]
    for project in ("pyproject.toml", "src/sphinxzh/pyproject.toml"):
        table = tomllib.loads((ROOT / project).read_text("utf-8"))["project"]
        asked += table["dependencies"]
        asked += [name for extra in table.get("optional-dependencies", {}).values() for name in extra]
    names = {re.split(r"[\s\[<>=;~!]", line.strip())[0].lower().replace("_", "-") for line in asked} - {""}
    locked = set(re.findall(r"^([a-z0-9.-]+)==", LOCK, re.MULTILINE))
    assert len(names) > 15
    assert names - locked == set()


def test_the_build_backend_is_found_in_the_lock_with_its_hashes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []

    def record(what: str, command: list[str]) -> None:
        if "backend" in what:
            seen.append(Path(command[-1]).read_text("utf-8"))

    monkeypatch.setattr(venv, "step", record)
    venv.install_lock(tmp_path / "bin" / "python")
    assert re.fullmatch(r"setuptools==\S+ \\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", seen[0])


def run_venv(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tools/venv.py for an environment in `folder`."""
    command = [sys._base_executable, str(ROOT / "tools" / "venv.py"), str(folder)]  # type: ignore[attr-defined]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_python_without_venv_is_answered_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError('packed apart')\n", "utf-8")
    done = run_venv(tmp_path / "env", PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert done.returncode == 1
    assert done.stderr == (
        f"Python's venv module is incomplete.  On Debian or Ubuntu: sudo apt-get install {package}\n"
    )


def test_a_current_environment_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "env"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    packages = (ROOT / package / "pyproject.toml" for package in venv.PACKAGES)
    version = sys.version.split()[0]
    stamp = f"environment: {venv.fingerprint(venv.LOCK)} {version}\npackages: {venv.fingerprint(*packages)}\n"
    (folder / ".stamp").write_text(stamp, "utf-8")
    done = run_venv(folder, PATH=os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / ".stamp").read_text("utf-8") == stamp


def test_a_failed_step_shows_what_it_printed_and_ends() -> None:
    code = "import sys; print('so'); print('it is', file=sys.stderr); sys.exit(4)"
    program = f"from tools import venv\nvenv.step('Trying', [{sys.executable!r}, '-c', {code!r}])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.startswith("Trying … ")
    assert "so\nit is\nThat step failed: " in done.stderr


def test_make_alone_lists_every_target() -> None:
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "")
    targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    listed = re.findall(r"^  make ([\w-]+) ", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(targets)
    wanted = (
        "help venv html singlehtml latexpdf linkcheck gettext doctest serve test lint demo bench clean lock"
    )
    assert set(wanted.split()) <= set(listed)
