"""
Registers the settings, metrics, routes, statuses and JSON keys of the reference pages,
so that the index and the search find them, and other pages can link to them.

On a page they are definition lists with a class, such as::

    .. class:: settings

    ``iq-timeout``
        How many seconds an iq waits for its reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.transforms import SphinxTransform

#: The class of a definition list, and the type of its objects: one word for the role
#: that links to them, and one or more for readers.
TYPES: Mapping[str, tuple[str, str]] = {
    "settings": ("setting", "setting"),
    "callback-keys": ("callback-key", "callback key"),
    "token-keys": ("token-key", "token key"),
    "metrics": ("metric", "metric"),
    "routes": ("route", "route"),
    "statuses": ("status", "status code"),
    "keys": ("key", "JSON key"),
}


def register(app: Sphinx) -> None:
    """Let Sphinx know the types of objects, and collect the objects."""
    for role, words in TYPES.values():
        app.add_object_type(role, role, objname=words)
    app.add_transform(Objects)


class Objects(SphinxTransform):
    """
    Gives each term of such a list an anchor and an entry in the index.
    """

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Register every object of the page."""
        for found in list(self.document.findall(nodes.definition_list)):
            for name in TYPES.keys() & {*found["classes"]}:
                for term in _terms(found):
                    self._register(term, *TYPES[name])

    def _register(self, term: nodes.term, role: str, words: str) -> None:
        text = next(term.findall(nodes.literal)).astext()
        domain = cast(StandardDomain, self.env.get_domain("std"))
        name = text
        if (role, name) in domain.objects:
            # The same JSON key in two kinds of stanza, which are sections.
            name = f"{text} ({_section(term)})"
        anchor = nodes.make_id(f"{role}-{name}")
        term["ids"].append(anchor)
        domain.note_object(role, name, anchor, location=term)
        entry = ("pair", f"{text}; {words}", anchor, "", None)
        term.insert(0, addnodes.index(entries=[entry]))


def _terms(found: nodes.definition_list) -> Iterator[nodes.term]:
    for item in found.findall(nodes.definition_list_item):
        if item.parent is found:
            yield from item.findall(nodes.term)


def _section(node: nodes.Node) -> str:
    """Return the title of the section that a node is in."""
    while not isinstance(node, nodes.section):
        node = node.parent
    title: str = node[0].astext()
    return title
