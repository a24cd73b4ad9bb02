"""The walker over the blocks of a page: what is shown as code was run, or the page says why it was not.

The rule: `python` and `console` blocks run (prose.py); configuration and data are parsed; `text` is data and
must not look like a session.  Any other language needs `% not executed: REASON` on the line before it.
"""

import json
import re
import tomllib
from collections.abc import Callable

import yaml

from tests.docs.pages import Block, Page, shown

EXECUTED = frozenset({"python", "console"})
SESSION = re.compile(r"^(\$ |# |>>> |\.\.\. )", re.MULTILINE)
SKIP = re.compile(r"#\s*doctest:.*\+SKIP")
FORBIDDEN_DIRECTIVES = {
    "eval-rst": "write it in MyST, where the walkers can read it",
    "raw": "the PDF and the search index cannot read it",
    "code-cell": "nothing here runs cells; use a python block",
}


def faults(page: Page) -> list[str]:
    """What is wrong with the blocks of a page, each as `file:line: message`."""
    found = [f"{shown(page.path)}:{line}: {message}" for line, message in page.strays]
    for block in page.blocks:
        message = fault(block)
        if message:
            found.append(f"{block.where}: {message}")
    return found


def fault(block: Block) -> str | None:
    """What is wrong with one block."""
    language = block.language
    if language is None:
        why = FORBIDDEN_DIRECTIVES.get(block.directive)
        return f"the directive {block.directive} has no place in this book: {why}" if why else None
    if language == "":
        return "the block names no language (text, if it is data)"
    if language == "text" or language in PARSERS:
        if block.excuse:
            return f"{language} is data and needs no excuse"
        return data_fault(language, block.content)
    if block.excuse:
        return None
    if language not in EXECUTED:
        return f"{language} is not executed; say why with `% not executed: REASON` before it"
    if SKIP.search(block.content):
        return "a skipped example is not executed; excuse the block or run it"
    return None


def data_fault(language: str, content: str) -> str | None:
    """What is wrong with a block of data."""
    if language == "text":
        if SESSION.search(content):
            return "this looks like a session; make it a console or python block"
        return None
    try:
        PARSERS[language](content)
    except (ValueError, yaml.YAMLError) as error:
        return f"not valid {language}: {' '.join(str(error).split())}"
    return None


def parse_configuration(content: str) -> None:
    """A file in the form of wg-quick: sections may repeat, and a line is `Key = value`."""
    section = ""
    for line in content.splitlines():
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", bare):
            section = heading[1]
        elif not section or not re.fullmatch(r"\w+\s*=\s*\S.*", bare):
            raise ValueError(f"expected `[Section]` or `Key = value`, found {bare!r}")


PARSERS: dict[str, Callable[[str], object]] = {
    "ini": parse_configuration,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
