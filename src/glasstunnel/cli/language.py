"""In which language a story is told: Chinese where the locale is Chinese, English otherwise.

Rule: only what tells a story (``demo``, ``diagnose``) is translated; commands, logs and errors are English
everywhere. The English text is the key; the Chinese stands in ``locale/zh/LC_MESSAGES/glasstunnel.po``.
Section: gettext(1), locale(7).
"""

from collections.abc import Callable
from gettext import translation
from pathlib import Path

DOMAIN = "glasstunnel"
LOCALE = Path(__file__).parent.parent / "locale"


def translator() -> Callable[[str], str]:
    """What turns English into the language of the environment: LANGUAGE, LC_ALL, LC_MESSAGES, LANG."""
    return translation(DOMAIN, LOCALE, fallback=True).gettext
