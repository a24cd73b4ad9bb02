"""The walker over shown code: a literalinclude names a region that exists, and tests ran every line of it.

The rule: code is shown by `:pyobject:` or by markers in its text (`:start-at:`, `:start-after:`, `:end-at:`,
`:end-before:`), never by line numbers, which drift.  A whole file is shown only if it is short.  The region
is cut out by Sphinx's own reader, so it is what the page prints.  Python is held against the coverage of the
tests; configuration and data are not run; anything else says `% not executed: REASON`.
"""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from coverage import Coverage
from sphinx.config import Config
from sphinx.directives.code import LiteralIncludeReader

from tests.docs.pages import DOCS, ROOT, Block, Page, shown

WHOLE_FILE = 60  # lines that a file may have to be shown without naming a region
REGION = frozenset({"pyobject", "start-at", "start-after", "end-at", "end-before"})
DATA = frozenset({".conf", ".json", ".md", ".toml", ".txt", ".yaml"})


@dataclass(frozen=True)
class Region:
    """The lines of a file that a page shows; both ends are shown."""

    block: Block
    file: Path
    first: int
    last: int


def regions(page: Page) -> tuple[list[Region], list[str]]:
    """The regions that a page shows, and the faults of those that cannot be found."""
    found: list[Region] = []
    faults: list[str] = []
    for block in page.blocks:
        if block.directive != "literalinclude":
            continue
        try:
            region = region_of(block)
        except (OSError, ValueError) as error:
            faults.append(f"{block.where}: {error}")
            continue
        if region.file.suffix == ".py" and block.excuse:
            faults.append(f"{block.where}: Python that is shown is run by tests, and needs no excuse")
        elif region.file.suffix == ".py":
            found.append(region)
        elif region.file.suffix not in DATA and not block.excuse:
            faults.append(
                f"{block.where}: {shown(region.file)} is not run by tests; say `% not executed: REASON`"
            )
    return found, faults


def region_of(block: Block) -> Region:
    """The region that a literalinclude shows.  Raises OSError or ValueError where there is none."""
    named = block.argument
    file = (DOCS / named[1:] if named.startswith("/") else block.page.parent / named).resolve()
    if not file.is_relative_to(ROOT):
        raise ValueError(f"{named} is outside the repository")
    if "lines" in block.options or "diff" in block.options:
        raise ValueError("name an object or markers; line numbers drift")
    options: dict[str, Any] = {"encoding": "utf-8", "lineno-match": None}
    options |= {name: value for name, value in block.options.items() if name in REGION}
    reader = LiteralIncludeReader(file, options, cast(Config, SimpleNamespace(source_encoding="utf-8")))
    _, length = reader.read()
    if not REGION & set(options) and length > WHOLE_FILE:
        raise ValueError(f"{shown(file)} has {length} lines; name the region that the page speaks of")
    if not length:
        raise ValueError(f"the region of {shown(file)} is empty")
    return Region(block, file, reader.lineno_start, reader.lineno_start + length - 1)


def uncovered(region: Region, coverage: Coverage) -> str | None:
    """The lines of a region that no test ran, as a fault; None when there are none."""
    where = f"{region.block.where}: {shown(region.file)}:{region.first}-{region.last}"
    measured = {Path(name).resolve() for name in coverage.get_data().measured_files()}
    if region.file not in measured:
        return f"{where}: no test runs this file"
    _, _, excluded, missing, _ = coverage.analysis2(str(region.file))
    lines = [line for line in sorted({*missing, *excluded}) if region.first <= line <= region.last]
    if lines:
        return f"{where}: no test runs line {', '.join(map(str, lines))}"
    return None
