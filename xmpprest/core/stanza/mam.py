"""
Queries of a message archive, and the results that they bring (XEP-0313 §4).

The results are messages of their own, sent before the iq that ends the query; what
they have in common with it is the C{queryid}.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ..errors import Problem, unprocessable
from . import namespaces as ns
from .build import Child, firstChild, make
from .serializer import toXML

#: How many results one query may bring, and how large they may be in all: in
#: characters of XML, with each tag counted as so many more, since in memory the
#: smallest element takes some 300 bytes.
MAX_RESULTS = 1000
MAX_SIZE = 2**22
TAG_OVERHEAD = 64


def query(iq: Element) -> Element | None:
    """The query that an iq holds; C{None} if it does not ask an archive."""
    return firstChild(iq, ns.MAM, "query")


def queryID(message: Element) -> str | None:
    """
    Which query a message is a result of, as it says itself.

    @return: C{None} if it does not say, or is none; no error is.
    """
    result = firstChild(message, ns.MAM, "result")
    if result is None or message.getAttribute("type") == "error":
        return None
    id: str | None = result.getAttribute("queryid")
    return id


def withQueryID(stanza: Element, old: str | None, new: str | None) -> Element:
    """
    The same stanza with another queryid, wherever it has it: in C{query},
    C{result} or C{fin}.

    @param old: What it is; elements with another one stay as they are.
    @param new: What it becomes; C{None} takes it away.
    """

    def changed(child: Child) -> Child:
        if isinstance(child, str) or child.uri != ns.MAM:
            return child
        same = child.getAttribute("queryid") == old
        return _withAttribute(child, "queryid", new) if same else child

    children = map(changed, stanza.children)
    return make(stanza.name, stanza.attributes, children, stanza.localPrefixes)


def _withAttribute(element: Element, name: str, value: str | None) -> Element:
    attributes = {**element.attributes, name: value}
    if value is None:
        del attributes[name]
    result = Element(
        (element.uri, element.name),
        element.defaultUri,
        attributes,
        dict(element.localPrefixes),
    )
    result.children = list(element.children)
    return result


class ArchiveResults:
    """
    What one query has brought so far.
    """

    def __init__(self, wireID: str, callersID: str | None) -> None:
        """
        @param wireID: The queryid that the archive knows.
        @param callersID: The one that the caller gave, to be put back, or C{None}.
        """
        self._ids = wireID, callersID
        self._messages: list[Element] = []
        self._size = 0

    def add(self, message: Element) -> Problem | None:
        """
        Keep a result.

        @return: Why the query cannot go on, if it has become too much.
        """
        xml = toXML(message)
        self._size += len(xml) + TAG_OVERHEAD * xml.count("<")
        if len(self._messages) == MAX_RESULTS:
            return _tooMuch(f"{MAX_RESULTS} results")
        if self._size > MAX_SIZE:
            return _tooMuch(f"some {MAX_SIZE >> 20} MiB")
        self._messages.append(withQueryID(message, *self._ids))
        return None

    def finish(self, reply: Element) -> list[Element]:
        """All the results in their order, and the reply that ends the query."""
        return [*self._messages, withQueryID(reply, *self._ids)]


def _tooMuch(limit: str) -> Problem:
    return unprocessable(
        "resource-constraint",
        f"The archive sends more than {limit} at once; ask for fewer, with max.",
    ).problem
