"""Where configurations lie on the disk: finding, reading, and what deserves a warning.

Rule: like wg-quick(8), a NAME is looked up in the directories, a file is taken as it is, and the interface is
named as the file is without its ``.conf``. What is merely unwise is a warning, never an error.
"""

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from glasstunnel.operate import keys
from glasstunnel.operate.config import Config, ConfigError, parse

DIRECTORIES = (Path("/etc/glasstunnel"), Path("/etc/wireguard"))

_NAME = re.compile(
    r"(?!\.{1,2}$)[a-zA-Z0-9_=+.-]{1,15}"
)  # wg-quick(8); the kernel knows "." and ".." otherwise


def find(name_or_file: str, directories: Sequence[Path] = DIRECTORIES) -> Path:
    """The file of a configuration: ``NAME`` in the first directory that has NAME.conf, else a path to a file.

    Whatever has a ``/`` in it or ends in ``.conf`` is a path. Raises :exc:`ConfigError` if there is no such
    file or its name gives no interface name.
    """
    if "/" in name_or_file or name_or_file.endswith(".conf"):
        candidates = [Path(name_or_file)]
    elif _NAME.fullmatch(name_or_file):
        candidates = [directory / f"{name_or_file}.conf" for directory in directories]
    else:
        raise ConfigError(f'expected an interface name of 1 to 15 of a-zA-Z0-9_=+.-, got "{name_or_file}"')
    for path in candidates:
        if path.is_file():
            interface_name(path)
            return path
    here = Path(f"{name_or_file}.conf")
    hint = f"; for the file here say ./{here}" if here.is_file() else ""
    raise ConfigError(
        f"{name_or_file}: expected a file {' or '.join(map(str, candidates))}, found none{hint}"
    )


def interface_name(path: Path) -> str:
    """The interface that a configuration file is for, from its name; raises :exc:`ConfigError` if none."""
    if path.suffix != ".conf" or not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"{path}: expected a file name of 1 to 15 of a-zA-Z0-9_=+.- and then .conf, got {path.name}"
        )
    return path.stem


def load(path: Path) -> Config:
    """Read a configuration file; raises :exc:`ConfigError` when it cannot be read or is wrong.

    Bytes that are no UTF-8 are kept as they are (``surrogateescape``): wg-quick knows no encoding either.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, got: {error.strerror}") from None
    return parse(text, path.name)


def warnings(path: Path, config: Config) -> list[str]:
    """What is unwise about a configuration that was read from ``path``, one sentence each."""
    found = []
    resolved = path.resolve()
    if resolved.stat().st_mode & resolved.parent.stat().st_mode & stat.S_IRWXO:
        found.append(f"{path}: is accessible to everybody though it holds keys; chmod 600 helps")
    owners: dict[object, str] = {}
    for peer in config.peers:
        key = keys.encode(peer.public_key)
        for prefix in peer.allowed_ips:
            if owners.get(prefix, key) != key:
                found.append(
                    f"{path.name}: AllowedIPs: {prefix} is given to two peers; the last one, {key}, gets it"
                )
            owners[prefix] = key
    return found
