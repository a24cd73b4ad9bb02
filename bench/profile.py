"""Where the processor time of a pair goes: samples of perf(1) while TCP runs through the tunnel.

Rule: every sample of the two daemons is counted once, by the file that its instruction lies in; the shares
are scaled to the processor time that the kernel has booked for the daemon, for each full packet that arrived.
A program that is one file, as Go links them, stays one part. Section: perf-record(1), perf-script(1).
"""

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench.contenders import Contender, version_of
from bench.pair import MTU, Pair, each_pair, processor_seconds
from bench.pairs import NEEDS, Settings, require
from bench.works import WORKS, WorkError

PAYLOAD: Final = MTU - 52  # bytes: IPv4, and TCP with timestamps
FREQUENCY: Final = 1999  # samples a second; no multiple of a timer's
PARTS: Final = {
    "kernel": r"\[.*",  # [kernel.kallsyms], [tun], [vdso]
    "library": r"_rust\.abi3\.so|libcrypto\b.*",
    "interpreter": r"(lib)?python3.*|.*/lib-dynload/.*",
    "numpy": r".*\bnumpy\b.*",
    "libc": r"(libc|libm|libpthread|ld-linux-x86-64|ld-linux-aarch64)\b.*",
}
"""What a sample belongs to, by the name of its file, or by its path; "program" is any other."""
CIPHER: Final = "cipher"
"""Of the library's samples those in the two algorithms themselves, as far as symbols tell."""
_CIPHER: Final = re.compile(r"ChaCha20_.*|poly1305_(blocks|emit|init).*")  # OpenSSL's assembly
_PROGRAM: Final = "program"
_TOP: Final = 12  # functions that are named, of each side
_TCP: Final = next(work for work in WORKS if work.key == "tcp")
_LINE: Final = re.compile(r"\s*(?P<pid>\d+)\s+[0-9a-f]+ (?P<symbol>.*) \((?P<file>[^()]*|\[.*\])\)\s*")

Where = tuple[str, str]
"""A part and a function."""


def part_of(file: str, symbol: str) -> str:
    """What an instruction of this function in this file belongs to."""
    for part, pattern in PARTS.items():
        if re.fullmatch(pattern, file) or re.fullmatch(pattern, file.rpartition("/")[2]):
            return CIPHER if part == "library" and _CIPHER.fullmatch(symbol) else part
    return _PROGRAM


def counted(lines: Iterable[str]) -> dict[int, Counter[Where]]:
    """The samples that ``perf script -F pid,ip,sym,dso`` prints, by process."""
    found: dict[int, Counter[Where]] = {}
    for line in lines:
        if match := _LINE.fullmatch(line):
            symbol = match["symbol"].strip()
            where = part_of(match["file"], symbol), symbol if symbol != "[unknown]" else ""
            found.setdefault(int(match["pid"]), Counter())[where] += 1
    return found


def scaled(samples: Counter[Where], microseconds: float) -> dict[str, Any]:
    """The samples of one side as parts of so many microseconds, and the functions with the most of them."""
    each = microseconds / samples.total() if samples else 0.0
    parts: Counter[str] = Counter()
    for (part, _), count in samples.items():
        parts[part] += count
    named = [(where, count) for where, count in samples.most_common() if where[1]][:_TOP]
    return {
        "samples": samples.total(),
        "us": round(microseconds, 3),
        "parts": {part: round(count * each, 3) for part, count in parts.most_common()},
        "top": [[part, symbol, round(count * each, 3)] for (part, symbol), count in named],
    }


def profile(tunnel: Pair, seconds: float) -> dict[str, Any]:
    """Run TCP through the tunnel, near to far, and see what both daemons do meanwhile."""
    sides = {"sender": tunnel.near, "receiver": tunnel.far}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "perf.data"
        before = {side: processor_seconds(end.daemon.pid) for side, end in sides.items()}
        recorder = _record(data)
        try:
            rate = tunnel.do(_TCP, seconds)["tcp_rate"]
        finally:
            with suppress(ProcessLookupError):
                recorder.send_signal(signal.SIGINT)
            _, said = recorder.communicate()
        spent = {side: processor_seconds(end.daemon.pid) - before[side] for side, end in sides.items()}
        words = ("perf", "script", "-i", str(data), "-F", "pid,ip,sym,dso")
        done = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
    samples = counted(done.stdout.splitlines())
    packets = rate * 1e9 / 8 / PAYLOAD * seconds
    if not all(end.daemon.pid in samples for end in sides.values()):
        last = (done.stderr or said or "").strip().splitlines() or ["nothing"]
        raise WorkError(f"perf has no samples of both daemons; it said: {last[-1]}")
    return {
        "rate": round(rate, 3),
        "sides": {
            side: scaled(samples[end.daemon.pid], spent[side] * 1e6 / packets) for side, end in sides.items()
        },
    }


def _record(data: Path) -> subprocess.Popen[str]:
    """perf, which samples all processors until it is interrupted; it begins within some milliseconds.

    Of single processes it would have to begin and to end with each of their turns on a processor, and would
    charge them for that: the more, the more threads they have.
    """
    words = ("perf", "record", "-a", "-e", "cpu-clock", "-F", str(FREQUENCY), "-o", str(data))
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def measure() -> dict[str, Any]:
    """The results for programs."""
    require({"perf": "linux-perf", **NEEDS})
    seconds = Settings.read(os.environ).seconds
    found, faults = each_pair(lambda tunnel: profile(tunnel, seconds))
    return {
        "settings": {"seconds": seconds, "mtu": MTU, "payload": PAYLOAD, "frequency": FREQUENCY},
        "programs": {"perf": version_of(["perf"]), "iperf3": version_of(["iperf3"])},
        "contenders": [{**_described(contender), **what} for contender, what in found],
        "faults": faults,
    }


def _described(contender: Contender) -> dict[str, str]:
    command = shlex.join(contender.command)
    return {"name": contender.name, "kind": contender.kind, "version": contender.version, "command": command}


def show(results: dict[str, Any]) -> None:
    """A row for each side of each contender."""
    parts = [CIPHER, *PARTS, _PROGRAM]
    settings = results["settings"]
    print(f"processor time in µs for each packet of {settings['payload']} B, by what it belongs to")
    print(f"{'':36}{'all':>9}" + "".join(f"{part:>12}" for part in parts))
    for one in results["contenders"]:
        for side, of in one["sides"].items():
            figures = "".join(f"{of['parts'].get(part, 0.0):12.2f}" for part in parts)
            print(f"{one['name'] + ', ' + side:36.36}{of['us']:9.2f}{figures}")
    for sentence in results["faults"]:
        print(sentence)
