"""Stanzas that wait for a callback, and the memory that they share."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.words.xish.domish import Element

from ..core.stanza.stored import parseStored

#: Limits on the stored stanzas of all conversations of a callback that are in memory,
#: in bytes of XML and in number. Above them, only the stanzas that are due stay in
#: memory.
TOTAL_SIZE = 16_777_216
TOTAL_COUNT = 4096
#: Limit on the waiting stanzas that are also in memory as trees, in bytes of XML. A
#: tree takes up to a hundred times the memory of its XML.
TREE_SIZE = 262_144
#: Size in bytes of XML from which a stanza is parsed again after its callback request
#: instead of being kept as a tree meanwhile.
LARGE = 8192

#: Limits on a transient stanza that may wait as a tree only, in elements and in
#: characters; and the size in bytes that it counts for.
SMALL_ELEMENTS = 24
SMALL_TEXT = 1024
SMALL_SIZE = 1024


def isSmall(stanza: Element) -> bool:
    """Check whether the tree of a stanza takes little memory."""
    elements, text, index = [stanza], 0, 0
    while index < len(elements):
        for child in elements[index].children:
            if isinstance(child, str):
                text += len(child)
            else:
                elements.append(child)
        if len(elements) > SMALL_ELEMENTS or text > SMALL_TEXT:
            return False
        text += sum(map(len, elements[index].attributes.values()))
        index += 1
    return True


@dataclass(slots=True)
class MemoryUse:
    """
    Memory that all conversations of a callback share.

    @ivar limit: Limit on C{used}.
    @ivar used: Size of the stored stanzas that are in memory, in bytes of XML.
    @ivar held: Number of these.
    @ivar trees: Size of the stanzas that are kept as trees, in bytes of XML.
    """

    limit: int = TOTAL_SIZE
    used: int = 0
    held: int = 0
    trees: int = 0

    @property
    def isFull(self) -> bool:
        """Whether only stanzas that are due should stay in memory."""
        return self.used >= self.limit or self.held >= TOTAL_COUNT


@dataclass(slots=True, eq=False)
class QueuedStanza:
    """
    A stanza that waits for the callback, as XML; a small transient one as a tree, as
    long as there is memory for it.

    @ivar webhookID: Its id in requests to the callback.
    @ivar xml: In UTF-8; empty if there is only the tree.
    @ivar size: Its size in bytes of XML; L{SMALL_SIZE} if there is only the tree.
    @ivar receivedAt: In seconds since 1970.
    @ivar dueAt: Time of its next attempt, in seconds since 1970.
    @ivar number: Number of a stored stanza, 0 before its commit. Of a transient stanza:
        the number of the last stored stanza before it.
    @ivar isStored: Whether it survives the process: it is stored, or about to be.
    @ivar mayReflect: Whether it may be a message that a room sends back to its author.
    @ivar isPatient: Whether it waits for stored stanzas before it, also while these are
        not delivered. Other transient stanzas do not.
    """

    webhookID: str
    xml: bytes
    size: int
    receivedAt: float
    dueAt: float
    number: float = 0
    isStored: bool = True
    isPatient: bool = True
    mayReflect: bool = True
    attempts: int = 0
    _tree: Element | None = field(default=None, init=False)

    @property
    def element(self) -> Element:
        """
        The stanza.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        return self._tree or parseStored(self.xml.decode())

    def keepTree(self, stanza: Element, memory: MemoryUse) -> None:
        """Keep the tree of the stanza as long as there is memory for it."""
        if self.size < LARGE and memory.trees + self.size <= TREE_SIZE:
            self._tree = stanza
            memory.trees += self.size

    def parse(self, memory: MemoryUse) -> Element:
        """
        Return the parsed stanza, to make a request from it. The tree of a large stanza
        is not
        kept: it is parsed anew for each request.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        if self.size >= LARGE:
            self.dropTree(memory)
            return self.element
        if self._tree is None:
            self._tree = self.element
            memory.trees += self.size
        return self._tree

    def dropTree(self, memory: MemoryUse) -> None:
        """Keep no more than the XML."""
        if self._tree is not None:
            self._tree = None
            memory.trees -= self.size
