"""The documentation site: `make docs` builds it, warnings are errors."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_site"))

project = "brainplug"
author = "the brainplug authors"
release = metadata.version("brainplug")
extensions = ["myst_parser"]
exclude_patterns = ["_site"]
smartquotes = False  # what stands in quotes is copied
root_doc = "index"

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
nitpicky = True  # a link to nothing is an error

html_theme = "furo"
html_title = f"brainplug {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
highlight_language = "none"


def setup(app: Sphinx) -> None:
    """Write the reference from the program before its pages are read."""
    from reference import write_reference

    app.connect("builder-inited", lambda built: write_reference(Path(built.srcdir) / "reference"))
