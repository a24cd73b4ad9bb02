"""Writes requirements.lock anew: one file, with hashes, for Python 3.11 and all newer.  For `make lock`.

uv resolves for all versions of Python at once and marks what differs between them.  It is fetched into a
throwaway environment when it is not on PATH; nothing else in this repository needs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("pyproject.toml", "src/sphinxzh/pyproject.toml", "build-requirements.in")
RESOLVE = (
    *("pip", "compile", "--quiet", "--upgrade", "--output-file", "requirements.lock"),
    *("--universal", "--python-version", "3.11", "--all-extras", "--generate-hashes"),
    *("--no-emit-package", "glasstunnel", "--no-emit-package", "sphinxzh"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
)


def main() -> int:
    """Resolve; the exit status of the resolver."""
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or fetch(Path(scratch))
        return subprocess.call([uv, *RESOLVE, *INPUTS], cwd=ROOT, stdin=subprocess.DEVNULL)


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
