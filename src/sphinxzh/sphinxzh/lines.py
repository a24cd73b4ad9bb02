"""A line break in the source between two Han characters is no space on the page.

The rule: a paragraph may be written over several lines, as in any other language.  HTML shows a line break
as a space, which is right between Latin words and wrong between Han characters or beside full-width
punctuation, so there the break is taken out.  Beside a letter, a digit or a code span it stays, and is the
space that belongs there.
"""

import re
from itertools import pairwise

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.segmenter import is_chinese

HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WIDE = HAN + "\u3000-\u303f\uff01-\uff60\uffe0-\uffe6"
MARKS = WIDE + "“”‘’…—·"  # these may stand beside Latin too, so one of them is not enough
_BREAK = re.compile(f"(?<=[{MARKS}])[ \t]*\n[ \t]*(?=[{WIDE}])|(?<=[{WIDE}])[ \t]*\n[ \t]*(?=[{MARKS}])")
_OTHER = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for what is no prose: code, an image


def joined(text: str) -> str:
    """`text` without the line breaks that Han characters do not want.

    >>> joined("先握手，\\n再传输；用\\nUDP\\n传输。")
    '先握手，再传输；用\\nUDP\\n传输。'
    """
    return _BREAK.sub("", text)


class JoinLines(SphinxTransform):
    """Takes the breaks out of every run of prose, also where emphasis or a link begins or ends at one."""

    default_priority = 700  # translations have been put in by then

    def apply(self, **kwargs: object) -> None:
        """Change the document, if the site is Chinese."""
        if is_chinese(self.config.language):
            for node in list(self.document.findall(nodes.TextElement)):
                if not isinstance(node.parent, nodes.TextElement) and not isinstance(
                    node, nodes.FixedTextElement
                ):
                    _join(node)


def _join(element: nodes.TextElement) -> None:
    """Join the lines of one paragraph, whose text is spread over several nodes."""
    pieces = [node for node in element.findall() if isinstance(node, nodes.Text | nodes.image)]
    prose = [isinstance(node, nodes.Text) and not isinstance(node.parent, nodes.literal) for node in pieces]
    texts = [str(node) if is_prose else _OTHER for node, is_prose in zip(pieces, prose, strict=True)]
    whole = "".join(texts)
    if "\n" not in whole:
        return
    ends = [0]
    for text in texts:
        ends.append(ends[-1] + len(text))
    dropped = {at for found in _BREAK.finditer(whole) for at in range(*found.span())}
    for node, is_prose, (start, end) in zip(pieces, prose, pairwise(ends), strict=True):
        if is_prose and dropped.intersection(range(start, end)):
            kept = "".join(whole[at] for at in range(start, end) if at not in dropped)
            node.parent.replace(node, nodes.Text(kept))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the transform."""
    app.add_transform(JoinLines)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
