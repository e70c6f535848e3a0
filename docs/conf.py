"""The site of the documentation: `make docs` builds it into build/site, and fails if anything is wrong with it.

Markdown pages are read by MyST, which also checks the links and anchors between them; autodoc writes the Python
reference from docstrings. Pages stay plain Markdown, readable without the site: what only the site needs is added here.
"""

import posixpath
import re

from auditor import __version__

project = "auditor"
version = release = __version__
copyright = "the authors of mad-auditor, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["conf.py"]
default_role = "code"  # `name` in docstrings
myst_heading_anchors = 4  # links to headings, as GitHub makes them
html_theme = "furo"
html_title = f"auditor {version}"
html_show_sourcelink = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

_SECTIONS = {
    "Tutorial": "tutorial",
    "How to": "how-to",
    "Reference": "reference",
    "Explanation": "explanation",
    "Measurements": "benchmarks",
}
_TOCTREE = "\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{folder}/*\n```\n"
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")


def _for_the_site(app, name, source):
    """Adds the tables of contents to the index; files outside of docs/ can be downloaded from the site."""

    def link(found):
        is_outside = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[1])).startswith("..")
        return f"](path:{found[1]})" if is_outside else found[0]

    if name == "index":
        source[0] += "".join(_TOCTREE.format(caption=each, folder=folder) for each, folder in _SECTIONS.items())
    source[0] = _LINK.sub(link, source[0])


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", _for_the_site)
