"""The machine's own situation, read out of its files: who resolves names here, how the daemon gets out.

Rule: text in, values out; :mod:`glasstunnel.diagnose.probe.files` does the reading. A file that cannot be
understood is an entry in ``faults`` and no exception. Section: hosts(5), resolv.conf(5), nsswitch.conf(5),
systemd.exec(5) "Environment=", "EnvironmentFile=", "UnsetEnvironment="; docker/cli docs/reference/dockerd.md;
moby daemon/config (``configureProxyEnv``: daemon.json before the environment);
golang.org/x/net/http/httpproxy for NO_PROXY.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from glasstunnel.diagnose.daemon import SYSTEM, Kind, Places
from glasstunnel.diagnose.finding import Fact, fact


@dataclass(frozen=True)
class Proxies:
    """Proxy settings and where they stand."""

    source: str
    http: str = ""
    https: str = ""
    no: str = ""

    def for_host(self, host: str, port: int, scheme: str = "https") -> str:
        """The proxy for a host, "" for none."""
        url = self.https if scheme == "https" else self.http
        if not url or _is_excepted(host, port, self.no):
            return ""
        return _url(url)


@dataclass
class Machine:
    """What was read."""

    system: str = ""  # such as "debian 12"
    nsswitch: str = ""  # the line "hosts:"
    name_servers: tuple[str, ...] = ()
    resolver_options: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()  # of systemd-resolved
    resolv_conf_link: str = ""  # what /etc/resolv.conf points to
    resolved: bool = False  # systemd-resolved answers here
    resolvectl: str = ""  # what it says
    network_manager: bool = False
    interface: str = ""  # of the default route
    mtu: int = 0  # of that interface, bytes
    default_route: bool = False
    kind: Kind = Kind.NONE  # of who pulls
    places: Places = SYSTEM  # where that one keeps its settings
    endpoint: str = ""  # to which the client speaks, if it says so
    running: Proxies | None = None  # of the running daemon's environment
    configured: Proxies | None = None  # of daemon.json, or else of its unit and drop-ins
    environment: Proxies | None = None  # of whoever runs the diagnosis
    elsewhere: tuple[Proxies, ...] = ()  # other programs' proxies
    mirrors: tuple[str, ...] = ()
    daemon_dns: tuple[str, ...] = ()  # concerns containers only
    insecure: tuple[str, ...] = ()
    faults: list[Fact] = field(default_factory=list)  # files that could not be understood

    @property
    def daemon(self) -> bool:
        """Whether a daemon of this machine pulls, not the command itself."""
        return self.kind in (Kind.SYSTEM, Kind.SNAP, Kind.ROOTLESS, Kind.DESKTOP)

    @property
    def desktop(self) -> bool:
        """Whether it does so in Docker Desktop's virtual machine."""
        return self.kind is Kind.DESKTOP

    @property
    def stale(self) -> bool:
        """Whether the daemon runs with other proxies than its files say."""
        if not self.running:
            return False
        now, then = self.running, self.configured or Proxies("")
        return (now.http, now.https, now.no) != (then.http, then.https, then.no)

    @property
    def proxies(self) -> Proxies | None:
        """The proxies that a pull uses: the daemon's, or where no daemon is, the environment's."""
        if self.daemon:
            return self.running or self.configured
        return self.environment if self.kind is Kind.PODMAN else (self.configured or self.environment)

    def known_proxies(self, host: str, port: int) -> list[str]:
        """Proxies that the daemon does not use but others here do."""
        mine = self.proxies.for_host(host, port) if self.proxies else ""
        settings = (self.configured, self.environment, *self.elsewhere)
        found = dict.fromkeys(proxies.for_host(host, port) for proxies in settings if proxies)
        return [url for url in found if url not in ("", mine)]


def hosts_entries(text: str, name: str) -> list[tuple[int, str]]:
    """The lines of a hosts file that speak of a name: number and address."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        address, *names = line.partition("#")[0].split() or [""]
        if name.lower() in (other.lower() for other in names):
            found.append((number, address))
    return found


def resolv_conf(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name servers and options of a resolv.conf."""
    servers: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        keyword, *words = line.split() or [""]
        if keyword == "nameserver" and words:
            servers.append(words[0])
        elif keyword == "options":
            options += words
    return tuple(servers), tuple(options)


def nsswitch_hosts(text: str) -> str:
    """The line "hosts:" of an nsswitch.conf, without its comment."""
    found = re.search(r"^[ \t]*hosts:([^#\n]*)", text, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def unit_environment(texts: Iterable[str], read: Callable[[str], str] = lambda _path: "") -> dict[str, str]:
    """The variables that a unit and its drop-ins set, in their order; an empty assignment forgets.

    Args:
        texts: the unit, then its drop-ins.
        read: gives the text of an ``EnvironmentFile=``, "" where there is none.
    """
    variables: dict[str, str] = {}
    files: list[str] = []
    unset: list[str] = []
    for text in texts:
        for name, value in _service_settings(text):
            if name == "Environment":
                variables = variables if value else {}
                variables.update(_assignments(value.replace("%%", "%")))
            elif name == "EnvironmentFile":
                files = [*files, value.removeprefix("-")] if value else []
            elif name == "UnsetEnvironment":
                unset = [*unset, *value.split()] if value else []
    for path in files:
        variables.update(environment_file(read(path)))
    return {
        name: value
        for name, value in variables.items()
        if name not in unset and f"{name}={value}" not in unset
    }


def _service_settings(text: str) -> Iterable[tuple[str, str]]:
    section = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        name, equals, value = line.strip().partition("=")
        if name.startswith("["):
            section = name
        elif equals and section == "[Service]":
            yield name.strip(), value.strip()


def _assignments(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


def environment_file(text: str) -> dict[str, str]:
    """The variables of a file such as /etc/environment: one assignment a line, "export" allowed."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            found.update(_assignments(line.strip().removeprefix("export ")))
    return found


def proxies_of(variables: Mapping[str, str], source: str) -> Proxies | None:
    """The proxies in an environment, upper case before lower case as in Go; None where there are none."""

    def value(name: str) -> str:
        return variables.get(name, "") or variables.get(name.lower(), "")

    http, https, no = value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY")
    return Proxies(source, _url(http), _url(https), no) if http or https else None


def _url(proxy: str) -> str:
    """A proxy with its scheme: http where it has none, as in Go."""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def apt_proxy(text: str, source: str) -> Proxies | None:
    """The proxy in a file of apt.conf.d."""
    found: dict[str, str] = dict(
        re.findall(r'^[ \t]*Acquire::(https?)::[Pp]roxy[ \t]+"([^"]+)"', text, re.MULTILINE)
    )
    http, https = (found.get(scheme, "") for scheme in ("http", "https"))
    if "DIRECT" in (http, https) or not (http or https):
        return None
    return Proxies(source, _url(http), _url(https or http))


def read_daemon_json(text: str, source: str, machine: Machine) -> Proxies | None:
    """What daemon.json says, into ``machine``; its proxies, if it sets any."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        machine.faults.append(fact("no-json", file=source, why=error))
        return None
    if not isinstance(settings, dict):
        machine.faults.append(fact("no-json-object", file=source))
        return None
    machine.mirrors = _texts(settings.get("registry-mirrors"))
    machine.daemon_dns = _texts(settings.get("dns"))
    machine.insecure = _texts(settings.get("insecure-registries"))
    proxies = settings.get("proxies")
    if not isinstance(proxies, dict) or machine.desktop:  # Docker Desktop has settings of its own for them
        return None
    http, https, no = (str(proxies.get(key, "")) for key in ("http-proxy", "https-proxy", "no-proxy"))
    return Proxies(source, _url(http), _url(https), no) if http or https or no else None


def laid_over(below: Proxies | None, above: Proxies | None) -> Proxies | None:
    """Proxies of daemon.json over those of the environment: each setting for itself."""
    if not below or not above:
        return above or below
    return Proxies(above.source, above.http or below.http, above.https or below.https, above.no or below.no)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _is_excepted(host: str, port: int, no: str) -> bool:
    """Whether NO_PROXY excepts a host, as Go reads it; loopback always is."""
    host = host.lower()
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (word.strip().lower() for word in re.split(r"[,\s]+", no)):
        if entry == "*":
            return True
        if not entry:
            continue
        if address is not None:
            try:
                if address in ip_network(entry, strict=False):
                    return True
            except ValueError:
                pass
        name, colon, entry_port = entry.rpartition(":")
        if colon and entry_port.isdecimal() and ":" not in name:
            if int(entry_port) != port:
                continue
            entry = name
        entry = entry.removeprefix("*")
        if host == entry.removeprefix(".") and not entry.startswith("."):
            return True
        if host.endswith(entry if entry.startswith(".") else f".{entry}"):
            return True
    return False
