"""Sites of several pages, and what a build says of them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CONF = """\
project = "例子手册"
author = "作者"
language = "zh_CN"
extensions = ["sphinxzh"]
html_theme = "basic"
"""


def write_site(folder: Path, pages: Mapping[str, str], conf: str = "") -> Path:
    """The sources of a site in `folder`, whose conf.py sets nothing but these lines more."""
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "conf.py").write_text(CONF + conf, "utf-8")
    for name, text in pages.items():
        (source / name).write_text(text, "utf-8")
    return source


def run(
    source: Path, builder: str, environment: Mapping[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Build a site beside its sources, where a warning is an error; a variable that is None is unset."""
    variables: dict[str, str | None] = {**os.environ, "LATEXMKOPTS": "-quiet", **(environment or {})}
    how: list[str | Path] = ["-M", builder, source, source.parent] if builder == "latexpdf" else [
        "-b", builder, "-d", source.parent / f"trees-{builder}", source, source.parent / builder
    ]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *how, "-n", "-W", "--keep-going", "-q"],
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def build(source: Path, builder: str, environment: Mapping[str, str | None] | None = None) -> Path:
    """The folder of what was built without a warning."""
    done = run(source, builder, environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return source.parent / builder.removesuffix("pdf")
