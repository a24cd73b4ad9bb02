"""The words of the site: which Han bigrams are words, and how the site's own terms are read in pinyin.

The rule: the words come from jieba with the site's terms added, in a tokenizer of its own, so that the stock
search index stays what it would be without us.
"""

import re
from collections.abc import Iterable
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

from sphinx.errors import ConfigError

from sphinxzh.search.tokens import fold, is_han, pieces

# Words that only ask, and particles: they say what kind of answer is wanted, not what it is about.
ASKING = frozenset(
    """
    如何 怎么 怎么样 怎么办 怎么回事 怎样 怎样才 为什么 为何 什么 什么是 是什么 什么样 什么时候
    哪里 哪些 哪个 哪几个 哪 谁 几 多少 是否 能否 能不能 可不可以 可以 会不会 有没有 是不是 要不要 应该
    到底 究竟 一下 请问 这个 那个 这些 那些 的 了 吗 呢 吧 啊 么 是 在 和 与 或 把 被 也 还 很
    我 你 它 他 们 这 那 我们 你们 他们 它们 自己
    会 能 要 让 就 都 又 再 才 只 着 过 得 地 从 给 为 而 但 之 其 所 于
    一直 总是 老是
    多久 多大 多长 为啥 咋 原因 有什么 会怎样 会怎么样 需要 必须 可能 已经 还是 以及 如果 因为 所以 但是 而且
    how what why when where which who is are was the an of to in on and or for with do does can it this that
    """.split()  # noqa: SIM905  (a list of words, to be read as one)
)
# A line of a user dictionary as jieba reads it: the word, which may hold spaces, its count, its kind.
_LINE = re.compile(r"(?P<word>.+?)(?: [0-9]+)?(?: [a-z]+)?")


def user_words(wanted: object, folder: Path, setting: str) -> list[str]:
    """The words of a user dictionary: a list of words, or a file in jieba's format (word, count, tag).

    Raises ConfigError, with the setting's name, for anything else and when the file cannot be read.
    """
    if not wanted:
        return []
    if isinstance(wanted, str | PathLike):
        return _read(folder / wanted, setting)
    if isinstance(wanted, list | tuple | set | frozenset) and all(isinstance(word, str) for word in wanted):
        return [word.strip() for word in wanted if word.strip()]
    raise ConfigError(f"{setting}: expected a list of words or the name of a file, got {wanted!r}.")


def _read(path: Path, setting: str) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{setting}: the user dictionary {path} cannot be read ({error.__class__.__name__}): "
        raise ConfigError(message + "expected a UTF-8 file with one word a line.") from error
    found = (_LINE.fullmatch(line.strip()) for line in lines if not line.startswith("#"))
    return [line["word"] for line in found if line]


class Words:
    """Cuts text into words."""

    def __init__(self, own: Iterable[str]) -> None:
        import jieba

        self.own = sorted({run for word in own for run in map(fold, pieces(word)) if is_han(run)})
        self._tokenizer: Any = jieba.Tokenizer()
        self._tokenizer.tmp_dir = jieba.dt.tmp_dir
        self._tokenizer.initialize()
        for word in self.own:
            if len(word) > 1:
                self._tokenizer.add_word(word)

    def of(self, texts: Iterable[str]) -> set[str]:
        """The Han words of two and more characters in some texts, also those inside longer ones."""
        runs = {run for text in texts for run in map(fold, pieces(text)) if is_han(run)}
        return {word for run in runs for word in self._tokenizer.cut_for_search(run) if len(word) > 1}


def readings(characters: Iterable[str]) -> dict[str, list[str]]:
    """The characters by the syllables, without tones, that each of them can be read as."""
    by_syllable: dict[str, list[str]] = {}
    for character in sorted(set(characters)):
        for syllable in _syllables(character):
            by_syllable.setdefault(syllable, []).append(character)
    return dict(sorted(by_syllable.items()))


@cache
def _syllables(character: str) -> list[str]:
    try:
        from pypinyin import Style, pinyin
    except ImportError:  # an extra: without it nothing is typed as pinyin
        return []
    found = pinyin(character, heteronym=True, style=Style.NORMAL, errors="ignore", v_to_u=False)
    return sorted({s for s in found[0] if s.isascii() and s.isalpha()}) if found else []
