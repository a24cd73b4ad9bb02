"""Make `.venv` from requirements.lock, or bring it up to date.  Called by `make venv`; standard library only.

The rule: what is installed is exactly what the lock names, hash by hash, and nothing is fetched that the lock
does not name.  So setuptools goes in first (jieba is published as source only, and pip would otherwise fetch
a build backend of its own choice), then the whole lock, then the two packages of this repository, editable.

A stamp inside the environment remembers the lock and the interpreter; the environment is made anew when
either has changed, and only the two packages are installed again when just their metadata has.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OLDEST = (3, 11)
PACKAGES = (".", "src/sphinxzh")
ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"


def main(target: str) -> None:
    """Make the environment `target` current, telling each step."""
    if sys.version_info < OLDEST:
        stop(
            "Python {}.{} is too old: 3.11 or newer is needed (make PYTHON=python3.12 …).".format(
                *sys.version_info[:2]
            )
        )
    venv = Path(target).absolute()
    stamp = venv / ".stamp"
    wanted = {"environment": fingerprint(LOCK) + " " + sys.version.split()[0]}
    wanted["packages"] = fingerprint(*(ROOT / package / "pyproject.toml" for package in PACKAGES))
    found = read_stamp(stamp)
    python = venv / "bin" / "python"
    if found.get("environment") != wanted["environment"] or not works(python):
        stamp.unlink(missing_ok=True)
        make(venv, LOCK)
        found = {}
    if found.get("packages") != wanted["packages"]:
        editable = [argument for package in PACKAGES for argument in ("--editable", str(ROOT / package))]
        step(
            "Installing glasstunnel and sphinxzh, editable",
            pip(python, "--no-deps", "--no-build-isolation", *editable),
        )
    stamp.write_text("".join(f"{name}: {value}\n" for name, value in wanted.items()), encoding="utf-8")


def make(venv: Path, lock: Path, base: str = sys.executable) -> None:
    """A fresh environment of the interpreter `base` with what a lock names."""
    need_venv()
    step(f"Making {shown(venv)}", [base, "-m", "venv", "--clear", str(venv)])
    install_lock(venv / "bin" / "python", lock)


def install_lock(python: Path, lock: Path = LOCK) -> None:
    """Install a lock with plain pip, the build backend of source packages first."""
    text = lock.read_text(encoding="utf-8")
    backend = re.search(r"^setuptools==.*\\\n(?:[ \t]+--hash=.*\n)+", text, re.MULTILINE)
    if backend is None:
        stop(f"{shown(lock)}: no pinned setuptools found; run `make lock`.")
        return
    with tempfile.TemporaryDirectory() as scratch:
        first = Path(scratch) / "backend.txt"
        first.write_text(backend.group(), encoding="utf-8")
        step(
            "Installing the build backend",
            pip(python, "--require-hashes", "--no-deps", "--requirement", str(first)),
        )
    count = len(re.findall(r"^[A-Za-z0-9].*==", text, re.MULTILINE))
    # --use-pep517: older pips would run jieba's setup.py directly, which needs the package wheel.
    step(
        f"Installing up to {count} packages from {shown(lock)}{' (a minute or two)' if lock == LOCK else ''}",
        pip(
            python,
            "--require-hashes",
            "--no-deps",
            "--no-build-isolation",
            "--use-pep517",
            "--requirement",
            str(lock),
        ),
    )
    step("Checking that they fit together", [str(python), "-m", "pip", "check"])


def pip(python: Path, *arguments: str) -> list[str]:
    """A quiet `pip install` of the environment."""
    return [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]


def step(what: str, command: list[str]) -> None:
    """Run one command under a line that says what it does and how long it took; if it fails, its output."""
    print(f"{what} … ", end="", flush=True)
    began = time.monotonic()
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        stop("That step failed: {}".format(" ".join(command)))


def need_venv() -> None:
    """Stop with one line, or install it when root on Debian, where ensurepip is packed apart."""
    try:
        import ensurepip  # noqa: F401  (only whether it is there)
        import venv  # noqa: F401
    except ImportError:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        apt = shutil.which("apt-get")
        if apt and os.geteuid() == 0:
            os.environ["DEBIAN_FRONTEND"] = "noninteractive"
            step("Fetching Debian's package lists", [apt, "update", "-q"])
            step(f"Installing {package}", [apt, "install", "-q", "-y", "--no-install-recommends", package])
        else:
            stop(f"Python's venv module is incomplete.  On Debian or Ubuntu: sudo apt-get install {package}")


def fingerprint(*paths: Path) -> str:
    """One digest over the bytes of several files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def read_stamp(stamp: Path) -> dict[str, str]:
    """The stamp's lines `name: value`; empty when there is none."""
    try:
        lines = stamp.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def works(python: Path) -> bool:
    """Whether the environment's interpreter still starts (a moved or upgraded Python leaves a dead link)."""
    try:
        return subprocess.run([str(python), "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def shown(path: Path) -> str:
    """`path` as a reader at the repository's root would name it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def stop(message: str) -> None:
    """End with one sentence."""
    sys.exit(message)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".venv")
