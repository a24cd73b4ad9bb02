"""The EPUB, read back: a package as EPUB 3 asks for it, in which every link leads somewhere."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import PurePosixPath
from urllib.parse import unquote, urldefrag
from zipfile import ZIP_STORED, ZipFile

import pytest

from tests.docs.pages import DOCS, book
from tests.docs.site import built

pytestmark = pytest.mark.built

OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What the archive holds."""
    with ZipFile(built("epub/glasstunnel.epub")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def package(files: dict[str, bytes]) -> ElementTree.Element:
    """The package document."""
    return ElementTree.fromstring(files["content.opf"])


def test_the_archive_begins_with_its_type_and_has_one_date() -> None:
    with ZipFile(built("epub/glasstunnel.epub")) as archive:
        first, *_ = archive.infolist()
        assert (first.filename, first.compress_type) == ("mimetype", ZIP_STORED)
        assert archive.read(first) == b"application/epub+zip"
        assert len({info.date_time for info in archive.infolist()}) == 1
        assert archive.testzip() is None


def test_it_says_what_it_is_in_chinese(package: ElementTree.Element) -> None:
    assert [node.text for node in package.iter(f"{DC}language")] == ["zh-CN"]
    assert [node.text for node in package.iter(f"{DC}title")] == ["玻璃隧道"]


def test_the_manifest_lists_what_is_there_with_its_properties(
    files: dict[str, bytes], package: ElementTree.Element
) -> None:
    items = {item.attrib["href"]: item.attrib for item in package.iter(f"{OPF}item")}
    assert set(items) == set(files) - {"mimetype", "META-INF/container.xml", "content.opf"}
    properties = {href: set(item.get("properties", "").split()) for href, item in items.items()}
    drawn = {name for name, text in files.items() if name.endswith(".xhtml") and b"<svg" in text}
    assert len(drawn) >= 5
    assert {href for href, values in properties.items() if "svg" in values} == drawn
    assert [href for href, values in properties.items() if "cover-image" in values] == ["_static/cover.svg"]
    assert [href for href, values in properties.items() if "nav" in values] == ["nav.xhtml"]


def test_every_page_of_the_book_is_in_it_in_order(package: ElementTree.Element) -> None:
    hrefs = {item.attrib["id"]: item.attrib["href"] for item in package.iter(f"{OPF}item")}
    spine = [hrefs[reference.attrib["idref"]] for reference in package.iter(f"{OPF}itemref")]
    pages = {path.relative_to(DOCS).with_suffix(".xhtml").as_posix() for path in book()}
    assert pages <= set(spine)
    assert len(spine) == len(set(spine))
    assert spine.index("tutorial/lab.xhtml") < spine.index("noise/ik.xhtml") < spine.index("genindex.xhtml")


def test_every_file_is_well_formed_and_every_link_leads_somewhere(files: dict[str, bytes]) -> None:
    trees = {name: ElementTree.fromstring(text) for name, text in files.items() if name.endswith(".xhtml")}
    ids = {name: {node.get("id") for node in tree.iter()} for name, tree in trees.items()}
    lost = []
    checked = 0
    for name, tree in trees.items():
        for node in tree.iter():
            for attribute in ("href", "src"):
                target = node.get(attribute, "#")
                if target == "#" or re.match(r"[a-z]+:", target):
                    continue
                path, fragment = urldefrag(unquote(target))
                there = resolved(name, path)
                checked += 1
                if there not in files or (fragment and fragment not in ids[there]):
                    lost.append(f"{name}: {target}")
    assert checked > 500
    assert lost == []


def resolved(page: str, path: str) -> str:
    """The name in the archive of what a page means by a relative address."""
    if not path:
        return page
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / path).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
