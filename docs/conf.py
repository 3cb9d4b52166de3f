"""The configuration of the manual: C{sphinx-build -W -n docs DIRECTORY}."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from xmpprest import __version__  # noqa: E402

project = "xmpprest"
version = release = __version__
extensions = ["docs.manual.extension"]
# The pages use docutils' own directive "class", not Python's.
primary_domain = None
exclude_patterns = ["examples", "explanation/performance"]
# No page asks any other server for anything: Furo brings its own files.
html_theme = "furo"
html_title = f"xmpprest {version}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_show_copyright = False
html_copy_source = False
# A block without a language is the output of a program.
highlight_language = "none"
