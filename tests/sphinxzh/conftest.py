"""Small Chinese sites, built by Sphinx in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Build = Callable[..., Path]

PAGE = """\
隧道
====

这一页讲握手与重放窗口，**先握手**，
再传输数据；用
UDP
传输。见 :ref:`握手
一节 <section>`，再看 ``代码``
与正文，由计算
机处理。

.. _section:

Handshake
---------

The handshakes are authenticated.
"""


def build_site(folder: Path, extensions: list[str], language: str = "zh_CN", page: str = PAGE) -> Path:
    """Build a site of one page; the folder of its html.  A warning is an error."""
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "conf.py").write_text(
        f"project = '例'\nlanguage = {language!r}\nextensions = {extensions!r}\n", "utf-8"
    )
    (source / "index.rst").write_text(page, "utf-8")
    built = folder / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", str(source), str(built)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr, "utf-8")
    return built


@pytest.fixture(scope="session")
def chinese_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Chinese site that uses sphinxzh."""
    return build_site(tmp_path_factory.mktemp("zh"), ["sphinxzh"])


@pytest.fixture(scope="session")
def stock_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same site without sphinxzh."""
    return build_site(tmp_path_factory.mktemp("stock"), [])
