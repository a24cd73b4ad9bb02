"""Writes the lock files anew, with hashes, each for Python 3.11 and all newer.  For `make lock`.

    lock.py                    every lock file
    lock.py bench/peers.lock   only this one

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
LOCKS = {  # what each is resolved from
    "requirements.lock": (
        "--all-extras",
        "pyproject.toml",
        "src/sphinxzh/pyproject.toml",
        "build-requirements.in",
    ),
    "bench/peers.lock": ("bench/peers.in",),
}
RESOLVE = (
    *("pip", "compile", "--quiet", "--upgrade"),
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-package", "glasstunnel", "--no-emit-package", "sphinxzh"),
    *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
)


def main(wanted: list[str]) -> int:
    """Resolve; 0 when all went well."""
    if unknown := set(wanted) - LOCKS.keys():
        sys.exit(f"lock.py: expected some of {', '.join(LOCKS)}, got {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or fetch(Path(scratch))
        return max(
            subprocess.call(
                [uv, *RESOLVE, "--output-file", lock, *LOCKS[lock]], cwd=ROOT, stdin=subprocess.DEVNULL
            )
            for lock in wanted or LOCKS
        )


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
