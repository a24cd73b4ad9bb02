"""Environments with every version of Sphinx that sphinxzh promises.  Standard library only.

The rule: an environment holds exactly what its lock in `tests/sphinxzh/versions` names, hash by hash, and is
kept for as long as lock and interpreter are the same.  In it stands what sphinxzh needs and no extra: the
search has to do without.  A version that no Python on PATH can run is named, and left out.

    python -m tools.versions     make them all, and say which are left out
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import venv

LOCKS = venv.ROOT / "tests" / "sphinxzh" / "versions"
FOLDER = venv.ROOT / "_build" / "versions"
# The oldest Sphinx that sphinxzh promises, the last 8, and each 9; and the oldest Python that each runs on.
PYTHONS = {"8.0": (3, 11), "8.2": (3, 11), "9.0": (3, 11), "9.1": (3, 12), "9.2": (3, 13)}
NEWEST = 14  # the minor version of Python up to which is looked for


def lock(version: str) -> Path:
    """The lock of a version of Sphinx."""
    return LOCKS / f"sphinx-{version}.lock"


def interpreter(version: str) -> str | None:
    """The oldest Python on PATH that runs a version of Sphinx."""
    oldest = PYTHONS[version]
    for minor in range(oldest[1], NEWEST + 1):
        found = shutil.which(f"python3.{minor}")
        if found and _says(found) == f"3.{minor}":
            return found
    return sys.executable if sys.version_info >= oldest else None


def environment(version: str) -> Path | None:
    """Make the environment of a version, or find it made; its Python, or None where it cannot be."""
    base = interpreter(version)
    if base is None:
        return None
    folder = FOLDER / f"sphinx-{version}"
    python, stamp = folder / "bin" / "python", folder / ".stamp"
    wanted = f"{venv.fingerprint(lock(version))} {base}"
    if venv.read_stamp(stamp).get("environment") != wanted or not venv.works(python):
        stamp.unlink(missing_ok=True)
        venv.make(folder, lock(version), base)
        stamp.write_text(f"environment: {wanted}\n", "utf-8")
    return python


def missing(version: str) -> str:
    """Why a version is left out."""
    return "Sphinx {} is left out: no Python {}.{} or newer is on PATH.".format(version, *PYTHONS[version])


def main() -> None:
    """Make them all."""
    for version in PYTHONS:
        if environment(version) is None:
            print(missing(version), flush=True)


def _says(python: str) -> str:
    """The version that an interpreter says it is; a shim of a version manager may say nothing."""
    done = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"Python (3\.\d+)\.", done.stdout)
    return found[1] if found and done.returncode == 0 else ""


if __name__ == "__main__":
    main()
