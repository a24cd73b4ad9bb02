"""What of a text can be looked for: runs of Han characters, and words of letters and digits.

The rule: the browser does the same to the query.  `fold`, `pieces` and `parts` have their twins in
`static/sphinxzh-search/tokens.js`, and a test compares the two on the same texts.

- Folding keeps the length: each character becomes its compatible form (full-width to half-width), its lower
  case and its simplified form, when these are one character too.  So a hit in the folded text is a hit at the
  same place of the text.  Characters outside the basic plane, which are two to JavaScript, stay as they are.
- Han is looked up by bigrams: every two neighbours are a term, and a character that stands alone is one.
- A word of letters is a term, and so are its parts: `wg_noise_init` is also wg, noise and init, `CipherState`
  also cipher and state, `wireguard-go` also wireguard and go.
"""

import re
import unicodedata
from functools import cache

HAN = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LETTERS = rf"[^\W{HAN}]+"
_PIECE = re.compile(rf"[{HAN}]+|{_LETTERS}(?:-{_LETTERS})*")
_HAN_RUN = re.compile(rf"[{HAN}]")
_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+|\d+")
BASIC_PLANE = 0xFFFF
LONGEST = 40  # characters of a word; what is longer is data, not a name
_DATA = re.compile(r"(?=.*\d)[0-9a-f]{12,}|\d{9,}")  # keys, hashes and the like


@cache
def simplified() -> dict[str, str]:
    """Traditional character to simplified character, from OpenCC, for the characters of the basic plane."""
    try:
        from opencc import OpenCC
    except ImportError:  # an extra: without it a character is only itself
        return {}
    convert = OpenCC("t2s").convert
    table: dict[str, str] = {}
    for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000)):
        if (new := convert(chr(code))) != chr(code) and len(new) == 1 and ord(new) < 0x10000:
            table[chr(code)] = new
    return table


class _Folds(dict[int, str]):
    """What each character is folded to, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code <= BASIC_PLANE:
            for change in (lambda c: unicodedata.normalize("NFKC", c), str.lower):
                changed = change(character)
                if len(changed) == 1 and ord(changed) <= BASIC_PLANE:
                    character = changed
            character = simplified().get(character, character)
        self[code] = character
        return character


@cache
def _folds() -> _Folds:
    return _Folds()


def fold(text: str) -> str:
    """`text` in the form in which it is compared; as long as it was.

    >>> fold("ＮＡＴ 協議")
    'nat 协议'
    """
    return text.translate(_folds())


def pieces(text: str) -> list[str]:
    """Runs of Han characters and words of letters and digits, also with hyphens, in their order, not folded.

    >>> pieces("DNS污染 与 wg_noise_init()")
    ['DNS', '污染', '与', 'wg_noise_init']
    """
    return _PIECE.findall(text)


def is_han(piece: str) -> bool:
    """Whether a piece is a run of Han characters."""
    return bool(_HAN_RUN.match(piece))


def grams(run: str) -> list[str]:
    """The terms of a run of Han characters.

    >>> grams("重放窗口"), grams("盐")
    (['重放', '放窗', '窗口'], ['盐'])
    """
    return [run[i : i + 2] for i in range(len(run) - 1)] if len(run) > 1 else [run]


@cache
def parts(word: str) -> tuple[str, ...]:
    """The terms of a word: itself, and its parts if there are several.  Nothing for keys and other data.

    >>> parts("wg_noise_init"), parts("CipherState")
    (('wg_noise_init', 'wg', 'noise', 'init'), ('cipherstate', 'cipher', 'state'))
    """
    whole = fold(word).strip("_-")
    if not whole or len(whole) > LONGEST or _DATA.fullmatch(whole):
        return ()
    found = [fold(part) for part in _PART.findall(unicodedata.normalize("NFKC", word))]
    found += re.split("[_-]", whole)
    return tuple(dict.fromkeys([whole, *(part for part in found if len(part) > 1)]))


def terms(text: str) -> list[str]:
    """Every term of a text, as often as it occurs there."""
    found: list[str] = []
    for piece in pieces(text):
        found += grams(fold(piece)) if is_han(fold(piece)) else parts(piece)
    return found
