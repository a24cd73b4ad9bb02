"""Running ``glasstunnel`` as a user does: a process, its output, its exit status."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple


class Done(NamedTuple):
    """How a program ended."""

    status: int
    out: str
    err: str


def glasstunnel(*words: object, text: str = "", env: Mapping[str, str] | None = None) -> Done:
    """Run the program with ``text`` as its input and ``env`` added to the environment."""
    return program(sys.executable, "-m", "glasstunnel", *words, text=text, env=env)


def program(*words: object, text: str = "", env: Mapping[str, str] | None = None) -> Done:
    """Run any program."""
    done = subprocess.run(
        [str(word) for word in words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **(env or {})},
    )
    return Done(done.returncode, done.stdout, done.stderr)
