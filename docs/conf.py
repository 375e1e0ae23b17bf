"""How Sphinx builds these pages. Nothing here needs the network."""

from __future__ import annotations

import sys
from pathlib import Path

import tastemap

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "tastemap"
author = "The tastemap developers"
copyright = "2026, the tastemap developers"
version = release = tastemap.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "mathml",
    "reference",
]
exclude_patterns = ["_build"]
nitpicky = False

# Markdown
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

# Docstrings: Google style; a name in single backquotes is a link where it can be one.
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

# Looks
html_theme = "furo"
html_title = "tastemap"
html_static_path = ["_static"]
html_css_files = ["tastemap.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .go"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1f6f78",
        "color-brand-content": "#1f6f78",
        "color-brand-visited": "#1f6f78",
        "color-api-name": "#1f6f78",
        "color-api-pre-name": "#5c6b73",
        "color-api-keyword": "#5c6b73",
        "font-stack": "Inter, 'Source Sans 3', 'Segoe UI', system-ui, sans-serif",
        "font-stack--monospace": "'JetBrains Mono', 'Cascadia Code', Menlo, Consolas, monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc7cf",
        "color-brand-content": "#7cc7cf",
        "color-brand-visited": "#7cc7cf",
        "color-api-name": "#7cc7cf",
        "color-api-pre-name": "#9fb0b8",
        "color-api-keyword": "#9fb0b8",
    },
}
