"""
Makes links of paths and names. The pages are plain reStructuredText: they link to
files, as in C{../reference/json.rst}, so that the links also work without Sphinx.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from .overview import NAMES

#: The page whose links lead to the term in the words of the link.
_GLOSSARY = "reference/glossary.rst"


class PageLinks(SphinxTransform):
    """
    Replaces each link to a file of C{docs} by a link to its page, to a term of the
    glossary, or to a download.
    """

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Replace the links of the page."""
        for link in list(self.document.findall(nodes.reference)):
            path = self._pathOf(link.get("refuri", ""))
            if path is not None:
                link.replace_self(_toFile(path, link.astext(), self.env.docname))

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


def _toFile(path: str, text: str, here: str) -> nodes.Element:
    """
    Make a link to a file for Sphinx to resolve.

    @param path: The file, relative to C{docs}.
    @param text: The words of the link.
    @param here: The page that has the link.
    """
    if not path.endswith(".rst"):
        words = nodes.literal(text, text)
        return addnodes.download_reference("", "", words, reftarget=f"/{path}")
    if path == _GLOSSARY and text != "Glossary":
        return _reference("term", text.lower(), nodes.inline("", text), here)
    page = f"/{path.removesuffix('.rst')}"
    return _reference("doc", page, nodes.inline("", text), here)


def _reference(role: str, target: str, words: nodes.Node, here: str) -> nodes.Element:
    """
    Make a link for Sphinx to resolve.

    @param role: The type of the target, such as C{doc}.
    @param here: The page that has the link.
    """
    return addnodes.pending_xref(
        "",
        words,
        refdomain="std",
        reftype=role,
        reftarget=target,
        refdoc=here,
        refexplicit=True,
        refwarn=True,
    )


def _targets() -> dict[str, tuple[str, str]]:
    """
    Return the role and the name of each object, by the code that names it. A setting is
    also its flag; names of one word, such as C{server}, are too common to be links.
    """
    found = {name: (role, name) for role in NAMES for name in NAMES[role]()}
    found = {text: each for text, each in found.items() if re.search("[-_ ]", text)}
    flags = {f"--{name}": ("setting", name) for name in NAMES["setting"]()}
    return found | flags


class ObjectLinks(SphinxTransform):
    """
    Makes the first mention of each setting, metric and route in a section a link to its
    entry in the reference.
    """

    default_priority = 510

    def apply(self, **kwargs: Any) -> None:
        """Add the links to the page."""
        targets = _targets()
        linked = set()
        for code in list(self.document.findall(nodes.literal)):
            # A flag can have a value, as in --iq-timeout 60.
            text = code.astext()
            name = text.partition(" ")[0] if text.startswith("--") else text
            target = targets.get(name)
            mention = (id(_sectionOf(code)), target)
            if target is None or mention in linked or not _canLink(code):
                continue
            linked.add(mention)
            role, reference = target
            code.replace_self(
                _reference(role, reference, code.deepcopy(), self.env.docname)
            )


def _sectionOf(node: nodes.Node) -> nodes.Node | None:
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node


def _canLink(code: nodes.literal) -> bool:
    """Return whether code may become a link: not in a title, a term, or a link."""
    unsuitable = (nodes.title, nodes.term, nodes.reference, addnodes.pending_xref)
    node: nodes.Node | None = code
    while node is not None:
        if isinstance(node, (*unsuitable, addnodes.download_reference)):
            return False
        node = node.parent
    return True
