"""How Sphinx makes the documentation: `make docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "qmfagent"
author = "the authors of qmfagent"
copyright = author
version = release = version_of("qmfagent")

extensions = ["myst_parser", "sphinx_click", "schema_reference"]
exclude_patterns = ["examples/nodejs/node_modules"]
source_suffix = {".md": "markdown"}
nitpicky = True

# Headings can be linked to as GitHub does it, so that the pages read the same there.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = f"qmfagent {version}"
html_show_sphinx = False
html_show_copyright = False
