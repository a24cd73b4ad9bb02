"""A small Chinese site in which everything clashes: the tests build it in every theme and by every Sphinx."""

project = "例"
version = release = "1"
project_copyright = "某人"
language = "zh_CN"
extensions = ["myst_parser", "sphinxzh", "sphinx.ext.autosectionlabel"]
autosectionlabel_prefix_document = True
suppress_warnings = ["autosectionlabel.*"]  # of headings that repeat: that is the point here
myst_heading_anchors = 3
numfig = True
html_copy_source = False
