"""Sphinx configuration of the book 玻璃隧道.  It stands at the root of the repository and builds `docs/`:

sphinx-build -c . docs _build/html        (or simply: make html)
"""

import os
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
    "sphinxzh.mermaid",
    "noise_drawings",
    "bytecards",
    "bytestrip",
    "packetcards",
    "wireguard_drawings",
    "timer_states",
    "performance",
    "performance_profile",
    "toyvpn_costs",
    "toyvpn_cards",
    "toyvpn_drawings",
    "toyvpn_measured",
    "diagnose_drawings",
    "diagnose_tunnel_drawings",
    "folds",
    "look",  # brings sphinxext.opengraph
    "notfound.extension",
    "sphinx_copybutton",
    "sphinx_last_updated_by_git",
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
# [noise.c](compat:src/noise.c#L309): the kernel's WireGuard at the last commit of its out-of-tree form.
myst_url_schemes = {
    "http": None,
    "https": None,
    "mailto": None,
    "compat": "https://github.com/WireGuard/wireguard-linux-compat/blob/"
    "3d3c92b4711b42169137b2ddf42ed4382e2babdf/{{path}}#{{fragment}}",
}
numfig = True
highlight_language = "python"  # of what literalinclude shows; a fence names its own
autodoc_typehints = "description"

# A forge marks the line of a file by script, so the page itself has no such anchor.
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]

# -- HTML -------------------------------------------------------------------------------------------------
# Where the site and its sources can be reached: addresses that end with a slash.  There is no public place
# yet; who publishes the book sets them here or in the environment.  With the first, pages have canonical
# addresses and social cards; with the second, a link "编辑此页" to that address and `docs/…`.
html_baseurl = os.environ.get("GLASSTUNNEL_SITE_URL", "")
html_context = {
    "edit_url": os.environ.get("GLASSTUNNEL_EDIT_URL", ""),
    "description": "一本能运行的书：一条 VPN 隧道究竟怎样工作。书里的每个例子都是正在运行的代码。",
}

html_theme = "sphinx_rtd_theme"
html_theme_options = {"collapse_navigation": False}  # every page is in the sidebar of every page
html_title = "玻璃隧道：看得见的 VPN"
html_short_title = "玻璃隧道"
html_static_path = ["_static"]
html_css_files = ["colours.css", "frame.css", "book.css"]
html_js_files = [("book.js", {"defer": "defer"})]
html_favicon = "_static/favicon.svg"
html_logo = "_static/logo.svg"
templates_path = ["_templates"]
pygments_style = "inks.Day"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = "%Y-%m-%d"
suppress_warnings = ["git"]  # in an archive, without git, in a shallow clone: pages then show no date
ogp_description_length = 120
ogp_social_cards = {"enable": False}  # one card for all pages, _static/card.png, needs no matplotlib
copybutton_exclude = ".linenos, .gp, .go, .gt"  # a copied session is its commands
notfound_urls_prefix = "/"
notfound_template = "404.html"
notfound_context = {"title": "没有这一页"}

# -- PDF --------------------------------------------------------------------------------------------------
# What any Chinese PDF wants, sphinxzh sets.
# The first page is for the site; in the PDF its toctree gives the parts, and their pages the chapters.
latex_documents = [("index", "glasstunnel.tex", project, author, "manual", True)]
latex_toplevel_sectioning = "part"
latex_elements = {
    "sphinxsetup": "TitleColor={rgb}{0.059,0.333,0.408}, InnerLinkColor={rgb}{0.08,0.44,0.54}, "
    "OuterLinkColor={rgb}{0.08,0.44,0.54}",
    "preamble": r"\setcounter{tocdepth}{1}",  # the contents name chapters and their sections
    "tableofcontents": r"""
\thispagestyle{empty}\vspace*{\fill}
{\small\setlength{\parskip}{0.8em}
本书由 glasstunnel 的源码生成：印出的代码就是源码里的原文，每一行都有测试跑过；
印出的终端记录，都由测试在真的网络命名空间里敲出来，再逐字比对。

文字与插图以 CC BY-SA 4.0 许可发布（\url{https://creativecommons.org/licenses/by-sa/4.0/}），
代码以 MIT 许可发布。

本项目未经安全审计。“WireGuard”是 Jason A. Donenfeld 的注册商标；本书与 glasstunnel 并非由他制作或认可。
\par}
\clearpage
\sphinxtableofcontents
""",
}


# -- EPUB -------------------------------------------------------------------------------------------------
epub_basename = "glasstunnel"
epub_uid = "glasstunnel"
epub_identifier = "glasstunnel"
epub_description = "WireGuard 与 Noise：一本会运行的书"
epub_cover = ("_static/cover.svg", "")
epub_tocscope = "includehidden"
epub_exclude_files = ["_static/sphinxzh-search"]
