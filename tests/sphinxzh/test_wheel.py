"""The distribution: it holds every file, and with plain Sphinx and nothing of ours beside it makes a site."""

import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.docs.pages import ROOT

PROJECT = ROOT / "src" / "sphinxzh"


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """What a command prints; it must succeed, and without a word of complaint."""
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Shipped:
    """The two files that are shipped."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """The wheel and the sdist, built without the network by the environment's hatchling."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    return Shipped(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))


def test_the_wheel_and_the_sdist_hold_every_file_and_the_licence(shipped: Shipped) -> None:
    package = PROJECT / "sphinxzh"
    files = {
        path.relative_to(PROJECT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {Path(name).suffix for name in files} >= {".py", ".js", ".css", ".typed"}
    inside = {name for name in zipfile.ZipFile(shipped.wheel).namelist() if ".dist-info/" not in name}
    assert inside == files
    with tarfile.open(shipped.sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert files | {"LICENSE", "README.md", "pyproject.toml"} <= packed
    licences = [name for name in zipfile.ZipFile(shipped.wheel).namelist() if name.endswith("/LICENSE")]
    assert [zipfile.ZipFile(shipped.wheel).read(name) for name in licences] == [
        (ROOT / "LICENSE").read_bytes()
    ]


def test_the_sdist_builds_the_same_wheel(shipped: Shipped, tmp_path: Path) -> None:
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", tmp_path, shipped.sdist)
    assert (tmp_path / shipped.wheel.name).read_bytes() == shipped.wheel.read_bytes()


def needed(names: list[str]) -> Iterator[Distribution]:
    """The distributions of these names and all that they require here, without extras."""
    seen: set[str] = set()
    while names:
        name = names.pop().lower()
        if name not in seen:
            seen.add(name)
            yield (found := distribution(name))
            for line in found.requires or ():
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    names.append(requirement.name)


@pytest.fixture(scope="module")
def plain(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel, and what its metadata asks for."""
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    asked = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    for found in needed([Requirement(line).name for line in asked]):
        for top in {
            path.parts[0] for path in found.files or () if path.parts[0] not in {"..", "__pycache__"}
        }:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(found.locate_file(top))))
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", *options, shipped.wheel)
    return folder / "bin"


def test_a_fresh_environment_with_plain_sphinx_makes_a_chinese_site(plain: Path, tmp_path: Path) -> None:
    python = plain / "python"
    where = "import sphinxzh, importlib.util as u; print(sphinxzh.__file__, u.find_spec('glasstunnel'))"
    file, other = run(python, "-c", where, folder=tmp_path).split()
    assert Path(file).is_relative_to(plain.parent)
    assert other == "None"
    quickstart = ("sphinx.cmd.quickstart", "-q", "-p", "山中笔记", "-a", "山人", "-l", "zh_CN", "--no-sep")
    run(python, "-m", *quickstart, "--extensions", "sphinxzh", tmp_path / "notes")
    (tmp_path / "notes" / "index.rst").write_text("山中笔记\n========\n\n握手与重放窗口。\n", "utf-8")
    run(python, "-m", "sphinx", "-n", "-W", "-q", tmp_path / "notes", tmp_path / "html", folder=tmp_path)
    static = tmp_path / "html" / "_static"
    assert "山中笔记" in (static / "sphinxzh-search" / "index.js").read_text("utf-8")
    shown = {path.name for path in (PROJECT / "sphinxzh" / "search" / "static").rglob("*") if path.is_file()}
    assert shown <= {path.name for path in static.rglob("*")}
