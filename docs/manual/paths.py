"""
Makes a link of each path that stands in the text, so that the pages are plain
reStructuredText: they say C{docs/json.rst}, wherever they are read.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

#: A page, or a file that can be had.
_PATH = re.compile(r"docs/(?P<page>[\w-]+)\.rst|docs/(?P<example>examples/[\w.-]+)")


class Paths(SphinxTransform):
    """
    The links; the text of that to a page is its title.
    """

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Replace what names a path."""
        for literal in list(self.document.findall(nodes.literal)):
            found = _PATH.fullmatch(literal.astext())
            if found is not None and not isinstance(literal.parent, nodes.reference):
                literal.replace_self(_link(found, literal, self.env.docname))


def _link(found: re.Match[str], literal: nodes.literal, here: str) -> nodes.Element:
    if found["page"] is None:
        target = f"/{found['example']}"
        return addnodes.download_reference("", "", literal.deepcopy(), reftarget=target)
    return addnodes.pending_xref(
        "",
        nodes.inline("", found["page"]),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{found['page']}",
        refdoc=here,
        refexplicit=False,
        refwarn=True,
    )
