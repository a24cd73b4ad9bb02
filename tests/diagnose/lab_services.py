"""Stands for the service manager on the laboratory's client: what a remedy restarts is really restarted.

Rule: as systemd treats a unit of ``Type=notify`` with a ``BusName=``: it runs when it has said READY=1 and
can be called, and it is stopped when its process has ended. It is a program of its own, without anything of
this package, because it runs on the client. Section: systemd.service(5), sd_notify(3), pidfd_open(2).

    lab_services.py start|stop|restart UNIT …
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

UNITS = {
    "dbus": ("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog"),
    "systemd-resolved": ("/lib/systemd/systemd-resolved",),
}
"""What their units start, in the packages of Debian 12."""
SPEAKS = {"systemd-resolved": ("resolvectl", "status")}
"""What succeeds when a unit has its name on the bus; systemd would let a caller wait for that."""
PATIENCE = 20.0  # seconds, a safety net only
RUN = Path("/run")
FOLDERS = ("/run/dbus", "/run/systemd")
_ROOTS = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
"""In place of the links that update-ca-certificates(8) makes for OpenSSL."""


def start(unit: str) -> None:
    """Start a unit, and wait until it is ready. Raises :exc:`TimeoutError`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"\0{unit}-{os.getpid()}")  # a name of the network namespace: it leaves no file behind
        told.settimeout(PATIENCE)
        with (RUN / f"{unit}.log").open("ab") as log:
            program = subprocess.Popen(
                UNITS[unit],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | _ROOTS | {"NOTIFY_SOCKET": f"@{unit}-{os.getpid()}"},
            )
        (RUN / f"{unit}.pid").write_text(str(program.pid))
        while b"READY=1" not in told.recv(4096).splitlines():
            pass
    deadline = time.monotonic() + PATIENCE
    while unit in SPEAKS and subprocess.run(SPEAKS[unit], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{unit} is not on the bus")
        time.sleep(0.01)  # the bus is asked again: it calls nobody


def stop(unit: str) -> None:
    """Stop a unit, and wait for its end."""
    with suppress(FileNotFoundError, ProcessLookupError):
        process = os.pidfd_open(int((RUN / f"{unit}.pid").read_text()))
        signal.pidfd_send_signal(process, signal.SIGTERM)
        select.select([process], [], [], PATIENCE)
        os.close(process)


def main(verb: str, *units: str) -> None:
    """Do it; units that are not known here are left alone."""
    for folder in FOLDERS:
        Path(folder).mkdir(exist_ok=True)
    for unit in units:
        if unit in UNITS:
            if verb in ("stop", "restart"):
                stop(unit)
            if verb in ("start", "restart"):
                start(unit)


if __name__ == "__main__":
    main(*sys.argv[1:])
