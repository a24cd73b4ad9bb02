"""The wall within the room: the probes alone see, and everything else judges without seeing anything."""

import ast
from pathlib import Path

import pytest

from glasstunnel import diagnose

ROOM = Path(diagnose.__file__).parent
EYES = {
    *("asyncio", "ctypes", "dns", "glob", "httpx2", "multiprocessing", "os", "pathlib", "select"),
    *("selectors", "shutil", "socket", "ssl", "subprocess", "tempfile", "threading", "time"),
}
JUDGES = sorted(path for path in ROOM.rglob("*.py") if "probe" not in path.parts)


@pytest.mark.parametrize("path", JUDGES, ids=lambda path: str(path.relative_to(ROOM)))
def test_what_judges_has_no_eyes(path: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "input", "print")
    assert not {name.partition(".")[0] for name in names} & EYES
    assert not [name for name in names if "probe" in name.split(".")]
