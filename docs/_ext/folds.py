"""What a page folds away is not printed.

    :::{admonition} 报告
    :collapsible: closed

The rule: on the site a reader unfolds it; on paper nobody can, so the PDF leaves it out, and the page says
where it is. What the page has open stands in the PDF too.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata


class Unprinted(SphinxPostTransform):
    """Takes closed admonitions out of the document that LaTeX is given."""

    default_priority = 5  # before links into them are resolved
    formats = ("latex",)

    def run(self, **_: Any) -> None:
        """Change the document that is about to be written."""
        for admonition in list(self.document.findall(nodes.admonition)):
            if admonition.get("collapsible") == "closed":
                admonition.parent.remove(admonition)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(Unprinted)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
