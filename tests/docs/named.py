"""Tests that a page names as its grounds, written `tests/folder/test_file.py::test_name`."""

import re

from tests.docs.pages import ROOT

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def named(text: str) -> list[tuple[str, str]]:
    """The tests that a text names: file and function."""
    return _TEST.findall(text)


def missing(text: str) -> list[str]:
    """Those of them that are not there."""
    return [
        f"{file}::{name}"
        for file, name in named(text)
        if not (ROOT / file).is_file()
        or not re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    ]
