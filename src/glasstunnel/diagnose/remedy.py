"""One way to mend a cause: commands, who obeys them, and how to take them back.

Rule: every command is for a root shell on Ubuntu 24.04 and Debian 12 unless ``as_root`` says otherwise, is
complete unless it names a PLACEHOLDER in capitals, writes files of its own where the system has a folder for
them, and keeps a copy of any other. Section: the book's page on mending.
"""

from dataclasses import dataclass

COPY = ".before-diagnose"
"""What the name of a copy ends with."""


@dataclass(frozen=True)
class Remedy:
    """One way to mend it."""

    code: str  # which: a key of the story's REMEDIES
    heeded_by: str  # who obeys it: "system" (every program here), "shell", "daemon", "" for nobody: advice
    commands: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # keys of the story's WARNINGS
    as_root: bool = True  # else by whoever pulls
    file: str = ""  # that has to hold these lines, or it does not last
    lines: tuple[str, ...] = ()
