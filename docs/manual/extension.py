"""
The extension of Sphinx that makes the manual: generated parts of pages, the index of
settings, metrics, routes and statuses, and links between pages.
"""

from __future__ import annotations

from typing import Any

from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from . import objects
from .generated import Generated
from .links import ObjectLinks, PageLinks


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything with Sphinx."""
    directives.register_directive("generated", Generated)
    objects.register(app)
    app.add_transform(PageLinks)
    app.add_transform(ObjectLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
