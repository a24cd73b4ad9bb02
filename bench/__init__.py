"""Measurements, each a command: ``make bench`` runs them all. Nothing here decides whether a test passes."""

import subprocess
from pathlib import Path


class UnavailableError(Exception):
    """Something cannot be measured on this machine; why, in one sentence."""


def run(python: str | Path, module: str, *arguments: str | Path) -> None:
    """Run a module of an environment's Python; UnavailableError with its last line when it fails."""
    command = [str(python), "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        raise UnavailableError(f"{module} failed: {said[-1]}")
