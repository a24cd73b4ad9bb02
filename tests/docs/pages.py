"""The pages of the book as the walkers see them: one reader, so that all of them mean the same by "block".

The rule: a page is read with MyST's own parser and the extensions that conf.py names, never with regular
expressions over the source, so a walker sees what the reader of the site will see.  Directives whose body is
Markdown are read into; those whose body is code or data are not.
"""

import ast
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

# What the body of a directive is.  A directive in neither set has Markdown inside (note, figure, table …).
CODE_DIRECTIVES = frozenset({"code", "code-block", "sourcecode"})
DATA_DIRECTIVES = frozenset(
    {
        "automodule", "autoclass", "autofunction", "autodata", "autoexception", "contents", "csv-table",
        "doctest", "eval-rst", "image", "include", "index", "literalinclude", "math", "mermaid", "raw",
        "testcleanup", "testcode", "testoutput", "testsetup", "toctree",
    }
)  # fmt: skip
EXCUSE = re.compile(r"not executed:\s*(?P<reason>.*)")
# `% continues: config.md`: the console session of that page goes on here, in the same shell.
CONTINUES = re.compile(r"continues:\s*(?P<page>\S+)")
# `% in the scenario: NAME`: what follows runs on the client of that scenario of the laboratory of a failed
# pull (tests/diagnose/lab_scenarios.py), in a shell of its own.
SCENARIO = re.compile(r"in the scenario:\s*(?P<name>\S+)")
# Stands in rendered prose for what is not prose: an inline code span or the like, which counts as a word.
WORD = "\N{OBJECT REPLACEMENT CHARACTER}"
# Stands for text that only Sphinx knows, such as the title of the page that is referred to.
UNKNOWN = "\N{WORD JOINER}"


@dataclass(frozen=True)
class Excuse:
    """`% not executed: REASON`, standing directly before a block."""

    reason: str
    line: int


@dataclass(frozen=True)
class Block:
    """A fenced block: code of some language, or a directive with its argument, options and body."""

    page: Path
    line: int  # of the opening fence, from 1
    end_line: int  # of the closing fence
    directive: str  # "" for a plain fence
    argument: str  # the language of a code block
    options: dict[str, str]
    content: str
    content_line: int  # of the first line of `content`
    excuse: Excuse | None
    scenario: str = ""  # of the laboratory of a failed pull, in which it runs

    @property
    def language(self) -> str | None:
        """The language of a code block, "" when it names none; None for what is not a code block."""
        return self.argument if self.directive in {"", *CODE_DIRECTIVES} else None

    @property
    def where(self) -> str:
        """`file:line`, as an editor understands it."""
        return f"{shown(self.page)}:{self.line}"


@dataclass(frozen=True)
class Prose:
    """One run of prose (a paragraph, heading, cell) as rendered: a code span is `WORD`, a link its text."""

    page: Path
    line: int
    kind: str  # "heading", "paragraph", "cell"
    text: str  # "\n" where the source breaks the line

    def line_of(self, position: int) -> int:
        """The line of the page on which the character at `position` stands."""
        return self.line + self.text.count("\n", 0, position)


@dataclass(frozen=True)
class Link:
    """The target of a link or image, as written."""

    page: Path
    line: int
    target: str


@dataclass
class Page:
    """What a page is made of, in order."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    prose: list[Prose] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    strays: list[tuple[int, str]] = field(default_factory=list)  # (line, what is wrong with the markup there)
    continues: Path | None = None  # the page whose console session goes on here
    scenario: str = ""  # the last one that the page names

    def session(self) -> Iterator[Block]:
        """The console blocks that run before those of this page: those of the pages that it continues."""
        if self.continues is not None:
            before = read(self.continues)
            yield from before.session()
            yield from (block for block in before.blocks if block.language == "console" and not block.excuse)


def book() -> list[Path]:
    """Every page of the book, in a fixed order."""
    return sorted(path for path in DOCS.rglob("*.md") if not {"_ext", "_build"} & set(path.parts))


def shown(path: Path) -> str:
    """`path` from the root of the repository, for messages."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def read(path: Path, text: str | None = None) -> Page:
    """Read the page at `path`, or `text` as if it stood there."""
    page = Page(path)
    source = path.read_text(encoding="utf-8") if text is None else text
    _walk(page, source, offset=0)
    return page


@functools.cache
def _parser() -> MarkdownIt:
    """MyST's Markdown parser with the extensions of conf.py."""
    tree = ast.parse((ROOT / "conf.py").read_text(encoding="utf-8"))
    extensions = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "myst_enable_extensions"
    )
    return create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML)


def _walk(page: Page, source: str, offset: int) -> None:
    """Read Markdown whose first line is line `offset` + 1 of the page."""
    excuse: Excuse | None = None
    kinds: list[str] = []
    sections = 0
    for token in _parser().parse(source):
        first, last = token.map or (0, 0)
        line = offset + first + 1
        if token.type == "myst_line_comment":
            excuse = _excuse(page, token.content, line)
            if found := CONTINUES.match(token.content.strip()):
                page.continues = page.path.parent / found["page"]
            if found := SCENARIO.match(token.content.strip()):
                page.scenario = found["name"]
            continue
        if token.type in {"fence", "colon_fence"}:
            block = replace(_block(page.path, token, line, offset + last, excuse), scenario=page.scenario)
            if excuse and block.language is None and block.directive != "literalinclude":
                page.strays.append((line, "“% not executed” stands before something that is no code"))
            page.blocks.append(block)
            if block.directive == "toctree" and sections:
                page.strays.append(
                    (line, "a toctree stands before the first section, or the PDF nests its pages")
                )
            if block.language is None and block.directive not in DATA_DIRECTIVES:
                _walk(page, block.content, block.content_line - 1)
                if block.argument:
                    _prose(page, _parser().parseInline(block.argument), line, "paragraph")
        elif excuse:
            page.strays.append((excuse.line, "“% not executed” must stand directly before a code block"))
        excuse = None
        if token.type == "code_block":
            page.strays.append((line, "an indented block of code: fence it and name its language"))
        elif token.type.endswith("_open"):
            sections += token.type == "heading_open" and token.tag != "h1"
            kinds.append(token.type.removesuffix("_open"))
        elif token.type.endswith("_close"):
            kinds.pop()
        elif token.type == "inline":
            kind = "cell" if kinds[-1] in {"th", "td"} else kinds[-1]
            _prose(page, [token], line, kind)
    if excuse:
        page.strays.append((excuse.line, "“% not executed” must stand directly before a code block"))


def _excuse(page: Page, comment: str, line: int) -> Excuse | None:
    """The excuse in a `%` comment, if it is one; an excuse without a reason is none."""
    for number, text in enumerate(comment.splitlines()):
        if found := EXCUSE.match(text.strip()):
            if len(found["reason"].strip()) < 4:
                page.strays.append((line + number, "“% not executed:” gives no reason"))
            return Excuse(found["reason"].strip(), line + number)
    return None


def _block(page: Path, token: Token, line: int, end_line: int, excuse: Excuse | None) -> Block:
    """A fence token taken apart: a directive's options are told from its body."""
    named = re.fullmatch(r"\{([^}]+)\}\s*(.*)", token.info.strip(), re.DOTALL)
    if named is None:
        language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
        return Block(page, line, end_line, "", language, {}, token.content, line + 1, excuse)
    lines = token.content.splitlines(keepends=True)
    options: dict[str, str] = {}
    used = 0
    if lines and lines[0].strip() == "---":
        used = 1
        while used < len(lines) and lines[used].strip() != "---":
            key, _, value = lines[used].partition(":")
            options[key.strip()] = value.strip().strip("\"'")
            used += 1
        used += 1
    else:
        while used < len(lines) and (option := re.match(r"\s*:([\w-]+):(.*)", lines[used])):
            options[option[1]] = option[2].strip()
            used += 1
    if used and used < len(lines) and not lines[used].strip():
        used += 1  # the blank line that parts options and body
    return Block(
        page,
        line,
        end_line,
        named[1],
        named[2].strip(),
        options,
        "".join(lines[used:]),
        line + 1 + used,
        excuse,
    )


def _prose(page: Page, tokens: Sequence[Token], line: int, kind: str) -> None:
    """Add the prose and the links of inline tokens."""
    text = "".join(_rendered(page, tokens, line))
    if text.strip():
        page.prose.append(Prose(page.path, line, kind, text))


def _rendered(page: Page, tokens: Sequence[Token], line: int) -> Iterator[str]:
    before = ""
    for token in tokens:
        if token.type == "link_close" and before == "link_open":
            yield UNKNOWN
        before = token.type
        if token.type == "inline":
            yield from _rendered(page, token.children or [], line)
        elif token.type == "text":
            yield token.content
        elif token.type in {"softbreak", "hardbreak"}:
            yield "\n"
        elif token.type == "link_open":
            page.links.append(Link(page.path, line, str(token.attrs["href"])))
        elif token.type == "image":
            page.links.append(Link(page.path, line, str(token.attrs["src"])))
            yield WORD
        elif token.type == "myst_role" and token.meta["name"] in {"term", "ref", "doc", "numref", "abbr"}:
            title, target = _titled(token.content)
            yield title or (UNKNOWN if token.meta["name"] in {"ref", "doc", "numref"} else target)
        elif token.type in {"code_inline", "myst_role"}:
            yield WORD


def _titled(content: str) -> tuple[str, str]:
    """`title <target>` of a role taken apart; the title is empty when only a target is given."""
    found = re.fullmatch(r"(.*?)\s*<(.+)>", content, re.DOTALL)
    return (found[1], found[2]) if found else ("", content)
