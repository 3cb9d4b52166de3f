"""
Archive queries and their results (XEP-0313 §4).

Results are messages of their own, sent before the iq that ends the query; the
C{queryid} connects them.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ..errors import Problem, unprocessable
from . import namespaces as ns
from .build import Child, firstChild, make
from .serializer import toXML

#: The highest number of results of one query, and their highest total size: in
#: characters of XML, plus an overhead for each tag, since the smallest element takes
#: about 300 bytes of memory.
MAX_RESULTS = 1000
MAX_SIZE = 2**22
TAG_OVERHEAD = 64


def query(iq: Element) -> Element | None:
    """Return the archive query of an iq, or C{None} if it has none."""
    return firstChild(iq, ns.MAM, "query")


def queryID(message: Element) -> str | None:
    """
    Return the queryid that a message names.

    @return: C{None} if the message is not an archive result, names no query, or is an
        error.
    """
    result = firstChild(message, ns.MAM, "result")
    if result is None or message.getAttribute("type") == "error":
        return None
    id: str | None = result.getAttribute("queryid")
    return id


def withQueryID(stanza: Element, old: str | None, new: str | None) -> Element:
    """
    Return a copy of a stanza with another queryid in C{query}, C{result} or C{fin}.

    @param old: The queryid to replace; elements with another one stay unchanged.
    @param new: The new queryid; C{None} removes it.
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
    """The results of one query so far."""

    def __init__(self, wireID: str, callersID: str | None) -> None:
        """
        @param wireID: The queryid that was sent to the archive.
        @param callersID: The queryid that the client gave, or C{None}; it is put back.
        """
        self._ids = wireID, callersID
        self._messages: list[Element] = []
        self._size = 0

    def add(self, message: Element) -> Problem | None:
        """
        Add a result.

        @return: Why the query must end, if the results exceed a limit; else C{None}.
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
        """Return all results in their order, and last the reply that ends the query."""
        return [*self._messages, withQueryID(reply, *self._ids)]


def _tooMuch(limit: str) -> Problem:
    return unprocessable(
        "resource-constraint",
        f"The archive sends more than {limit} at once; ask for fewer, with max.",
    ).problem
