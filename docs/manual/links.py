"""
Turns links between files into links between pages. The pages are plain
reStructuredText: they link to C{../reference/json.rst}, which also works where the
files are read as they are.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

#: A page or an example, named as code by its path from the root of the repository.
_PATH = re.compile(r"docs/(?P<page>[\w/-]+)\.rst|docs/(?P<file>examples/[\w.-]+)")


class PageLinks(SphinxTransform):
    """
    Replaces each link to a file of C{docs} by a link to its page, or to a download.
    """

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Replace links, and code that is a path."""
        for link in list(self.document.findall(nodes.reference)):
            path = self._pathOf(link.get("refuri", ""))
            if path is not None:
                link.replace_self(_link(path, link.astext(), self.env.docname))
        for code in list(self.document.findall(nodes.literal)):
            found = _PATH.fullmatch(code.astext())
            if found is not None and not isinstance(code.parent, nodes.reference):
                path = code.astext().removeprefix("docs/")
                text = path if found["file"] else None
                code.replace_self(_link(path, text, self.env.docname))

    def _pathOf(self, uri: str) -> str | None:
        """
        Return the path of the file that a link leads to, relative to C{docs}.

        README.rst, which pages include, links from the root of the repository.

        @return: C{None} if the link leads elsewhere.
        """
        if re.match(r"[a-z]+:|#|$", uri):
            return None
        if uri.startswith("docs/"):
            return uri.removeprefix("docs/")
        here = posixpath.dirname(self.env.docname)
        return posixpath.normpath(posixpath.join(here, uri))


def _link(path: str, text: str | None, here: str) -> nodes.Element:
    """
    Make a link for Sphinx to resolve.

    @param path: The file, relative to C{docs}.
    @param text: The words of the link; C{None} for the title of the page.
    @param here: The page that has the link.
    """
    page, dot, _ = path.partition(".rst")
    if not dot:
        words = nodes.literal(text, text)
        return addnodes.download_reference("", "", words, reftarget=f"/{path}")
    return addnodes.pending_xref(
        "",
        nodes.inline("", text or page),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{page}",
        refdoc=here,
        refexplicit=text is not None,
        refwarn=True,
    )
