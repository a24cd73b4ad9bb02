"""Writes the lock files anew, with hashes.  For `make lock`.

    lock.py                    every lock file
    lock.py bench/peers.lock   only this one
    lock.py --keep [FILE …]    add what pyproject.toml has come to ask for, and leave the rest as it is

`requirements.lock` is one file for Python 3.11 and all newer; in `tests/sphinxzh/versions` there is one for
each version of Sphinx that sphinxzh is tried with.

uv resolves for all versions of Python at once and marks what differs between them.  It is fetched into a
throwaway environment when it is not on PATH; nothing else in this repository needs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools import versions

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "src/sphinxzh/pyproject.toml"
MAIN = ("--python-version", "3.11", "--all-extras", "pyproject.toml", PACKAGE, "build-requirements.in")
RESOLVE = (
    *("pip", "compile", "--quiet", "--universal", "--generate-hashes"),
    *("--no-emit-package", "glasstunnel", "--no-emit-package", "sphinxzh"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
)
THEMES = "furo\nmyst-parser\nsetuptools\nsphinx-rtd-theme\n"  # alabaster comes with Sphinx


def locks() -> dict[str, tuple[Sequence[str], str]]:
    """Each lock file, with what it is resolved from: arguments, and requirements as text."""
    known: dict[str, tuple[Sequence[str], str]] = {
        "requirements.lock": (MAIN, ""),
        "bench/peers.lock": (("--python-version", "3.11", "bench/peers.in"), ""),
        "tests/fuzz/atheris.lock": (("--python-version", "3.11", "--group", "fuzz"), ""),
    }
    for version, oldest in versions.PYTHONS.items():
        name = str(versions.lock(version).relative_to(ROOT))
        python = "{}.{}".format(*oldest)
        known[name] = ("--python-version", python, PACKAGE, "-"), f"sphinx=={version}.*\n{THEMES}"
    return known


def main(wanted: list[str]) -> int:
    """Resolve; 0 when all went well."""
    known = locks()
    upgrade = () if "--keep" in wanted else ("--upgrade",)
    wanted = [lock for lock in wanted if lock != "--keep"]
    if unknown := set(wanted) - known.keys():
        sys.exit(f"lock.py: expected some of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or fetch(Path(scratch))
        for lock in wanted or known:
            arguments, text = known[lock]
            command = [uv, *RESOLVE, *upgrade, "--output-file", lock, *arguments]
            if status := subprocess.run(command, cwd=ROOT, input=text, text=True, check=False).returncode:
                return status
    return 0


def fetch(folder: Path) -> str:
    """Install uv into an environment of its own; where its program is."""
    print("Fetching uv …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True, env=quiet)
    return str(folder / "bin" / "uv")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
