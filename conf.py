"""Sphinx configuration of the book 玻璃隧道.  It stands at the root of the repository and builds `docs/`:

sphinx-build -c . docs _build/html        (or simply: make html)
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "docs" / "_ext"))  # directives that only this book needs

# -- The project ------------------------------------------------------------------------------------------
project = "玻璃隧道"
author = "glasstunnel 的作者们"
project_copyright = "2026 glasstunnel 的作者们；文字 CC BY-SA 4.0，代码 MIT"
version = release = "0.1.0"
language = "zh_CN"

# -- Reading ----------------------------------------------------------------------------------------------
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinxzh",
]
exclude_patterns = ["_ext", "**/_*"]
nitpicky = True
myst_enable_extensions = [
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "fieldlist",
]
myst_heading_anchors = 3
numfig = True
highlight_language = "none"  # a block without a language is data
autodoc_typehints = "description"

# -- HTML -------------------------------------------------------------------------------------------------
html_theme = "sphinx_rtd_theme"
html_title = "玻璃隧道：看得见的 VPN"
html_short_title = "玻璃隧道"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_favicon = "_static/favicon.svg"
html_logo = "_static/logo.svg"
templates_path = ["_templates"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

# -- PDF --------------------------------------------------------------------------------------------------
latex_engine = "xelatex"
latex_documents = [("index", "glasstunnel.tex", project, author, "manual")]
latex_elements = {"papersize": "a4paper"}
