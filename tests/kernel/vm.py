"""A virtual machine that runs the Linux kernel's own WireGuard, joined to a namespace by a tap.

Rule: a test tells the guest what to run and gets status and output back, over a line of its own that no
change of the network can cut. The processor is emulated always: a ``/dev/kvm`` that can be opened may still
be one on which a guest stands still, and without it a boot takes seconds too.
"""

from __future__ import annotations

import select
import socket
import subprocess
import time
from base64 import b64decode, b64encode
from pathlib import Path

from glasstunnel.host.namespace import Namespace
from tests.interop.lab import run
from tests.kernel import image

TAP = "eth0"
_MEMORY = 256  # megabytes
_PATIENCE = 60.0  # seconds for a boot or an order; only a safety net


class GuestError(AssertionError):
    """A command in the guest failed."""


class Guest:
    """Boots; ``namespace`` has the interface :data:`TAP`, which is the guest's ``eth0`` at its other end.

    Attributes:
        release: of the kernel that runs, ``6.1.0-56-cloud-amd64``.
    """

    def __init__(self, namespace: Namespace) -> None:
        files = image.linux(), image.initramfs()  # while there is a network to fetch them from
        self._console = (image.BUILD / "console").open("w+b")
        ours, theirs = socket.socketpair()
        with namespace:
            run("ip", "tuntap", "add", TAP, "mode", "tap")
            run("ip", "link", "set", TAP, "up", "txqueuelen", "10000")
            with theirs:
                self._process = subprocess.Popen(
                    _command(*files, theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=self._console,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                )
        self._line, self._rest = ours, b""
        try:
            self.release = self.run("uname -r")
        except BaseException:
            self.close()
            raise

    def run(self, script: str, *, check: bool = True) -> str:
        """Run a shell script in the guest; what it printed, without the last line break.

        Raises:
            GuestError: if its status is not 0.
        """
        self._line.sendall(b64encode(script.encode()) + b"\n")
        return self._answer(script, check=check)

    def close(self) -> None:
        """End the machine."""
        self._process.kill()
        self._process.wait()
        self._line.close()
        self._console.close()

    def console(self) -> str:
        """What the kernel has said so far."""
        self._console.seek(0)
        return self._console.read().decode(errors="replace")

    def _answer(self, script: str, *, check: bool = True) -> str:
        deadline = time.monotonic() + _PATIENCE
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._line], [], [], max(deadline - time.monotonic(), 0))
            chunk = self._line.recv(1 << 16) if ready else b""
            if not chunk:
                raise GuestError(f"no answer to: {script}\n{self.console()[-4000:]}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        status, _, output = line.partition(b" ")
        text = b64decode(output).decode(errors="replace")
        if check and int(status):
            raise GuestError(f"{script}: {int(status)}\n{text}")
        return text


def _command(kernel: Path, initramfs: Path, line: int) -> list[str]:
    """QEMU's, for one processor, one tap and one line for orders."""
    return [
        *("qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-m", str(_MEMORY)),
        *("-cpu", "qemu64,+rdrand"),  # WireGuard answers no handshake before the kernel has its randomness
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-kernel", str(kernel), "-initrd", str(initramfs)),
        *("-append", "console=ttyS0 panic=-1 quiet", "-serial", "stdio"),
        *("-netdev", f"tap,id=cable,ifname={TAP},script=no,downscript=no"),
        *("-device", "virtio-net-pci,netdev=cable"),
        *("-chardev", f"socket,id=orders,fd={line},server=off"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=orders"),
    ]
