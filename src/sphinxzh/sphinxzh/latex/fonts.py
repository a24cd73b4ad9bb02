"""Which font has which character: of the fonts that sphinxzhfonts.sty sets, and of those that can stand in.

The rule: fontconfig is asked; a character counts as there only if every face of the family has it.
"""

import shutil
import subprocess
from functools import cache

ROLES = ("serif", "sans", "mono")
#: Asked in this order when a text font lacks a character; after them any outline font of the system.
STAND_INS = ("Symbola", "HanaMinA", "HanaMinB", "DejaVu Sans")
#: Of this one, 0.6 em wide, come frames and arrows in code.
NARROW = "FreeMono"
#: What xeCJK takes for Han, kana, hangul or their punctuation, and sets in the Chinese fonts.
WIDE = (
    (0x1100, 0x11FF),
    (0x2E80, 0xA4CF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)
WIDE_QUOTES = "‘’“”…—"


class Fonts:
    """The fonts of a region ("SC", "TC" or "HK") as they are on this machine."""

    def __init__(self, region: str) -> None:
        if families_cover(f"Noto Serif CJK {region}"):
            kinds = zip(ROLES, ("Serif", "Sans", "Sans Mono"), strict=True)
            self.han = {role: f"Noto {kind} CJK {region}" for role, kind in kinds}
            mono = self.han["mono"]
        elif region == "SC":
            self.han = {
                role: f"Fandol{kind}-Regular.otf"
                for role, kind in zip(ROLES, ("Song", "Hei", "Fang"), strict=True)
            }
            mono = "FreeMono"
        else:
            kai = "AR PL KaitiM Big5"
            self.han = {"serif": "AR PL Mingti2L Big5", "sans": kai, "mono": kai}
            mono = "FreeMono"
        self.latin = {"serif": "FreeSerif", "sans": "FreeSans", "mono": mono}

    def own(self, character: str, role: str) -> str:
        """The font in which xeCJK would set the character."""
        return (self.han if is_wide(character) else self.latin)[role]

    def that_has(self, character: str, role: str) -> str | None:
        """The font that has the character: the role's own if it can be; None if there is none."""
        own, other = self.own(character, role), (self.latin if is_wide(character) else self.han)[role]
        if (
            role == "mono"
            and is_drawn(character)
            and ord(character) in families_cover(f"{NARROW}:style=Regular")
        ):
            return NARROW
        candidates = [own, other, *STAND_INS]
        if is_circled(character):
            candidates.insert(0, STAND_INS[0])
        for font in candidates:
            if ord(character) in families_cover(font):
                return font
        found = _lines("fc-list", f":charset={ord(character):x}:outline=True:color=False", "family")
        return sorted(line.split(",")[0] for line in found)[0] if found else None


def is_drawn(character: str) -> bool:
    """Whether it is an arrow or a piece of a frame: one column wide on a terminal, two in a Chinese font."""
    return "\u2190" <= character <= "\u21ff" or "\u2500" <= character <= "\u259f"


def is_circled(character: str) -> bool:
    """Whether it is one of ① to ⓿ or ❶ to ❿: Noto draws ① and ➀ with one glyph, which copies as ➀."""
    return "\u2460" <= character <= "\u24ff" or "\u2776" <= character <= "\u277f"


def code_features(font: str) -> str:
    """The options of a font in code, where half an em of Noto Sans Mono at 0.86 is one column."""
    if font == NARROW:  # its other faces lack some pieces of frames
        return f"Scale=0.717,BoldFont={font},ItalicFont={font},BoldItalicFont={font}"
    return "Scale=0.86"


def is_wide(character: str) -> bool:
    """Whether xeCJK sets the character in the Chinese fonts."""
    return character in WIDE_QUOTES or any(first <= ord(character) <= last for first, last in WIDE)


def can_tell() -> bool:
    """Whether fontconfig's programs are there to be asked."""
    return shutil.which("fc-list") is not None


@cache
def families_cover(font: str) -> frozenset[int]:
    """The characters that every face of the font has; none if the machine lacks the font.

    A font is named by its family, or by a file of TeX's.
    """
    if font.endswith(".otf"):
        faces = [
            line for path in _lines("kpsewhich", font) for line in _lines("fc-query", "-f%{charset}\n", path)
        ]
    else:
        faces = _lines("fc-list", f":family={font}", "-f%{charset}\n")
    return frozenset.intersection(*(_charset(face) for face in faces)) if faces else frozenset()


def _charset(face: str) -> frozenset[int]:
    """Fontconfig writes "20-7e a0 …"."""
    characters: set[int] = set()
    for part in face.split():
        first, _, last = part.partition("-")
        characters.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(characters)


def _lines(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return [line for line in done.stdout.splitlines() if line.strip()]
