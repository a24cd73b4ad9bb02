"""jieba is imported without its noise, and nobody else's warnings are lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sphinxzh.segmenter import is_chinese
from tests.sphinxzh.conftest import build_site


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that compiles every module anew and for which a warning is an error."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder), "TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


# docutils, Sphinx and the like may warn on a Python newer than they are, and that is not the matter here.
OTHERS_FIRST = "import warnings\nwith warnings.catch_warnings(action='ignore'):\n    import sphinx.search\n"


def test_jieba_warns_when_it_is_imported_as_it_is(tmp_path: Path) -> None:
    done = python(f"{OTHERS_FIRST}import jieba", tmp_path)
    assert done.returncode != 0
    assert "invalid escape sequence" in done.stderr


def test_jieba_is_silent_when_sphinxzh_imports_it(tmp_path: Path) -> None:
    code = "from sphinxzh import segmenter\nsegmenter.load()\nimport jieba\nprint(jieba.lcut('握手失败'))"
    quiet = OTHERS_FIRST.replace("import sphinx.search", "import sphinx.application, sphinx.search")
    done = python(f"{quiet}{code}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['握手', '失败']\n"


@pytest.mark.parametrize(
    "fault",
    [
        "compile(chr(34) + chr(92) + '.' + chr(34), 'site.py', 'eval')",
        "warnings.warn('invalid escape sequence', SyntaxWarning)",
        "warnings.warn('pkg_resources is deprecated as an API', DeprecationWarning)",
    ],
)
def test_a_warning_of_the_site_itself_is_not_hidden(fault: str, tmp_path: Path) -> None:
    quiet = OTHERS_FIRST.replace("import sphinx.search", "import sphinx.application, sphinx.search")
    done = python(f"{quiet}from sphinxzh import segmenter\nsegmenter.load()\n{fault}", tmp_path)
    assert done.returncode != 0


def test_a_build_says_nothing_of_jieba_and_keeps_its_dictionary_beside_the_doctrees(
    chinese_site: Path, stock_site: Path
) -> None:
    assert "prefix dict" in (stock_site.parent / "stderr").read_text("utf-8").lower()
    assert (chinese_site.parent / "stderr").read_text("utf-8") == ""
    assert list((chinese_site / ".doctrees").glob("jieba*.cache"))


def test_the_stock_index_is_cut_as_without_us_and_the_dictionary_is_read_once(tmp_path: Path) -> None:
    """Sphinx doubles the sum of the counts, and then these words are not cut into characters."""
    page = "重放窗口与字段\n==============\n\n控制套接字。\n"
    plain = build_site(tmp_path / "plain", [], page=page)
    ours = build_site(tmp_path / "ours", ["sphinxzh.segmenter"], page=page)
    assert (plain / "searchindex.js").read_bytes() == (ours / "searchindex.js").read_bytes()
    code = (
        "from sphinxzh import segmenter\nsegmenter.load()\nimport sphinx.search.zh as zh\n"
        "def read(path):\n    raise AssertionError(path)\nzh.jieba_load_userdict = read\n"
        "from sphinx.cmd.build import main\nraise SystemExit(main(['-q', 'source', 'again']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "ours", check=False)
    assert done.returncode == 0


def test_an_english_site_is_left_as_it_is(tmp_path: Path) -> None:
    page = "Title\n=====\n\nA line\nbreak.\n"
    plain = build_site(tmp_path / "plain", [], "en", page)
    ours = build_site(tmp_path / "ours", ["sphinxzh"], "en", page)
    for name in ("index.html", "_static/language_data.js", "searchindex.js"):
        assert (plain / name).read_bytes() == (ours / name).read_bytes()


@pytest.mark.parametrize(
    ("language", "chinese"), [("zh_CN", True), ("zh-TW", True), ("zh", True), ("en", False), ("zha", False)]
)
def test_a_language_code_tells_chinese(language: str, chinese: bool) -> None:
    assert is_chinese(language) is chinese
