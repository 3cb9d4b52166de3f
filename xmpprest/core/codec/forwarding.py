"""
A stanza within another (XEP-0297), as in carbons, and in what an archive holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import TYPES, elements, hasMoreElementsThan
from .mapping import StanzaContext, StanzaMapping
from .payloads import SiblingRecord
from .scalars import DATETIME, JID, NotRepresentable, QName, Schema
from .shapes import AttributeValue, NotFormField, ObjectShape
from .slots import Child, VirtualSlot

#: How many stanzas may stand one within another and be read: a result of an archive
#: that is a carbon of a forwarded one has three. Each level is written twice, in its
#: key and as XML, if no key can carry all of it.
_MAX_LEVELS = 4
#: How many elements such a stanza may hold.
_MAX_WITHIN = 1000


def forwardedShape(stanzas: Callable[[], StanzaMapping]) -> ObjectShape:
    """
    What a C{<forwarded/>} is: a message, and when it was delayed, and by whom.

    @param stanzas: Gives what reads and writes the message; it is called only then,
        since the table that it goes by has this in it.
    """
    return _Forwarded(
        {
            "delay": Child("delay", AttributeValue("stamp", DATETIME), ns.DELAY),
            "delay_from": VirtualSlot(JID),
            "message": Child("message", _Stanza("message", stanzas), ns.CLIENT),
        }
    )


class _Forwarded(SiblingRecord):
    """A stanza, with who delayed it and until when."""

    key = "delay_from"
    child = "delay"
    attribute = "from"
    scalar = JID


@dataclass(frozen=True)
class _Stanza(NotFormField):
    """
    The stanza within.

    @ivar stanzas: See L{forwardedShape}.
    """

    kind: str
    stanzas: Callable[[], StanzaMapping]

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """None of its own."""
        return {}

    @property
    def schema(self) -> Schema:
        """As it would be alone."""
        return {"$ref": f"#/components/schemas/{self.kind}"}

    def read(self, element: Element) -> Value:
        """Its JSON form, if it is a proper one, and no part of a game of nesting."""
        isProper = element.getAttribute("type") in TYPES[self.kind]
        isGame = (
            hasMoreElementsThan(element, _MAX_WITHIN) or _levels(element) > _MAX_LEVELS
        )
        if isGame or not isProper:
            raise NotRepresentable
        return self.stanzas().encode(element)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The stanza."""
        return self.stanzas().decodeNested(
            value, StanzaContext(kind=self.kind), f"{at}."
        )

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """All of them."""
        return {**pairs}


def _levels(part: Element) -> int:
    """How many stanzas stand one within another, an outermost one included."""
    own = int((part.uri, part.name) == (ns.CLIENT, "message"))
    return own + max(map(_levels, elements(part)), default=0)
