"""Writes the locks anew, with hashes.  For `make lock`.

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
from pathlib import Path

from tools import versions

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "src/sphinxzh/pyproject.toml"
INPUTS = ("pyproject.toml", PACKAGE, "build-requirements.in")
RESOLVE = (
    *("pip", "compile", "--quiet", "--upgrade", "--universal", "--generate-hashes"),
    *("--no-emit-package", "glasstunnel", "--no-emit-package", "sphinxzh"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
)
THEMES = "furo\nmyst-parser\nsetuptools\nsphinx-rtd-theme\n"  # alabaster comes with Sphinx


def main() -> int:
    """Resolve; the exit status of the resolver."""
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or fetch(Path(scratch))
        main_lock = ("requirements.lock", "--python-version", "3.11", "--all-extras", *INPUTS)
        status = resolve(uv, *main_lock)
        for version, oldest in versions.PYTHONS.items():
            wanted = f"sphinx=={version}.*\n{THEMES}"
            lock = str(versions.lock(version).relative_to(ROOT))
            status = status or resolve(
                uv, lock, "--python-version", "{}.{}".format(*oldest), PACKAGE, "-", stdin=wanted
            )
        return status


def resolve(uv: str, lock: str, *arguments: str, stdin: str = "") -> int:
    """Write one lock; the exit status."""
    command = [uv, *RESOLVE, "--output-file", lock, *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, text=True, check=False).returncode


def fetch(folder: Path) -> str:
    """Install uv into an environment of its own; where its program is."""
    print("Fetching uv …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True, env=quiet)
    return str(folder / "bin" / "uv")


if __name__ == "__main__":
    sys.exit(main())
