"""The walker over Chinese typography: spacing between Han and Latin, punctuation, quotation marks.

The rules, each with a name that the message gives:

- spacing: a space between Han and Latin letters, digits or a code span; none beside full-width punctuation;
- punctuation: full-width marks in a Chinese sentence, half-width ones in Latin text; ellipsis ……, dash ——;
- quotes: “ ” and ‘ ’ in pairs; no straight quotes, no corner brackets;
- width: letters and digits are half-width;
- markup: no `**` is left over (Markdown does not end emphasis between a full-width mark and Han);
- paired: brackets and quotes open and close in order.

It reads prose as rendered (pages.Prose), so code, addresses and directive options are not looked at.
"""

import re

from tests.docs.pages import WORD, Page, Prose, shown

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
FULL = "，。、；：？！（）《》〈〉【】“”‘’…—·"
# Marks beside which no space stands.  Quotes and dashes may stand beside a space in Latin text, so not they.
TIGHT = "，。、；：？！（）《》【】"
LATIN = f"A-Za-z0-9{WORD}"

RULES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("spacing", re.compile(f"[{HAN}][{LATIN}@#$]"), "a space belongs between Han and Latin"),
    ("spacing", re.compile(f"[{LATIN}%℃°][{HAN}]"), "a space belongs between Latin and Han"),
    (
        "spacing",
        re.compile(f"[{HAN}{TIGHT}] +[{HAN}{TIGHT}]"),
        "no space between Han",
    ),
    ("spacing", re.compile(f"[{TIGHT}] +(?=[^ ])"), "no space after a full-width mark"),
    ("spacing", re.compile(f" +[{TIGHT}]"), "no space before a full-width mark"),
    ("spacing", re.compile(r"(?<=[^ \n|]) {2,}(?=[^ \n|])"), "one space, not several"),
    ("punctuation", re.compile(f"(?<=[{HAN}]) ?(?:,|[;:!?](?![A-Za-z0-9/]))"), "a half-width mark after Han"),
    ("punctuation", re.compile(f"[,;!?] ?[{HAN}]"), "a half-width mark before Han"),
    ("punctuation", re.compile(f"[{HAN}）”]\\.(?=\\s|$)"), "a half-width full stop in a Chinese sentence"),
    (
        "punctuation",
        re.compile(f"[{HAN}{TIGHT}]\\s?\\(|\\)\\s?[{HAN}{TIGHT}]"),
        "half-width brackets by Han",
    ),
    ("punctuation", re.compile(f"\\([^()]*[{HAN}][^()]*\\)"), "half-width brackets around Han"),
    ("punctuation", re.compile(f"[{HAN}]\\s?\\.{{2,}}|\\.{{2,}}\\s?[{HAN}]|。{{2,}}"), "an ellipsis is ……"),
    ("punctuation", re.compile(r"(?<!…)…(?!…)|…{3,}"), "an ellipsis is two characters, ……"),
    ("punctuation", re.compile(r"(?<!—)—(?!—)|—{3,}"), "a dash is two characters, ——"),
    ("punctuation", re.compile(f"[{HAN}]\\s?--+|--+\\s?[{HAN}]|[{HAN}]\\s?–|–\\s?[{HAN}]"), "a dash is ——"),
    ("punctuation", re.compile(r"[，。、；：？！]{2,}(?<![？！]{2})"), "one mark, not two"),
    ("quotes", re.compile("[「」『』]"), "quotation marks are “ ” and ‘ ’"),
    ("markup", re.compile(r"\*\*|(?<!`)``(?!`)"), "not rendered; put the mark outside the emphasis"),
    ("width", re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"), "letters and digits are half-width"),
)
STRAIGHT = re.compile("[\"']")
APOSTROPHE = re.compile("[A-Za-z0-9]'[A-Za-z0-9 ]?")
PAIRS = {"（": "）", "“": "”", "‘": "’", "《": "》", "【": "】"}


def faults(page: Page) -> list[str]:
    """What is wrong with the prose of a page, each as `file:line: rule: message`."""
    return [fault for prose in page.prose for fault in _faults(prose)]


def _faults(prose: Prose) -> list[str]:
    text = prose.text
    if not re.search(f"[{HAN}]", text):
        return []
    found: list[tuple[int, str]] = []
    # A line break in the source between Han and Han is nothing on the page (sphinxzh joins the lines), and
    # between Han and Latin it is the space.  Both are one character, so positions stay.
    flat = re.sub(f"(?<=[{HAN}{FULL}])\n(?=[{HAN}{FULL}])", "\u200b", text).replace("\n", " ")
    for rule, pattern, message in RULES:
        found += [(at.start(), f"{rule}: {message}: {_around(flat, at)}") for at in pattern.finditer(flat)]
    found += [
        (at.start(), f"quotes: quotation marks are “ ” and ‘ ’: {_around(flat, at)}")
        for at in STRAIGHT.finditer(flat)
        if not APOSTROPHE.fullmatch(flat[max(0, at.start() - 1) : at.end() + 1])
    ]
    found += _unpaired(flat)
    first = dict(reversed(found))  # one message a place is enough
    return [f"{shown(prose.page)}:{prose.line_of(at)}: {first[at]}" for at in sorted(first)]


def _unpaired(text: str) -> list[tuple[int, str]]:
    """Brackets and quotes that do not open and close in order.  ’ between Latin letters is an apostrophe."""
    found: list[tuple[int, str]] = []
    expected: list[tuple[str, int]] = []
    for position, character in enumerate(text):
        if character in PAIRS:
            expected.append((PAIRS[character], position))
        elif character in PAIRS.values():
            if character == "’" and re.match("[A-Za-z]", text[position - 1 : position]):
                continue
            if expected and expected[-1][0] == character:
                expected.pop()
            else:
                found.append((position, f"paired: {character} closes nothing"))
    found += [(position, f"paired: {text[position]} is never closed") for _, position in expected]
    return found


def _around(text: str, match: re.Match[str]) -> str:
    """The place in question with a little of what stands beside it."""
    excerpt = text[max(0, match.start() - 6) : match.end() + 6]
    return f"“{excerpt.replace(WORD, '`…`').replace(chr(0x200B), '')}”"
