"""The programs of the system that a tunnel needs: nft, resolvconf, and the user's own commands.

Rule: no shell where we build the arguments, and bash only where the user wrote for it, as wg-quick(8) does. A
program that fails is a :exc:`HostError` with the program's own words.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence

from glasstunnel.host.errors import HostError, reason


def find(program: str, needed_for: str) -> str:
    """The path of a program. Raises :exc:`HostError`, naming what it is for, if it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        raise HostError(f"{needed_for} needs {program}, which is not installed")
    return found


def run(arguments: Sequence[str], text: str = "") -> str:
    """Run a program with ``text`` as its input, and return its output.

    Raises:
        HostError: if it cannot be started or fails.
    """
    name = arguments[0].rpartition("/")[2]
    try:
        done = subprocess.run(  # noqa: S603 - a list, and every part of it is ours
            arguments, input=text, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise HostError(f"cannot run {name}: {reason(error)}") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise HostError(f"{name} failed ({_outcome(done.returncode)}){': ' + said if said else ''}")
    return done.stdout


def hook(command: str, wait: Callable[[subprocess.Popen[bytes]], int] = subprocess.Popen.wait) -> None:
    """Run a command of the configuration (PreUp, PostUp, PreDown, PostDown) with bash.

    It has our standard output and error, so what it says is seen where the user looks.

    Args:
        command: what to run; ``%i`` has been replaced.
        wait: waits for the process and returns its exit status.

    Raises:
        HostError: if it fails.
    """
    try:
        process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL)  # noqa: S603, S607 - the user's own
    except OSError as error:
        raise HostError(f'cannot run bash for the command "{command}": {reason(error)}') from error
    try:
        status = wait(process)
    except BaseException:  # interrupted: the command ends with us
        process.terminate()
        process.wait()
        raise
    if status:
        raise HostError(f'the command "{command}" failed ({_outcome(status)})')


def _outcome(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit status {returncode}"
