"""The walls of the architecture page hold in the source."""

from pathlib import Path

import pytest

from tests.docs import walls
from tests.docs.pages import ROOT

TEXT = walls.PAGE.read_text("utf-8")
STATED = walls.stated(TEXT)


@pytest.mark.parametrize(
    "path", sorted(walls.SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(walls.SOURCE))
)
def test_a_module_imports_what_its_package_may(path: Path) -> None:
    assert walls.faults(path, path.read_text("utf-8"), STATED) == []


def test_sphinxzh_and_glasstunnel_do_not_know_each_other() -> None:
    for package, other in (("src/sphinxzh/sphinxzh", "glasstunnel"), ("src/glasstunnel", "sphinxzh")):
        for path in (ROOT / package).rglob("*.py"):
            assert f"import {other}" not in path.read_text("utf-8")
            assert f"from {other}" not in path.read_text("utf-8")


def test_the_page_states_the_pure_packages_of_the_design() -> None:
    assert {"noise", "ip", "wireguard", "toyvpn", "capture", "sim"} == STATED.pure
    assert {"socket", "time", "random", "secrets", "threading", "os", "pathlib"} <= STATED.forbidden


def test_arrows_point_downwards_only() -> None:
    order = ["noise", "ip", "capture", "wireguard", "toyvpn", "sim", "host", "operate", "diagnose", "cli"]
    assert sorted(order) == sorted(STATED.allowed)
    for package, allowed in STATED.allowed.items():
        assert all(order.index(other) < order.index(package) for other in allowed if other in order)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("noise", "from glasstunnel.wireguard import messages"),
        ("noise", "from glasstunnel import wireguard"),
        ("noise", "import glasstunnel.host"),
        ("noise", "from ..host import tun"),
        ("noise", "import numpy"),
        ("wireguard", "import time"),
        ("wireguard", "import os.path"),
        ("wireguard", "from socket import socket"),
        ("wireguard", "import socket"),
        ("wireguard", "def f():\n    from random import randbytes"),
        ("wireguard", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pathlib"),
        ("wireguard", "from glasstunnel.host.tun import Tun"),
        ("ip", "open('x')"),
        ("ip", "from cryptography.hazmat.primitives import hashes"),
        ("sim", "import random"),
        ("host", "from glasstunnel.operate import config"),
        ("host", "import sphinx"),
        ("operate", "from pyroute2 import IPRoute"),
        ("cli", "import fcntl"),
        ("cli", "from glasstunnel.noise.vectors import main"),
        ("unheard_of", "x = 1"),
    ],
)
def test_a_breach_is_found(room: str, source: str) -> None:
    (fault,) = walls.faults(walls.SOURCE / room / "made_up.py", source, STATED)
    assert fault.startswith(f"src/glasstunnel/{room}/made_up.py:")


@pytest.mark.parametrize(
    ("room", "source"),
    [
        (
            "noise",
            "from cryptography.exceptions import InvalidTag\nfrom . import errors\nimport hashlib, struct",
        ),
        ("ip", "from socket import AF_INET, inet_pton"),
        ("sim", "from random import Random\nfrom glasstunnel.wireguard.device import Device"),
        ("host", "import socket, fcntl, os, time\nfrom pyroute2 import IPRoute"),
        ("cli", "from glasstunnel.operate import config\nprint(1)\nopen('x')"),
    ],
)
def test_what_is_allowed_passes(room: str, source: str) -> None:
    assert walls.faults(walls.SOURCE / room / "made_up.py", source, STATED) == []


def test_a_program_among_pure_modules_may_read_files() -> None:
    source = "import sys, pathlib\nprint(open(sys.argv[1]).read())"
    assert walls.faults(walls.SOURCE / "noise" / "vectors.py", source, STATED) == []
    assert walls.faults(walls.SOURCE / "noise" / "__main__.py", source, STATED) == []
    assert len(walls.faults(walls.SOURCE / "noise" / "other.py", source, STATED)) == 4


def test_python_m_glasstunnel_is_the_command_line_and_the_package_itself_is_nothing() -> None:
    source = "from glasstunnel.cli.main import main"
    assert walls.faults(walls.SOURCE / "__main__.py", source, STATED) == []
    assert len(walls.faults(walls.SOURCE / "__init__.py", source, STATED)) == 1
    assert len(walls.faults(walls.SOURCE / "__main__.py", "from glasstunnel import host", STATED)) == 1


def test_relative_imports_are_resolved_in_packages_too() -> None:
    source = "from .tun import Tun\nfrom .. import operate"
    (fault,) = walls.faults(walls.SOURCE / "host" / "__init__.py", source, STATED)
    assert fault == "src/glasstunnel/host/__init__.py:2: host may not import operate"


def test_a_page_that_lost_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the table"):
        walls.stated(TEXT.replace("| 是 |", "| 对 |").replace("| 否 |", "| 错 |"))
