"""Chinese sites for the tests, and Sphinx in a process of its own; a warning is an error."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SITE = Path(__file__).parent / "site"  # in which everything clashes


def write(
    folder: Path,
    pages: dict[str, str],
    language: str = "zh_CN",
    extensions: Sequence[str] = ("sphinxzh",),
) -> Path:
    """Write the source of a small site; its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = f"project = '例'\nlanguage = {language!r}\nextensions = {list(extensions)!r}\n"
    settings += "exclude_patterns = ['built']\n"
    (folder / "conf.py").write_text(settings, "utf-8")
    for name, text in pages.items():
        (folder / f"{name}.rst").write_text(text, "utf-8")
    return folder


def build(source: Path, built: Path, *options: str, builder: str = "html") -> Path:
    """Build a site; where it is."""
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-n", "-W", "--keep-going", "-q", *options]
    trees = built.with_name(f"{built.name}-doctrees")
    done = subprocess.run(
        [*command, "-d", str(trees), str(source), str(built)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return built
