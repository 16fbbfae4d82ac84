"""The documentation site. `make docs` builds it; it needs no network, neither to build nor to read."""

import sys
from dataclasses import is_dataclass
from pathlib import Path

from sphinx.application import Sphinx

import gilscope
from gilscope.html.theme import DARK, LIGHT, MONO, SANS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "gilscope"
author = "The gilscope authors"
project_copyright = author
release = version = gilscope.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "commands", "offline"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes = False
exclude_patterns = ["README.md"]

# Docstrings: numpydoc sections; types in the signatures; members in the order of the source.
default_role = "code"
numpydoc_show_class_members = False
autodoc_default_options = {"undoc-members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88

# A reference to a name of gilscope must resolve. Other projects' names cannot: their indexes are on the network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!gilscope\.).*")]

html_theme = "furo"
html_theme_options = {  # the colours of the reports
    f"{mode}_css_variables": {
        "font-stack": SANS,
        "font-stack--monospace": MONO,
        "color-api-name": colors["link"],
        "color-api-pre-name": colors["muted"],
        "color-brand-primary": colors["link"],
        "color-brand-content": colors["link"],
        "color-background-primary": colors["paper"],
        "color-background-secondary": colors["panel"],
        "color-code-background": colors["panel"],
        "color-background-border": colors["rule"],
        "color-foreground-primary": colors["ink"],
        "color-foreground-secondary": colors["muted"],
        "color-held": colors["held"],
        "color-released": colors["released"],
    }
    for mode, colors in (("light", LIGHT), ("dark", DARK))
}
html_title = f"gilscope {release}"
html_static_path = ["_static"]
html_css_files = ["gilscope.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "native"


def without_signature(app: Sphinx, what: str, name: str, thing: object, *_: object) -> tuple[str, str] | None:
    """A dataclass without its signature: its fields stand below, each with its type."""
    return ("", "") if what == "class" and is_dataclass(thing) else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", without_signature)
