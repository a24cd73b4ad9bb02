"""The laboratory in which the console sessions of a page run, and the comparison of what they print.

The rule: a page's commands run as the page shows them, in one bash, in mount, network and process namespaces
of their own, so that `ip netns add left` on a page touches nothing outside, and ending the namespace's first
process ends everything that the page has left behind.  The reader's home is an empty directory; /run is
empty; /etc is a throwaway layer over the real one.  A page may ask for a scenario of the laboratory of a
failed pull (tests/diagnose/lab.py): then its shell is that of the client there.

How a block is written:

- Its first line is a command.  That line's prompt, `$ ` or `# `, is the prompt of the block.
- A command goes on over lines that begin with `> `, and, whether they begin so or not, over the lines of an
open
  open here-document and the line after a backslash.
- All other lines are the output, standard error included, compared exactly but for spaces at line ends.
  `...` within a line stands for anything on that line; a line that is only `...` stands for any lines, or
  none.
- A command that fails must say so on the page: a status other than 0 passes only with output shown.
"""

import contextlib
import difflib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.diagnose import lab
from tests.docs.pages import ROOT, Block, shown

TIMEOUT = 120.0  # seconds; only a safety net against a command that never ends
HOME = "/run/home"
_HEREDOC = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<word>\w+)(?P=quote)")


@dataclass
class Step:
    """One command of a block and what the page says that it prints."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)


def steps(block: Block) -> list[Step]:
    """Take a block apart.  Raises ValueError where it does not begin with a prompt."""
    lines = block.content.splitlines()
    prompt = lines[0][:2] if lines else ""
    if prompt not in {"$ ", "# "}:
        raise ValueError(f"{block.where}: a console block begins with a command after `$ ` or `# `")
    found: list[Step] = []
    ends: list[str] = []  # the words that end the open here-documents
    for number, line in enumerate(lines, block.content_line):
        command_open = bool(ends) or (found and not found[-1].expected and found[-1].command.endswith("\\"))
        continued = line.startswith("> ") or line == ">"
        if command_open or (continued and found and not found[-1].expected):
            text = line[2:] if continued else line
            found[-1].command += "\n" + text
            if ends and text.strip() == ends[0]:
                ends.pop(0)
            elif not ends:
                ends = _heredocs(text)
        elif line.startswith(prompt):
            found.append(Step(number, line[2:]))
            ends = _heredocs(line)
        else:
            found[-1].expected.append(line)
    return found


def _heredocs(line: str) -> list[str]:
    return [match["word"] for match in _HEREDOC.finditer(line.replace("<<<", ""))]


def matches(expected: list[str], printed: list[str]) -> bool:
    """Whether the output is what the page shows, `...` being anything."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in printed)) is not None


def difference(expected: list[str], printed: list[str]) -> str:
    """What the page shows against what was printed, line by line."""
    return "\n".join(
        difflib.unified_diff(
            [line.rstrip() for line in expected],
            [line.rstrip() for line in printed],
            "the page",
            "the shell",
            lineterm="",
            n=100,
        )
    )


def impossible() -> str | None:
    """Why no laboratory can be made on this machine, in one sentence; None when one can."""
    for program in ("bash", "unshare", "ip"):
        if shutil.which(program) is None:
            return f"the program {program} is missing"
    tried = subprocess.run([*_namespaces(), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no namespaces of our own: {tried.stderr.strip()}"


def _really_root() -> bool:
    """Whether this process is root of the machine, not of a user namespace."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


def _namespaces() -> list[str]:
    """The command that starts another in namespaces of its own."""
    users = [] if _really_root() else ["--user", "--map-root-user"]
    return ["unshare", *users, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


# Runs as process 1 of the laboratory, before the page's first command.  In a user namespace an overlay keeps
# its marks in attributes that users may write.
_LAYERS = "lowerdir=/etc,upperdir=/run/.lab/etc,workdir=/run/.lab/work"
_SETUP = f"""
mount -t tmpfs tmpfs /run &&
mkdir -p {HOME} /run/lock /run/.lab/etc /run/.lab/work &&
mount -t overlay etc -o {"" if _really_root() else "userxattr,"}{_LAYERS} /etc &&
ip link set lo up &&
cd
"""


# … and asks what is left at the end of the page to put its house in order, then ends.  `kill -1` reaches
# everything in the process namespace but process 1, the shell.
_FAREWELL = "kill -TERM -1 2>/dev/null; while set -- /proc/[0-9]*; [ $# -gt 1 ]; do sleep 0.05; done; exit"
_SHELL = ("bash", "--noprofile", "--norc")


class Lab:
    """One page's shell.  It starts with the first command; `close` ends it and whatever it has started."""

    def __init__(self, timeout: float = TIMEOUT, patience: float = 5.0, scenario: str = "") -> None:
        """Give a command `timeout` seconds, and at the end what still runs `patience` seconds to stop."""
        self.scenario = scenario
        self._timeout = timeout
        self._patience = patience
        self._shell: subprocess.Popen[bytes] | None = None
        self._ended = ""  # why it no longer takes commands
        self._mark = f"-- {os.urandom(8).hex()}"
        self._status = 0

    def run(self, block: Block) -> str | None:
        """Run every command of `block`; the first thing that differs from the page, or None."""
        try:
            commands = steps(block)
        except ValueError as error:
            return str(error)
        for step in commands:
            where = f"{shown(block.page)}:{step.line}: $ {step.command}"
            try:
                printed = self.execute(step.command)
            except LabError as error:
                return f"{where}\n{error}"
            if not matches(step.expected, printed):
                return f"{where}\n{difference(step.expected, printed)}"
            if self._status and not any(line.strip() not in {"", "..."} for line in step.expected):
                return f"{where}\nstatus {self._status}, and the page shows no output that says so"
        return None

    def execute(self, command: str) -> list[str]:
        """Run one command, however many lines it has; the lines that it printed.  Raises LabError."""
        if self._ended:
            raise LabError(f"the page's shell has ended: {self._ended}")
        if self._shell is None:
            self._start()
        return self._ask(command)

    def _start(self) -> None:
        why = impossible()
        if why is not None:
            raise LabError(f"console sessions cannot run here: {why}")
        kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        environment = {
            **kept,
            "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin",
            "HOME": HOME,
            "USER": "root",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "dumb",
            "COLUMNS": "80",
        }
        # In a scenario process 1 is the laboratory, which brings the client's /etc, /run and home.
        around: tuple[str, ...] = ()
        if self.scenario:
            lab.fetch(self.scenario)
            around = (sys.executable, "-m", "tests.diagnose.lab", self.scenario)
        self._shell = subprocess.Popen(
            [*_namespaces(), *around, *_SHELL],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        complaint = self._ask(_SETUP if not self.scenario else "cd")
        if self._status:
            self._end("it could not be set up")
            raise LabError("the laboratory could not be set up:\n" + "\n".join(complaint))

    def _ask(self, command: str) -> list[str]:
        """Give the shell a command and read until the mark that follows its output."""
        assert self._shell is not None
        assert self._shell.stdin is not None
        # The command's status is `$?` for the next one, as at a prompt; its standard input is empty.
        script = (
            f"(exit {self._status}); eval {shlex.quote(command)} </dev/null\n"
            f"printf '\\n%s %d\\n' {shlex.quote(self._mark)} $?\n"
        )
        try:
            self._shell.stdin.write(script.encode())
            self._shell.stdin.flush()
        except BrokenPipeError:
            self._end("its process is gone")
            raise LabError("the page's shell has ended") from None
        printed = self._read_to_mark()
        lines = printed.decode(errors="replace").split("\n")
        # split leaves the empty piece after the last newline, and the mark's own newline comes before it
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        return [] if lines == [""] else lines

    def _read_to_mark(self) -> bytes:
        assert self._shell is not None
        assert self._shell.stdout is not None
        mark = f"\n{self._mark} ".encode()
        printed = b""
        deadline = time.monotonic() + self._timeout
        while True:
            at = printed.find(mark)
            if at >= 0 and printed.endswith(b"\n"):
                self._status = int(printed[at + len(mark) :].split()[0])
                return printed[:at]
            ready, _, _ = select.select([self._shell.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._patience = 0.0
                self._end(f"a command ran longer than {self._timeout:.0f} s")
                raise LabError(f"not done after {self._timeout:.0f} s; printed so far:\n" + printed.decode())
            more = os.read(self._shell.stdout.fileno(), 65536)
            if not more:
                self._end("its process has ended")
                raise LabError("the shell ended; printed so far:\n" + printed.decode())
            printed += more

    def _end(self, why: str) -> None:
        self._ended = why
        self.close()

    def close(self) -> None:
        """Ask what still runs to end (so that it can put its house in order), then end the namespace."""
        shell, self._shell = self._shell, None
        self._ended = self._ended or "it was closed"
        if shell is None:
            return
        assert shell.stdin is not None
        assert shell.stdout is not None
        farewell = "exit" if self.scenario else _FAREWELL
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            shell.stdin.write(f"{farewell}\n".encode())
            shell.stdin.close()
            shell.wait(timeout=self._patience)
        if shell.poll() is None:
            # Process 1 is seen to have ended only when all else in its namespace has; unshare ends after it.
            for child in Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            shell.wait()
        shell.stdout.close()


class LabError(Exception):
    """The laboratory could not do what it was asked; the message says why."""
