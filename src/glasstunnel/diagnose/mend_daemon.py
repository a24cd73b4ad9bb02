"""What mends the way of whoever pulls: a proxy, a mirror, whom to trust.

Rule: what concerns a daemon is written at the places of the one that pulls, and by whom it belongs to.
Section: systemd.exec(5) "UnsetEnvironment=", systemd.unit(5) "%%" and drop-ins (the last by name counts);
docker/docs "Daemon proxy configuration",
"Verify repository client with certificates"; moby daemon/config/config.go (``registry-mirrors`` and
``insecure-registries`` can be reloaded).
"""

import shlex

from glasstunnel.diagnose.daemon import Kind, Places
from glasstunnel.diagnose.evidence import Evidence, Host
from glasstunnel.diagnose.remedy import COPY, Remedy

PROXY_PLACEHOLDER = "http://PROXY:PORT"
DROP_IN = "zz-diagnose.conf"  # one only, and after those that others have written
NO_PROXY = "localhost,127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def working_proxy(host: Host | None) -> str:
    replies = host.replies if host else []
    return next((reply.via for reply in replies if "://" in reply.via and reply.status), PROXY_PLACEHOLDER)


def through_proxy(proxy: str, evidence: Evidence) -> list[Remedy]:
    machine = evidence.machine
    warnings = ("placeholder-proxy",) if proxy == PROXY_PLACEHOLDER else ()
    if machine.desktop:
        return [Remedy("desktop-proxy", "", warnings=warnings)]
    shell = Remedy(
        "proxy-shell",
        "shell",
        (f"export HTTPS_PROXY={shlex.quote(proxy)} HTTP_PROXY={shlex.quote(proxy)} NO_PROXY={NO_PROXY}",),
        ("unset HTTPS_PROXY HTTP_PROXY NO_PROXY",),
        warnings,
        as_root=False,
    )
    if machine.kind is Kind.PODMAN:
        return [shell]
    places = machine.places
    if machine.stale and machine.configured and proxy in (machine.configured.https, machine.configured.http):
        return [Remedy("restart-daemon", "daemon", places.rewire, as_root=places.by_root)]
    if machine.proxies and machine.proxies.source == places.settings:  # these go before the environment
        both = {"http-proxy": proxy, "https-proxy": proxy}
        statement = f'settings["proxies"].update({both})'
        return [edit_settings("proxy-json", statement, places, places.restart, warnings), shell]
    file = f"{places.drop_ins}/{DROP_IN}"
    value = proxy.replace("%", "%%")  # systemd.unit(5): "%" begins a specifier
    settings = (f"HTTP_PROXY={value}", f"HTTPS_PROXY={value}", f"NO_PROXY={NO_PROXY}")
    lines = " ".join(shlex.quote(f'Environment="{setting}"') for setting in settings)
    drop_in = Remedy(
        "proxy-drop-in",
        "daemon",
        (
            _folder(places.drop_ins, places),
            f"printf '%s\\n' '[Service]' {lines} > {file}",
            *places.rewire,
        ),
        (f"rm {file}", *places.rewire),
        (*warnings, *_elsewhere(evidence)),
        places.by_root,
    )
    return [drop_in, shell]


def _elsewhere(evidence: Evidence) -> tuple[str, ...]:
    return ("daemon-elsewhere",) if evidence.machine.kind is Kind.ELSEWHERE else ()


def _folder(path: str, places: Places) -> str:
    return f"install -d {path}" if places.by_root else f"mkdir -p {path}"


def other_proxy(host: Host, evidence: Evidence) -> list[Remedy]:
    """Without the proxy that does not work, if that works; else another one.

    One that is in no file is gone after a restart, unless systemd gives it to every service.
    """
    machine, places = evidence.machine, evidence.machine.places
    source = machine.proxies.source if machine.proxies else ""
    in_no_file = machine.stale and not (
        machine.configured and machine.configured.for_host(host.name, host.port)
    )
    restart = [Remedy("restart-daemon", "daemon", places.rewire, as_root=places.by_root)]
    if not host.proven:
        return through_proxy(PROXY_PLACEHOLDER, evidence)
    names = "HTTP_PROXY HTTPS_PROXY http_proxy https_proxy"
    if source == "environment":
        return [Remedy("no-proxy-shell", "shell", (f"unset {names}",), as_root=False)]
    if source == places.settings:
        return [edit_settings("no-proxy-json", 'settings.pop("proxies", None)', places, places.restart)]
    file = f"{places.drop_ins}/{DROP_IN}"
    return (restart if in_no_file else []) + [
        Remedy(
            "no-proxy-drop-in",
            "daemon",
            (
                _folder(places.drop_ins, places),
                f"printf '%s\\n' '[Service]' 'UnsetEnvironment={names}' > {file}",
                *places.rewire,
            ),
            (f"rm {file}", *places.rewire),
            as_root=places.by_root,
        )
    ]


def without_mirror(name: str, evidence: Evidence) -> Remedy:
    bad = [url for url in evidence.machine.mirrors if name in url]
    statement = f'settings["registry-mirrors"] = [m for m in settings["registry-mirrors"] if m not in {bad}]'
    places = evidence.machine.places
    return edit_settings("without-mirror", statement, places, places.reload)


def edit_settings(
    code: str, statement: str, places: Places, then: tuple[str, ...], warnings: tuple[str, ...] = ()
) -> Remedy:
    """Change daemon.json; where there is none yet, an empty one is what was there before."""
    copy = f"{places.settings}{COPY}"
    program = (
        "import json, sys; before, after = sys.argv[1:]; settings = json.load(open(before)); "
        f'{statement}; json.dump(settings, open(after, "w"), indent=2)'
    )
    keep: tuple[str, ...] = (f"cp {places.settings} {copy}",)
    if code == "insecure-registry":
        folder = places.settings.rpartition("/")[0]
        keep = (_folder(folder, places), f"cp {places.settings} {copy} || echo '{{}}' > {copy}")
    return Remedy(
        code,
        "daemon",
        (*keep, f"python3 -c {shlex.quote(program)} {copy} {places.settings}", *then),
        (f"cp {copy} {places.settings}", *then),
        warnings,
        places.by_root,
    )


def authority(host: Host, evidence: Evidence) -> Remedy:
    """Whom to trust: for a registry of one's own the daemon alone, without a restart; else all programs."""
    places, machine = evidence.machine.places, evidence.machine
    warnings: tuple[str, ...] = ("trust-only-your-own",)
    if not evidence.image.on_hub and host.role == "registry" and machine.kind is not Kind.PODMAN:
        folder = f"{places.certificates}/{evidence.image.domain}"
        commands = (_folder(folder, places), f"cp AUTHORITY.crt {folder}/ca.crt")
        undo = (f"rm {folder}/ca.crt",)
        return Remedy("registry-authority", "daemon", commands, undo, warnings, places.by_root)
    file = "/usr/local/share/ca-certificates/AUTHORITY.crt"
    restart = places.restart if machine.daemon and places.by_root else ()
    if machine.daemon and not places.by_root:
        warnings += ("restart-yours",)
    return Remedy(
        "authority",
        "system",
        (f"cp AUTHORITY.crt {file}", "update-ca-certificates", *restart),
        (f"rm {file}", "update-ca-certificates --fresh", *restart),
        warnings,
    )
