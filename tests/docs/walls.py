"""The walls between the packages, as docs/reference/architecture.md states them: the page is the data.

The rule: a package imports only what the page's table allows; a pure package imports no module that its
list forbids, save the names that it excepts; nothing but `host` imports the door to the system.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, read, shown

PAGE = DOCS / "reference" / "architecture.md"
SOURCE = ROOT / "src" / "glasstunnel"
CALLS = frozenset({"open", "input", "print"})
DOOR = {"pyroute2": "host", "fcntl": "host"}


@dataclass(frozen=True)
class Walls:
    """What the page says."""

    allowed: dict[str, frozenset[str]]  # package: what it may import, standard library aside
    pure: frozenset[str]
    forbidden: frozenset[str]  # modules of the standard library that a pure package does not import
    excepted: dict[str, frozenset[str]]  # … but these names of them it may
    runners: frozenset[str]


def stated(text: str) -> Walls:
    """Read the walls out of the page.  Raises ValueError when the page no longer has that form."""
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\| (是|否) \|$", text, re.MULTILINE)
    data = [block.content for block in read(PAGE, text).blocks if block.language == "text"]
    if not rows or len(data) != 3:
        raise ValueError(f"{shown(PAGE)}: expected the table of walls and three lists")
    forbidden, excepted, runners = data
    return Walls(
        {name: frozenset(re.findall(r"`(\w+)`", may)) for name, may, _ in rows},
        frozenset(name for name, _, pure in rows if pure == "是"),
        frozenset(forbidden.split()),
        {module: frozenset(names.split()) for module, names in re.findall(r"^(\w+): (.*)$", excepted, re.M)},
        frozenset(runners.split()),
    )


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with an empty name."""

    line: int
    module: str
    name: str


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[Import]:
    """Every import of a module, also those inside functions and for type checkers, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module.split(".")
                base = parts[: len(parts) - node.level + (1 if is_package else 0)]
                origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node.lineno, origin, alias.name)


def faults(path: Path, source: str, walls: Walls) -> list[str]:
    """What a module of glasstunnel imports or calls and may not, each as `file:line: message`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    names = parts[:-1] if is_package else parts
    module = ".".join(["glasstunnel", *names])
    room = names[0] if len(parts) > 1 else ""  # "" is glasstunnel itself: its version, and `python -m`
    if room and room not in walls.allowed:
        return [f"{shown(path)}:1: the page {shown(PAGE)} does not speak of the package {room}"]
    tree = ast.parse(source, filename=str(path))
    runner = module in walls.runners or names[-1:] == ("__main__",)
    found = [
        f"{shown(path)}:{item.line}: {message}"
        for item in imports(tree, module, is_package)
        if (message := _fault(item, room, runner, walls)) is not None
    ]
    if room in walls.pure and not runner:
        found += [
            f"{shown(path)}:{node.lineno}: {room} is pure and does not call {node.func.id}()"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS
        ]
    return found


def _fault(item: Import, room: str, runner: bool, walls: Walls) -> str | None:
    """What is wrong with one import in the package `room` ("" is glasstunnel itself)."""
    top, *rest = item.module.split(".")
    full = f"{item.module}.{item.name}" if item.name else item.module
    if {item.module, full} & walls.runners:
        return f"{full} is a program; no module imports it"
    if top == "glasstunnel":
        target = rest[0] if rest else item.name
        allowed = walls.allowed.get(room, frozenset({"cli"} if runner else ()))
        if target in walls.allowed and target != room and target not in allowed:
            return f"{room or 'glasstunnel'} may not import {target}"
        return None
    if DOOR.get(top, room) != room:
        return f"{top} is imported by {DOOR[top]} alone"
    if top not in sys.stdlib_module_names:
        if top not in walls.allowed.get(room, ()):
            return f"{room or 'glasstunnel'} may not import {top}"
        return None
    if room in walls.pure and not runner and top in walls.forbidden:
        if item.name in walls.excepted.get(top, ()):
            return None
        return f"{room} is pure and may not import {full}"
    return None
