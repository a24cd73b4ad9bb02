"""Links: to a commit and not to a branch; and inside the built site to what exists."""

from pathlib import Path

import pytest

from tests.docs import links
from tests.docs.pages import ROOT, book, read, shown
from tests.docs.site import built

COMMIT = "3d3c92b4711bd0ab5b9ba7ae1ee6e4ab0e1ad1f5"
SOURCES = sorted(
    path
    for folder in ("src", "docs/_ext", "tests", "tools", "bench")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
SOURCES.append(ROOT / "conf.py")


@pytest.mark.parametrize("path", [*book(), *sorted(ROOT.glob("*.md"))], ids=shown)
def test_every_link_to_code_names_a_commit(path: Path) -> None:
    assert links.faults(read(path)) == []


def test_every_link_to_code_in_the_source_names_a_commit() -> None:
    assert [
        fault for path in SOURCES for fault in links.faults_in_source(path, path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/WireGuard/wireguard-go/blob/master/device/send.go",
        "https://github.com/WireGuard/wireguard-go/tree/HEAD/device",
        "https://github.com/WireGuard/wireguard-go/blob/v0.0.1/README.md#L3",
        "https://github.com/WireGuard/wireguard-go/blob/3d3c92b/README.md",
        "https://raw.githubusercontent.com/WireGuard/wireguard-go/main/README.md",
        "https://gitlab.com/a/b/-/blob/main/x.c",
        "https://codeberg.org/a/b/src/branch/main/x.c",
        "https://android.googlesource.com/platform/system/netd/+/refs/heads/main/x.h",
        "https://git.zx2c4.com/wireguard-linux/tree/drivers/net/wireguard/noise.c",
    ],
)
def test_a_link_to_what_moves_is_found(url: str) -> None:
    (fault,) = links.faults(read(Path("made-up.md"), f"x\n\n见 [这里]({url})。\n"))
    assert fault.startswith("made-up.md:3: ")
    assert len(links.faults_in_source(Path("x.py"), f"# see {url}\n")) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"https://github.com/WireGuard/wireguard-linux-compat/blob/{COMMIT}/src/noise.c#L309",
        f"https://raw.githubusercontent.com/WireGuard/wireguard-go/{COMMIT}/README.md",
        f"https://git.zx2c4.com/wireguard-linux/tree/drivers/net/wireguard/noise.c?id={COMMIT}",
        f"https://gitlab.com/a/b/-/blob/{COMMIT}/x.c",
        "https://github.com/sphinx-doc/sphinx/issues/7406",
        "https://github.com/WireGuard/wireguard-go",
        "https://www.wireguard.com/papers/wireguard.pdf",
        "other.md#label",
    ],
)
def test_a_link_to_what_stays_passes(url: str) -> None:
    assert links.faults(read(Path("made-up.md"), f"见 [这里]({url})。\n")) == []


@pytest.mark.built
@pytest.mark.parametrize("folder", ["html", "singlehtml"])
def test_every_link_inside_the_site_leads_somewhere(folder: str) -> None:
    assert links.site_faults(built(folder)) == []


@pytest.mark.built
def test_no_page_loads_anything_from_another_site() -> None:
    assert list(links.outside(built("html").rglob("*.html"))) == []


def test_a_link_into_the_void_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<p id="there">', "utf-8")
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">x</a>\n<a href="b.html#gone">x</a>\n<img src="gone.png">\n'
        '<a href="#gone">x</a>\n<a href="https://example.org/">x</a>\n<a href="#">x</a>\n',
        "utf-8",
    )
    assert links.site_faults(tmp_path) == [
        "a.html:2: b.html#gone leads to no id in b.html",
        "a.html:3: gone.png leads to no file",
        "a.html:4: #gone leads to no id in a.html",
    ]


def test_a_script_from_another_site_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text(
        '<script src="https://cdn.example.org/x.js"></script>\n<link rel="stylesheet" href="//x.org/y.css">\n'
        '<a href="https://example.org/">x</a><link rel="canonical" href="https://example.org/"/>\n'
        '<script src="_static/x.js"></script>\n',
        "utf-8",
    )
    assert len(list(links.outside([page]))) == 2
