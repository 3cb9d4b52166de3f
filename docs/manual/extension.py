"""
What the manual needs of Sphinx: pages into which something is generated, and links
where a page or a file is named.
"""

from __future__ import annotations

from typing import Any

from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from .generated import Generated
from .links import PageLinks


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    directives.register_directive("generated", Generated)
    app.add_transform(PageLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
