"""Tables that go on over the page.

The rule: a table of more than a few rows may break between two of them.  Sphinx itself lets only tables of
more than thirty rows break; a shorter one whose rows are tall runs out of the page, and its end is lost.
"""

from docutils import nodes
from sphinx.application import Sphinx

MOST = 8
"""Rows of the body with which a table stays in one piece: of any height they leave room on a page."""


def let_break(_app: Sphinx, doctree: nodes.document, _name: str) -> None:
    """Give every longer table the class that makes it a ``longtable``."""
    for table in doctree.findall(nodes.table):
        rows = sum(len(body.children) for body in table.findall(nodes.tbody))
        if rows > MOST and "longtable" not in table["classes"] and not _is_nested(table):
            table["classes"].append("longtable")


def _is_nested(table: nodes.table) -> bool:
    """Whether it stands in another table, or has one in it: LaTeX breaks neither."""
    parent = table.parent
    while parent is not None:
        if isinstance(parent, nodes.table):
            return True
        parent = parent.parent
    return any(inner is not table for inner in table.findall(nodes.table))
