"""Runs the gates of the project, tier by tier, and ends with a table of times.  Standard library only.

    gates.py                 every tier (make test)
    gates.py lint doctest    only these
    gates.py need pdf        only see to the system packages that a tier needs

The rule: a tier that fails does not keep the others from running, and a tier that cannot run here is named,
not passed over in silence.  On Debian as root the system packages that are missing are installed first;
otherwise the one line that installs them is printed and the tiers that need them are left out.
"""

import ctypes
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
BIN = Path(sys.executable).parent
LIMIT = 900.0  # seconds for one command; only a safety net against one that never ends


@dataclass(frozen=True)
class Need:
    """Something of the system, named after the Debian package that brings it, and how to see it is there."""

    name: str
    programs: tuple[str, ...] = ()  # any one of these on PATH
    tex_file: str = ""  # a file that TeX finds
    font: str = ""  # a font that fontconfig finds
    shared_object: str = ""  # a shared library that the linker finds
    file: str = ""  # a file at its place
    right: Callable[[], bool] | None = None  # no package, but something that this user may do

    def is_met(self) -> bool:
        """Whether it is there, however it was installed."""
        if self.right:
            return self.right()
        if self.programs:
            return any(shutil.which(program) for program in self.programs)
        if self.tex_file:
            return _prints(["kpsewhich", self.tex_file])
        if self.shared_object:
            return _loads(self.shared_object)
        if self.file:
            return Path(self.file).exists()
        return _prints(["fc-list", self.font, "file"])


@dataclass(frozen=True)
class Tier:
    """Some commands, of which each must succeed, and what they need of the system."""

    name: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[Need, ...] = ()


def may_open_tun() -> bool:
    """Whether this user may make TUN interfaces, in a namespace of its own at least."""
    return os.access("/dev/net/tun", os.R_OK | os.W_OK)


def may_make_namespaces() -> bool:
    """Whether this user may make network namespaces, in a user namespace if need be."""
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    try:
        done = subprocess.run(
            ["unshare", *users, "--net", "--mount", "true"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def is_debian_on_amd64() -> bool:
    """Whether apt can download the kernel of the tests: its package and its machine are Debian's amd64."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return False
    return facts.get("ID") == "debian" and platform.machine() == "x86_64"


IP = Need("iproute2", programs=("ip",))
ETHTOOL = Need("ethtool", programs=("ethtool",))
PING = Need("iputils-ping", programs=("ping",))
SYSCTL = Need("procps", programs=("sysctl",))
UNSHARE = Need("util-linux", programs=("unshare",))
WG = Need("wireguard-tools", programs=("wg",))
PEERS = (
    WG,
    Need("wireguard-go", programs=("wireguard-go", "wireguard")),
    Need("nftables", programs=("nft",)),
    Need("netbase", file="/etc/services"),  # names of ports and protocols, for wg and nft
)
IPTABLES = Need("iptables", programs=("iptables-legacy-save",))
TSHARK = Need("tshark", programs=("tshark",))
NAMESPACES = Need("the right to make namespaces", right=may_make_namespaces)
RIGHTS = (Need("the right to open /dev/net/tun", right=may_open_tun), NAMESPACES)
LABORATORY = (  # of a pull that fails
    Need("docker-registry", programs=("docker-registry",)),
    Need("skopeo", programs=("skopeo",)),
    Need("dnsmasq-base", programs=("dnsmasq",)),
    Need("unbound", programs=("unbound",)),
    Need("tinyproxy", programs=("tinyproxy",)),
    Need("systemd", programs=("systemd-analyze",)),
    Need("dbus", programs=("dbus-daemon",)),  # for systemd-resolved, which is only unpacked
)
MAKE = Need("make", programs=("make",))  # what sphinx-quickstart writes is a Makefile
CJK = Need("fonts-noto-cjk", font=":family=Noto Serif CJK SC")
BROWSER = (
    Need("chromium", programs=("chromium", "chromium-browser", "google-chrome")),
    Need("libatomic1", shared_object="libatomic.so.1"),  # for the node that Playwright brings
    CJK,
)
NPM = Need("npm", programs=("npm",))  # for axe-core, which is on npm only
TEX = (
    Need("texlive-xetex", programs=("xelatex",)),
    Need("latexmk", programs=("latexmk",)),
    Need("texlive-latex-extra", tex_file="tabulary.sty"),
    Need("texlive-lang-chinese", tex_file="xeCJK.sty"),
    Need("texlive-fonts-recommended", tex_file="pzdr.tfm"),
    Need("fonts-freefont-otf", font=":family=FreeSerif"),
    CJK,
    Need("fonts-symbola", font=":family=Symbola"),  # emoji as outlines
    Need("fontconfig", programs=("fc-list",)),
    Need("librsvg2-bin", programs=("rsvg-convert",)),
)


def python(*arguments: str) -> tuple[str, ...]:
    """A command of the environment's Python."""
    return (sys.executable, "-m", *arguments)


def pytest(*arguments: str) -> tuple[str, ...]:
    """A pytest run whose coverage is kept for the last tier."""
    return python("coverage", "run", "-m", "pytest", "-q", *arguments)


def parallel(*arguments: str) -> tuple[str, ...]:
    """The same on all cores, each file on one."""
    return pytest("-n", "auto", "--dist", "loadfile", *arguments)


def checks(marker: str) -> tuple[str, ...]:
    """The walkers of one kind, over what was built or measured."""
    return python("pytest", "-q", "tests/docs", "-m", marker)


def sphinx(builder: str) -> tuple[str, ...]:
    """A build from nothing, in which a warning is an error."""
    strict = ("-n", "-W", "--keep-going", "-q", "-E", "-c", ".")
    if builder == "latexpdf":
        return python("sphinx", "-M", "latexpdf", "docs", "_build", *strict)
    trees = f"_build/doctrees-{builder}"
    return python("sphinx", "-b", builder, "-d", trees, "docs", f"_build/{builder}", *strict)


APART = (
    "not interop and not kernel and not browser and not axe and not built and not pdf and not versions "
    "and not shown"
)
PYTHON_CODE = ("src/glasstunnel", "src/sphinxzh/sphinxzh", "tests", "tools", "docs", "bench", "conf.py")

PURE = tuple(
    f"src/glasstunnel/{package}/*"
    for package in ("noise", "wireguard", "toyvpn", "ip", "sim", "capture", "diagnose")
)
PROBES = "src/glasstunnel/diagnose/**/probe/*"  # they see the network; what judges is pure
UNIT = Tier(
    "unit",
    "unit, property and simulation tests; they take every branch of the pure packages",
    (
        parallel("tests", "--ignore=tests/docs", "-m", APART),
        python("coverage", "combine", "--keep", "--quiet", "--data-file=_build/pure/data", "_build/coverage"),
        python(
            *("coverage", "report", "--data-file=_build/pure/data", "--include", ",".join(PURE)),
            *("--omit", PROBES, "--skip-covered", "--fail-under=100"),
        ),
    ),
)
SHOWN = Tier(
    "shown",
    "whether tests ran every line that the book shows",
    (python("coverage", "combine", "--quiet", "_build/coverage"), checks("shown")),
)
TIERS = (
    Tier(
        "lint",
        "ruff, mypy --strict",
        (
            python("ruff", "check", "."),
            python("ruff", "format", "--check", "."),
            python(
                "mypy",
                *(path for path in PYTHON_CODE if any((ROOT / path).rglob("*.py")) or path == "conf.py"),
            ),
        ),
    ),
    UNIT,
    Tier(
        "interop",
        "tunnels against wireguard-go and wg, pulls against a registry, in network namespaces",
        (parallel("tests", "-m", "interop"),),
        (
            *LABORATORY,
            IP,
            ETHTOOL,
            PING,
            SYSCTL,
            UNSHARE,
            *PEERS,
            Need("iperf3", programs=("iperf3",)),
            IPTABLES,
            TSHARK,
            *RIGHTS,
        ),
    ),
    Tier(
        "kernel",
        "tunnels against the Linux kernel's own WireGuard, in a virtual machine",
        (pytest("tests/kernel", "-m", "kernel"),),
        (
            IP,
            PING,
            WG,
            Need("qemu-system-x86", programs=("qemu-system-x86_64",)),
            Need("busybox-static", programs=("busybox",)),
            Need("Debian on amd64, for its kernel", right=is_debian_on_amd64),
            *RIGHTS,
        ),
    ),
    Tier(
        "book",
        "the Python blocks and console sessions of the pages",
        (parallel("docs"),),
        (
            *(IP, PING, SYSCTL, UNSHARE, MAKE, *PEERS, TSHARK, *LABORATORY),
            Need("bind9-dnsutils", programs=("dig",)),
            Need("curl", programs=("curl",)),
            Need("openssl", programs=("openssl",)),
            Need("iptables", programs=("iptables-translate",)),
            Need("tcpdump", programs=("tcpdump",)),
            ETHTOOL,
            *RIGHTS,
        ),
    ),
    Tier(
        "walkers", "what the pages may and may not say", (pytest("tests/docs", "-m", APART),), (IP, UNSHARE)
    ),
    Tier("html", "the site", (sphinx("html"),)),
    Tier("singlehtml", "the single page", (sphinx("singlehtml"),)),
    Tier("gettext", "the catalogues for translators", (sphinx("gettext"),)),
    Tier("epub", "the book as EPUB", (sphinx("epub"),)),
    Tier("links", "every link inside the site, the single page and the EPUB", (checks("built"),)),
    Tier(
        "browser",
        "the site in a browser",
        (parallel("tests", "-m", "browser"),),
        (*BROWSER, IP, UNSHARE, MAKE, NAMESPACES),
    ),
    Tier(
        "axe",
        "the rules of accessibility, on every kind of page",
        (
            (
                "npm",
                "ci",
                "--prefix",
                "tests/axe",
                "--prefer-offline",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ),
            pytest("tests", "-m", "axe"),
        ),
        (*BROWSER, NPM),
    ),
    Tier(
        "versions",
        "sphinxzh with every Sphinx from 8.0 on, in three themes",
        (python("tools.versions"), python("pytest", "-q", "tests/sphinxzh", "-m", "versions")),
        BROWSER,
    ),
    Tier(
        "pdf",
        "the PDF, read back",
        (sphinx("latexpdf"), pytest("tests", "-m", "pdf")),
        (*TEX, Need("poppler-utils", programs=("pdftotext",)), IP, UNSHARE, MAKE, NAMESPACES),
    ),
    Tier(
        "doctest",
        "the examples in docstrings and in doctest directives",
        (sphinx("doctest"), pytest("--doctest-modules", "src/glasstunnel", "src/sphinxzh/sphinxzh")),
    ),
    SHOWN,
)


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; the exit status."""
    known = {tier.name: tier for tier in TIERS}
    only_needs = bool(arguments) and arguments[0] == "need"
    names = list(arguments[1:] if only_needs else arguments) or list(known)
    for name in names:
        if name not in known:
            return say(f"No tier is called {name}; there are: {', '.join(known)}.", 2)
    tiers = [known[name] for name in names]
    missing = provide(need for tier in tiers for need in tier.needs)
    if only_needs:
        return 1 if missing else 0
    if len(tiers) > 1 or tiers[0] is UNIT:  # which is judged by what it measures itself
        shutil.rmtree(BUILD / "coverage", ignore_errors=True)
    outcomes: list[Outcome] = []
    for tier in tiers:
        left_out = [outcome.tier.name for outcome in outcomes if outcome.result.startswith("left out")]
        if tier is SHOWN and left_out:
            outcomes.append(Outcome(tier, f"left out: {', '.join(left_out)} measured nothing", 0.0))
        else:
            outcomes.append(run(tier, missing))
    return report(outcomes)


@dataclass(frozen=True)
class Outcome:
    """How a tier went."""

    tier: Tier
    result: str  # "passed", "failed" or "left out: …"
    seconds: float


def run(tier: Tier, missing: Iterable[Need]) -> Outcome:
    """Run one tier, streaming what it prints."""
    print(f"\n━━ {tier.name}: {tier.what} ".ljust(100, "━"), flush=True)
    lacking = [need.name for need in missing if need in tier.needs]
    if lacking:
        print(f"Left out: {', '.join(lacking)} missing.", flush=True)
        return Outcome(tier, f"left out for want of {', '.join(lacking)}", 0.0)
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUTF8": "1",
        "COVERAGE_FILE": str(BUILD / "coverage" / "data"),
        "GLASSTUNNEL_GATES": "1",  # what a test would skip for want of a build is then a failure
        "LATEXMKOPTS": "-quiet",
    }
    (BUILD / "coverage").mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    result = "passed"
    for command in tier.commands:
        program = "python" if command[0] == sys.executable else command[0]
        print("$ " + shlex.join([program, *command[1:]]), flush=True)
        status = finish(command, environment)
        if status:
            print(f"Failed with status {status}.", flush=True)
            result = "failed"
    return Outcome(tier, result, time.monotonic() - began)


def finish(command: Sequence[str], environment: dict[str, str], limit: float = LIMIT) -> int:
    """Run a command to its end, or end it and all it has started after `limit` seconds; its status."""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, process_group=0
    ) as process:
        try:
            return process.wait(limit)
        except BaseException as error:  # also when the reader interrupts
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            print(f"Not done after {limit:.0f} s.", flush=True)
            return -signal.SIGKILL


def report(outcomes: Sequence[Outcome]) -> int:
    """Print the table; 0 when nothing failed."""
    print("\n" + "━" * 100)
    for outcome in outcomes:
        print(f"{outcome.tier.name:<12}{outcome.seconds:>7.1f} s   {outcome.result:<10}  {outcome.tier.what}")
    failed = sum(outcome.result == "failed" for outcome in outcomes)
    passed = sum(outcome.result == "passed" for outcome in outcomes)
    print(f"{'together':<12}{sum(outcome.seconds for outcome in outcomes):>7.1f} s")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def provide(needs: Iterable[Need]) -> list[Need]:
    """See to the system's packages; what is still missing afterwards."""
    wanted = list(dict.fromkeys(needs))
    missing = [need for need in wanted if not need.is_met()]
    if not missing:
        return []
    for need in missing:
        if need.right:
            say(f"Missing: {need.name}")
    packages = " ".join(need.name for need in missing if not need.right)
    apt = shutil.which("apt-get")
    if not packages:
        return missing
    if apt is None:
        say(f"Missing on this system (named as Debian's packages): {packages}")
    elif os.geteuid() != 0:
        say(f"Missing: run  sudo apt-get install --no-install-recommends {packages}")
    else:
        say(f"Installing {packages} …")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = [apt, "install", "-q", "-y", "--no-install-recommends", *packages.split()]
        for command in ([apt, "update", "-q"], install):
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                say(f"{shlex.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
                break
        missing = [need for need in missing if not need.is_met()]
    return missing


def say(message: str, status: int = 0) -> int:
    """Print a line to standard error; `status`, for the caller to return."""
    print(message, file=sys.stderr, flush=True)
    return status


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _prints(command: list[str]) -> bool:
    """Whether the program exists and prints something."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return False
    return bool(done.stdout.strip())


if __name__ == "__main__":
    if importlib.util.find_spec("pytest") is None:
        sys.exit("Run this with the environment's Python: make test")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
