"""Debian's systemd-resolved for the laboratory's client, without its being installed on this machine.

Rule: installed, the package would make itself this machine's resolver. It is downloaded and unpacked below
``_build/unpacked``, where the next run finds it, and the client has it laid over its ``/usr``, so that every
program there is where Debian has it. Section: deb(5), Linux Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "_build" / "unpacked"
PACKAGES = ("systemd-resolved", "libnss-resolve", "libsystemd-shared")  # the last as new as the first


def resolved() -> Path:
    """The folder that is laid over ``/usr``: the one that an earlier run has unpacked, or Debian's newest.

    Raises :exc:`subprocess.CalledProcessError` where the packages cannot be had.
    """
    usr = BUILD / PACKAGES[0] / "usr"
    if usr.exists():
        return usr
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as place:
        here = Path(place)
        try:
            _run("apt-get", "download", "-q", *PACKAGES, folder=here)
        except subprocess.CalledProcessError:  # what apt knows may be out of date
            _run("apt-get", "update", "-q", folder=here)
            _run("apt-get", "download", "-q", *PACKAGES, folder=here)
        for archive in sorted(here.glob("*.deb")):
            _run("dpkg-deb", "--extract", str(archive), "new", folder=here)
        new = here / "new"
        shutil.copytree(new / "lib", new / "usr" / "lib", dirs_exist_ok=True)  # as /lib is a link to /usr/lib
        if not usr.exists():  # another run may have been faster
            new.rename(usr.parent)
    return usr


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)
