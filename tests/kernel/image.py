"""Debian's cloud kernel and a file system in memory for it: all that a virtual machine needs to boot.

Rule: nothing is installed. The package of the kernel is downloaded and unpacked below ``_build/kernel``,
where the next run finds it; what the guest shall be able to run is copied from this system with the libraries
that it needs. Section: Linux Documentation/driver-api/early-userspace/buffer-format.rst ("newc"), modinfo(8).
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "_build" / "kernel"
META_PACKAGE = "linux-image-cloud-amd64"
"""Depends on the package of the newest cloud kernel, whose modules are a tenth of the ordinary kernel's."""
MODULES = ("virtio_pci", "virtio_console", "virtio_net", "wireguard", "dummy")
_INIT = Path(__file__).parent / "init.sh"
_MAGIC = b"070701"


def linux() -> Path:
    """The kernel's compressed image: the one that an earlier run has unpacked, or else Debian's newest.

    Raises :exc:`subprocess.CalledProcessError` where the package cannot be had.
    """
    found = next(BUILD.glob("linux-image-*-cloud-amd64/boot/vmlinuz-*"), None)
    if found:
        return found
    BUILD.mkdir(parents=True, exist_ok=True)
    package = _package()
    _run("apt-get", "download", "-q", package)
    (archive,) = BUILD.glob(f"{package}_*.deb")
    unpacked = BUILD / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    _run("dpkg-deb", "--extract", str(archive), str(unpacked))
    archive.unlink()
    unpacked.rename(BUILD / package)
    return linux()


def initramfs() -> Path:
    """The file system: busybox, wg, :data:`MODULES` and ``init.sh``, as one archive."""
    modules = list(in_order(linux().parents[1] / "lib" / "modules", MODULES))
    files = {
        "init": _INIT.read_bytes(),
        "bin/busybox": _program("busybox").read_bytes(),
        "bin/wg": _program("wg").read_bytes(),
        "modules/order": "".join(f"{path.name}\n" for path in modules).encode(),
        **{f"modules/{path.name}": path.read_bytes() for path in modules},
    }
    for path in _libraries(_program("wg")):
        files[str(path).lstrip("/")] = path.read_bytes()
    target = BUILD / "initramfs"
    target.write_bytes(b"".join(archive(files)))
    return target


def in_order(root: Path, wanted: Iterable[str]) -> Iterator[Path]:
    """The files of these modules and of those that they need, each after what it needs."""
    files = {path.stem.replace("-", "_"): path for path in root.rglob("*.ko")}
    done: set[str] = set()

    def visit(name: str) -> Iterator[Path]:
        name = name.replace("-", "_")
        if name in done or name not in files:  # what is no file is built into the kernel
            return
        done.add(name)
        found = re.search(rb"(?:^|\0)depends=([^\0]*)\0", files[name].read_bytes())
        for needed in found[1].decode().split(",") if found else ():
            yield from visit(needed)
        yield files[name]

    for name in wanted:
        yield from visit(name)


def archive(files: dict[str, bytes]) -> Iterator[bytes]:
    """A cpio archive of executable files, with the directories that they are in."""
    directories = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in sorted(directories)]
    entries += [(name, stat.S_IFREG | 0o755, data) for name, data in files.items()]
    for inode, (name, mode, data) in enumerate((*entries, ("TRAILER!!!", 0, b"")), 1):
        # inode, mode, uid, gid, links, mtime, size, devices, length of the name, sum
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = _MAGIC + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        yield head + bytes(-len(head) % 4)
        yield data + bytes(-len(data) % 4)


def _package() -> str:
    """What the meta package depends on, ``linux-image-6.1.0-56-cloud-amd64``."""
    for refresh in (False, True):
        if refresh:
            _run("apt-get", "update", "-q")
        try:
            listed = _run("apt-cache", "depends", "--important", META_PACKAGE)
        except subprocess.CalledProcessError:
            continue
        if found := re.search(r"Depends: (linux-image-\S+-cloud-amd64)\b", listed):
            return found[1]
    raise FileNotFoundError(f"apt knows no {META_PACKAGE}: expected Debian on amd64")


def _libraries(program: Path) -> list[Path]:
    """The shared objects that a program is linked with, under the paths where it looks for them."""
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", _run("ldd", str(program)))]


def _program(name: str) -> Path:
    found = shutil.which(name, path="/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin")
    if not found:
        raise FileNotFoundError(f"{name} is not installed")
    return Path(found)


def _run(*command: str) -> str:
    return subprocess.run(command, cwd=BUILD, check=True, capture_output=True, text=True).stdout
