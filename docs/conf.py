"""How the site is built: offline, from what the checkout holds.

    python -m sphinx -W -j 2 docs docs/_build/html

Pages are Markdown (MyST); code cells are executed while it is built. The reference is generated
from the code, by docs/_ext/generated.py.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

from suite import __version__  # noqa: E402 - the checkout's, whatever is installed

project = "ConvGauge"
author = "the ConvGauge authors"
release = version = __version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "generated",
    "kernels",
]
exclude_patterns = ["_build", "_ext", "_static"]
source_suffix = {".md": "myst-nb"}

# Markdown
myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Code cells. They are executed anew whenever their page is read: results follow the code.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 60
# Cells run in the page's own folder, and so find what lies beside it.
nb_execution_in_temp = False
nb_merge_streams = True

# The public interface. Docstrings are Google's style, with Markdown's single backticks for code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

# What it looks like
html_theme = "furo"
html_title = "ConvGauge"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#005a8f",
        "color-brand-content": "#005a8f",
        "color-brand-visited": "#6b3f7d",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6cb8ea",
        "color-brand-content": "#6cb8ea",
        "color-brand-visited": "#cfa3e0",
    },
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = "$ "
