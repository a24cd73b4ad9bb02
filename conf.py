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
    "noise_drawings",
    "bytecards",
    "bytestrip",
    "wireguard_drawings",
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
html_theme = "sphinx_rtd_theme"
html_theme_options = {"collapse_navigation": False}  # chapters open in the sidebar without a page load
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
# The first page is for the site; in the PDF its toctree gives the parts, and their pages the chapters.
latex_documents = [("index", "glasstunnel.tex", project, author, "manual", True)]
latex_use_xindy = False
latex_show_urls = "footnote"
latex_toplevel_sectioning = "part"
latex_elements = {
    "papersize": "a4paper",
    "pointsize": "11pt",
    "extraclassoptions": "openany,oneside",
    "geometry": r"\usepackage[hmargin=25mm,top=28mm,bottom=26mm,headheight=15pt]{geometry}",
    # Han from the Noto fonts, which have a real bold; where they are missing, from Fandol, which TeX brings.
    # Code is set in a font in which a Han character is as wide as two letters.
    "fontpkg": r"""
\setmainfont{FreeSerif}
\setsansfont{FreeSans}
\IfFontExistsTF{Noto Serif CJK SC}{
  \setCJKmainfont{Noto Serif CJK SC}[BoldFont=Noto Serif CJK SC Bold, ItalicFont=Noto Serif CJK SC]
  \setCJKsansfont{Noto Sans CJK SC}[BoldFont=Noto Sans CJK SC Bold, ItalicFont=Noto Sans CJK SC]
  \setCJKmonofont{Noto Sans Mono CJK SC}[Scale=0.86]
  \setmonofont{Noto Sans Mono CJK SC}[Scale=0.86, BoldFont=Noto Sans Mono CJK SC Bold]
}{
  \setCJKmainfont{FandolSong-Regular.otf}[BoldFont=FandolSong-Bold.otf, ItalicFont=FandolKai-Regular.otf]
  \setCJKsansfont{FandolHei-Regular.otf}[BoldFont=FandolHei-Bold.otf]
  \setCJKmonofont{FandolFang-Regular.otf}
  \setmonofont{FreeMono}[Scale=0.86]
}
""",
    "preamble": r"""
\XeTeXlinebreaklocale "zh"
\XeTeXlinebreakskip = 0pt plus 1pt
\xeCJKsetup{PunctStyle=quanjiao, CheckSingle=true}
\xeCJKDeclareCharClass{CJK}{"2460 -> "24FF}
\linespread{1.25}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em plus 0.2em}
% a long name in code may be broken after an underscore
\newcommand{\breakingunderscore}{\textunderscore\allowbreak}
\protected\def\sphinxcode#1{\texttt{\let\_\breakingunderscore#1}}
\titleformat{\chapter}[hang]{\Huge\sffamily\bfseries\color{TitleColor}}{第\thechapter 章}{0.8em}{}
\titlespacing*{\chapter}{0pt}{0pt}{1.5em}
\titleformat{\part}[display]{\centering\Huge\sffamily\bfseries\color{TitleColor}}{第\thepart 部分}{0.6em}{}
\renewcommand{\thepart}{\ifcase\value{part}\or 一\or 二\or 三\or 四\or 五\or 六\or 七\or 八\or 九\or 十\fi}
\AtBeginDocument{%
  \renewcommand{\contentsname}{目录}\renewcommand{\figurename}{图}\renewcommand{\tablename}{表}%
  \renewcommand{\chaptername}{章}}
""",
    "sphinxsetup": "TitleColor={rgb}{0.059,0.333,0.408}, InnerLinkColor={rgb}{0.08,0.44,0.54}, "
    "OuterLinkColor={rgb}{0.08,0.44,0.54}, verbatimwithframe=false, VerbatimColor={rgb}{0.96,0.97,0.98}, "
    "verbatimwrapslines=true, verbatimforcewraps=true, hmargin={25mm,25mm}",
    "fncychap": "",
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
    # makeindex and xindy both put Chinese entries under a meaningless letter: no index in the PDF.
    "printindex": "",
}
