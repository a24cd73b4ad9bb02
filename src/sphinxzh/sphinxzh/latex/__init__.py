"""A Chinese PDF by `make latexpdf`, with nothing set in conf.py.

The rule: everything here is a default, and what conf.py says of the same thing wins.  Python decides which
region's fonts and which stand-ins are wanted; how the pages look stands in the two .sty files.  Only a
Chinese site that is built through xelatex, which is Sphinx's choice for Chinese, is touched.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

from sphinxzh.latex.fonts import can_tell, families_cover
from sphinxzh.latex.standins import follow
from sphinxzh.latex.tables import let_break

logger = logging.getLogger(__name__)

TEXINPUTS = Path(__file__).parent / "texinputs"
ELEMENTS = {
    "papersize": "a4paper",
    "pointsize": "11pt",
    "extraclassoptions": "openany,oneside",
    "geometry": r"\usepackage[hmargin=25mm,top=28mm,bottom=26mm,headheight=16pt]{geometry}",
    "fncychap": "",
}
#: Options of Sphinx's own style; those that conf.py names come after them.
SPHINXSETUP = (
    "verbatimwithframe=false, VerbatimColor={rgb}{0.96,0.97,0.98}, verbatimforcewraps=true, "
    "InnerLinkColor={rgb}{0.08,0.40,0.55}, OuterLinkColor={rgb}{0.08,0.40,0.55}"
)
#: What TeX needs for it: how to see that it is there, and the Debian package that brings it.
NEEDS = (
    ("xelatex", "texlive-xetex"),
    ("latexmk", "latexmk"),
    ("tabulary.sty", "texlive-latex-extra"),
    ("xeCJK.sty", "texlive-lang-chinese"),
    ("pzdr.tfm", "texlive-fonts-recommended"),
)
FONTS = (("FreeSerif", "fonts-freefont-otf"), ("Noto Serif CJK SC", "fonts-noto-cjk"))


def region(language: str) -> str:
    """Whose glyph forms a language tag asks for: SC, TC or HK."""
    tag = language.replace("-", "_").lower()
    if re.search(r"_(hk|mo)\b", tag):
        return "HK"
    return "TC" if re.search(r"_(tw|hant)", tag) else "SC"


def applies(config: Config) -> bool:
    """Whether the site is Chinese and its PDF is made by xelatex."""
    return bool(config.language.startswith("zh") and config.latex_engine == "xelatex")


def missing(*, with_fonts: bool) -> list[str]:
    """The Debian packages that this machine lacks for the PDF."""
    packages = [package for thing, package in NEEDS if not _is_there(thing)]
    if with_fonts and can_tell():
        packages += [package for font, package in FONTS if not families_cover(font)]
    return packages


def _is_there(thing: str) -> bool:
    if "." not in thing:
        return shutil.which(thing) is not None
    if shutil.which("kpsewhich") is None:
        return False
    return subprocess.run(["kpsewhich", thing], capture_output=True, check=False).returncode == 0


def _set_defaults(_app: Sphinx, config: Config) -> None:
    if not applies(config):
        return
    given: dict[str, Any] = {**config._raw_config, **config._overrides}
    elements = dict(config.latex_elements)
    setup = ", ".join(filter(None, (SPHINXSETUP, elements.pop("sphinxsetup", ""))))
    config.latex_elements = {
        **ELEMENTS,
        "fontpkg": _our_fonts(config),
        **elements,
        "sphinxsetup": setup,
    }
    config.latex_additional_files = [
        *config.latex_additional_files,
        *(str(path) for path in sorted(TEXINPUTS.glob("*.sty"))),
    ]
    if "latex_use_xindy" not in given:  # our sort keys need no xindy, a package of its own
        config.latex_use_xindy = False
    if "latex_show_urls" not in given:
        config.latex_show_urls = "footnote"
    if "latex_documents" not in given:
        start, _name, *rest = config.latex_documents[0]
        config.latex_documents = [(start, f"{_file_name(config.project)}.tex", *rest)]


def _our_fonts(config: Config) -> str:
    return rf"\usepackage[{region(config.language)}]{{sphinxzhfonts}}"


def _file_name(project: str) -> str:
    """The project's name without what TeX, make and shells would stumble over."""
    return re.sub(r"\W+", "", project).lower() or "book"


def _prepare(app: Sphinx) -> None:
    if app.builder.name == "latex" and applies(app.config):
        app.add_latex_package("sphinxzh", after_hyperref=True)
        app.connect("doctree-resolved", let_break)
        ours = app.config.latex_elements["fontpkg"] == _our_fonts(app.config)
        if ours:
            follow(app, region(app.config.language))
        if packages := missing(with_fonts=ours):
            logger.warning(
                "The PDF needs what this machine lacks; on Debian: apt-get install %s",
                " ".join(packages),
                type="sphinxzh",
                subtype="latex",
            )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Set the defaults."""
    app.connect("config-inited", _set_defaults, priority=700)
    app.connect("builder-inited", _prepare)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
