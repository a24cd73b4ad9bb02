"""How a story looks: numbered titles, indented lines, a bar while something long goes on.

Rule: colour and movement are for terminals only; what is piped into a file is plain text. NO_COLOR is
honoured (https://no-color.org/).
"""

import os
from typing import Final, TextIO

BOLD: Final = "1"
ACCENT: Final = "36"
_BAR: Final = 32


class Style:
    """Writes to one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._colour = self._terminal and not os.environ.get("NO_COLOR")

    def act(self, number: int, title: str, lines: list[str]) -> None:
        """A numbered title and its lines."""
        self._stream.write(f"{self._paint(f'{number}  {title}', BOLD, ACCENT)}\n")
        self._stream.writelines(f"   {line}\n" for line in lines)
        self._stream.write("\n")
        self._stream.flush()

    def progress(self, fraction: float) -> None:
        """A bar that is drawn over itself, and gone when the fraction is 1."""
        if self._terminal:
            done = round(fraction * _BAR)
            bar = f"   {'█' * done}{'░' * (_BAR - done)} {fraction:4.0%}" if fraction < 1 else ""
            self._stream.write(f"\r\x1b[K{bar}")
            self._stream.flush()

    def step(self, text: str) -> None:
        """What is being done, drawn over what was; "" when it is over."""
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text and f'   {text} …'}")
            self._stream.flush()

    def _paint(self, text: str, *codes: str) -> str:
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self._colour else text
