"""How the manual is made of its pages: C{sphinx-build -W -n docs DIRECTORY}."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from xmpprest import __version__  # noqa: E402

project = "xmpprest"
version = release = __version__
extensions = ["docs.manual.extension"]
exclude_patterns = ["examples", "performance"]
# Nothing is asked from anywhere else when a page is read.
html_theme = "alabaster"
html_theme_options = {
    "description": "An HTTP gateway to XMPP, beside any server",
    "fixed_sidebar": True,
    "page_width": "72rem",
    "body_max_width": "52rem",
}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_show_copyright = False
html_copy_source = False
# What has no language of its own is what somebody types, or reads in a terminal.
highlight_language = "none"
