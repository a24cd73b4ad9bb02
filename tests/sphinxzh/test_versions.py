"""sphinxzh with every Sphinx that it promises, from 8.0 on, in three themes: builds, anchors, search."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import opened
from tests.docs.pages import ROOT
from tests.sphinxzh.reading import read
from tests.sphinxzh.sites import SITE
from tools import versions

pytestmark = pytest.mark.versions

READ = {
    "html": "sphinx_rtd_theme",
    "dirhtml": "furo",
}  # how readers get it, and the themes that it is built in
BUILDS = [
    *READ.items(),
    ("html", "alabaster"),
    *(("singlehtml", theme) for theme in ("sphinx_rtd_theme", "furo", "alabaster")),
    ("latex", "alabaster"),
    ("gettext", "alabaster"),
]


@cache
def sites(version: str) -> Path:
    """The site in which everything clashes, built by one version in every way.  A warning fails."""
    python = versions.environment(version)
    if python is None:
        pytest.skip(versions.missing(version))
    folder = versions.FOLDER / f"sites-{version}"

    def build(one: tuple[str, str]) -> str:
        name, theme = one
        command = [
            str(python),
            "-m",
            "sphinx",
            "-b",
            name,
            "-D",
            f"html_theme={theme}",
            "-n",
            "-W",
            "-q",
            "-E",
        ]
        command += ["--keep-going", "-d", str(folder / f"doctrees-{name}-{theme}"), str(SITE)]
        done = subprocess.run(
            [*command, str(folder / f"{name}-{theme}")],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src" / "sphinxzh")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr or f"status {done.returncode}" if done.returncode else ""

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = dict(zip(BUILDS, pool.map(build, BUILDS), strict=True))
    assert {one: fault for one, fault in faults.items() if fault} == {}
    return folder


@pytest.fixture(params=versions.PYTHONS)
def built(request: pytest.FixtureRequest) -> Path:
    """The sites of one version."""
    return sites(request.param)


def test_the_environment_has_the_version_that_its_lock_names_and_no_extra() -> None:
    tried = 0
    for version in versions.PYTHONS:
        if (python := versions.environment(version)) is None:
            continue
        listed = subprocess.run(
            [python, "-m", "pip", "list"], capture_output=True, text=True, check=True
        ).stdout
        assert re.search(rf"^sphinx +{re.escape(version)}\.", listed, re.MULTILINE | re.IGNORECASE)
        assert not re.search(r"^(opencc|pypinyin) ", listed, re.MULTILINE | re.IGNORECASE)
        tried += 1
    assert tried >= 3


def test_headings_have_the_same_anchors_with_every_version(built: Path) -> None:
    anchors = [name for _, name in read(built / "html-alabaster" / "甲.html").headings()]
    assert {"甲-握手", "保活-握手", "tls-握手", "_25-秒", "ascii-label", "第三次"} <= set(anchors)
    assert len(set(anchors)) == 12


@pytest.mark.parametrize("theme", ["sphinx_rtd_theme", "furo", "alabaster"])
def test_every_link_of_the_single_page_leads_to_one_element(theme: str, built: Path) -> None:
    page = read(built / f"singlehtml-{theme}" / "index.html")
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert set(page.fragments) - set(page.ids) == set()
    assert {"甲/保活-握手", "乙/丁/握手", "document-丙", "markdown/e-临时公钥"} <= set(page.fragments)


def test_the_links_of_the_pdf_have_labels(built: Path) -> None:
    (tex,) = (path.read_text("utf-8") for path in (built / "latex-alabaster").glob("*.tex"))
    labels = set(re.findall(r"\\label\{\\detokenize\{([^}]*)\}\}", tex))
    assert set(re.findall(r"\\hyperref\[\\detokenize\{([^}]*)\}\]", tex)) <= labels
    assert r"\label{\detokenize{_u7532:_u4fdd_u6d3b-_u63e1_u624b}}" in tex


def test_translators_get_every_heading(built: Path) -> None:
    assert 'msgid "TLS 握手"' in (built / "gettext-alabaster" / "甲.pot").read_text("utf-8")


@pytest.mark.parametrize(("name", "theme"), [one for one in BUILDS if "html" in one[0]])
def test_a_reader_searches_and_lands_on_the_section(
    name: str, theme: str, built: Path, browser: Browser
) -> None:
    with opened(browser) as (page, troubles):
        page.goto((built / f"{name}-{theme}" / "index.html").as_uri())
        page.locator("[role=combobox]").fill("秒一次")
        option = page.locator("[role=option]").first
        expect(option).to_contain_text("保活")
        option.click()
        expect(page.locator("mark.sphinxzh-hit").first).to_be_in_viewport()
        assert "保活" in page.evaluate("decodeURIComponent(location.hash)")
        assert troubles.all() == []


@pytest.mark.parametrize("theme", ["sphinx_rtd_theme", "furo", "alabaster"])
def test_the_sidebar_follows_the_reader(theme: str, built: Path, browser: Browser) -> None:
    with opened(browser, viewport={"width": 1440, "height": 700}) as (page, troubles):
        page.goto((built / f"singlehtml-{theme}" / "index.html").as_uri() + "#甲/tls-警报")
        expect(page.locator('a[aria-current="location"]').last).to_have_attribute("href", "#甲/tls-警报")
        assert troubles.all() == []
