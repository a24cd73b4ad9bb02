"""What the look of the site is made of: inks that can be read, a lean style sheet, tags, addresses."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import inks
import look
from tests.docs.pages import DOCS, ROOT, book
from tests.docs.site import built

HERE = {
    "GLASSTUNNEL_SITE_URL": "https://book.example/glass/",
    "GLASSTUNNEL_EDIT_URL": "https://forge.example/us/e/main/",
}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def build(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Build a book of two pages, which is in no repository, as the real one is built."""
    source = folder / "docs"
    source.mkdir()
    (source / "index.md").write_text("# 首页\n\n话。\n\n```{toctree}\npart/page\n```\n", "utf-8")
    (source / "part").mkdir()
    (source / "part" / "page.md").write_text("# 一页\n\n见[别处](https://example.org/)。\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-n",
        "-W",
        "-q",
        "-c",
        str(ROOT),
        str(source),
        str(folder / "site"),
    ]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book that knows where it is published."""
    folder = tmp_path_factory.mktemp("published")
    done = build(folder, HERE)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "site"


def test_the_ratio_of_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("side", [0, 1], ids=["day", "night"])
def test_every_ink_can_be_read_on_its_ground(side: int) -> None:
    for token, ink in inks.INKS.items():
        for ground in (inks.GROUND[side], inks.CHOSEN[side]):
            assert contrast(ink[side], ground) >= 4.5, (token, ground)


def test_code_has_one_style_sheet_in_which_every_colour_follows_the_page() -> None:
    rules = inks.sheet().splitlines()
    colours = [rule for rule in rules if "color:" in rule or "background:" in rule]
    assert len(colours) == len(rules) > 10
    assert all(re.search(r": light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\)", rule) for rule in colours)
    assert any(".highlight .kn" in rule for rule in rules)  # a kind of keyword that the table does not name


def test_the_theme_s_style_sheet_keeps_its_text_and_loses_fonts_icons_and_absent_parts() -> None:
    original = (look.THEME / look.SHEET).read_text("utf-8")
    css = look.trimmed(original)
    assert len(css) < len(original) / 2
    assert "@font-face" not in css
    assert "url(" not in css
    assert "FontAwesome" not in css
    assert ".rst-content .admonition" in css
    assert css.count("{") == css.count("}")


def test_a_rule_is_kept_for_those_of_its_selectors_that_the_book_has() -> None:
    css = ".a,.fa-x{color:red}@font-face{src:url(x)}@media print{.btn{top:0}p{top:1}}"
    css += '.b:before{content:"\\f0c1"}'
    assert look.trimmed(css) == ".a{color:red}\n@media print{p{top:1}}"


def test_a_here_document_is_typed_and_what_follows_it_is_output() -> None:
    first = '<span class="gp"># </span>cat &gt; a &lt;&lt; <span class="s1">\'END\'</span>'
    file = '<span class="go">one</span>\n<span class="go">END</span>'
    rest = '<span class="gp"># </span>cat a\n<span class="go">one</span>\n</pre>'
    session = f'<div class="highlight-console"><pre>{first}\n{file}\n{rest}'
    made = look.typed(session)
    assert made.count('<span class="sh">') == 2
    assert made.endswith('cat a\n<span class="go">one</span>\n</pre>')


def test_a_published_page_says_where_it_is_and_where_it_can_be_edited(published: Path) -> None:
    page = (published / "part" / "page.html").read_text("utf-8")
    assert '<link rel="canonical" href="https://book.example/glass/part/page.html" />' in page
    assert '<meta property="og:url" content="https://book.example/glass/part/page.html" />' in page
    assert 'href="https://forge.example/us/e/main/docs/part/page.md">编辑此页</a>' in page
    (card,) = re.findall(r'property="og:image" content="https://book\.example/glass/([^"]*)"', page)
    assert (published / card).is_file()


def test_the_card_is_of_the_size_that_networks_ask_for() -> None:
    data = (ROOT / "_static" / "card.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1200, 630)
    assert len(data) < 100_000


def test_a_link_to_another_site_says_so(published: Path) -> None:
    page = (published / "part" / "page.html").read_text("utf-8")
    assert re.search(r'<a class="reference external" href="https://example\.org/" rel="external">', page)


def test_a_page_that_no_repository_holds_shows_no_date_and_no_warning(published: Path) -> None:
    assert "最近更新" not in (published / "index.html").read_text("utf-8")


def test_a_book_without_public_places_names_none(tmp_path: Path) -> None:
    done = build(tmp_path, dict.fromkeys(HERE, ""))
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "site" / "part" / "page.html").read_text("utf-8")
    for absent in ("canonical", "og:url", "og:image", "编辑此页"):
        assert absent not in page


@pytest.mark.parametrize("name", HERE)
def test_an_address_that_is_none_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    done = build(tmp_path, {**HERE, name: "book.example"})
    assert done.returncode != 0
    assert "'book.example'; it must be an address that begins with http and ends with /" in done.stderr


@pytest.mark.built
def test_every_page_has_a_description_of_its_own_and_the_language_of_the_book() -> None:
    described: dict[str, str] = {}
    for path in built("html").rglob("*.html"):
        page = path.read_text("utf-8")
        (description,) = re.findall(r'<meta name="description" content="([^"]+)"', page)
        assert described.setdefault(description, path.name) == path.name, path
        assert '<html class="writer-html5" lang="zh-CN"' in page
        assert page.count('name="viewport"') == 1
        assert len(re.findall(r"<script(?![^>]*\bsrc=)", page)) == 0, path  # none is inline
    assert len(described) > len(book())


@pytest.mark.built
def test_no_font_and_no_jquery_is_part_of_the_site() -> None:
    names = [path.name for path in built("html/_static").rglob("*")]
    assert [name for name in names if re.search(r"\.(woff2?|ttf|eot)$|jquery|fontawesome", name)] == []


@pytest.mark.built
def test_a_page_shows_the_day_on_which_git_saw_it_change() -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    page = built("html/reference/glossary.html").read_text("utf-8")
    if git("rev-parse", "--is-shallow-repository") != "false":
        return  # how it looks without git is asked of another book, above
    day = git(
        "log", "-1", "--format=%ad", "--date=format-local:%Y-%m-%d", "--", str(DOCS / "reference/glossary.md")
    )
    assert f'最近更新：<time datetime="{day}">' in page


@pytest.mark.parametrize("path", ["tests/axe/package-lock.json", "bench/lighthouse/package-lock.json"])
def test_what_comes_from_npm_is_pinned_by_checksum_and_bound_to_no_host(path: str) -> None:
    packages = json.loads((ROOT / path).read_text("utf-8"))["packages"]
    others = [package for name, package in packages.items() if name]
    assert others
    assert all(package["integrity"].startswith("sha512-") for package in others)
    assert not any("resolved" in package for package in others)
