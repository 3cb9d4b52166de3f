"""Forwarded stanzas (XEP-0297), as in carbons and in the results of an archive."""

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

#: How many levels of nested stanzas have a JSON form: an archive result that is a
#: carbon of a forwarded message has three. A level that no key can carry exactly is
#: written twice, in its key and as XML.
_MAX_LEVELS = 4
#: How many elements a nested stanza with a JSON form may hold.
_MAX_WITHIN = 1000


def forwardedShape(stanzas: Callable[[], StanzaMapping]) -> ObjectShape:
    """
    Make the shape of C{<forwarded/>}: a message, its delay and the address that delayed
    it.

    @param stanzas: Returns the mapping for the message. It is called later, because the
        table of that mapping contains this shape.
    """
    return _Forwarded(
        {
            "delay": Child("delay", AttributeValue("stamp", DATETIME), ns.DELAY),
            "delay_from": VirtualSlot(JID),
            "message": Child("message", _Stanza("message", stanzas), ns.CLIENT),
        }
    )


class _Forwarded(SiblingRecord):
    """A forwarded stanza, with the time and the address of its delay."""

    key = "delay_from"
    child = "delay"
    attribute = "from"
    scalar = JID


@dataclass(frozen=True)
class _Stanza(NotFormField):
    """
    A stanza within another.

    @ivar stanzas: Returns the mapping for the stanza.
    """

    kind: str
    stanzas: Callable[[], StanzaMapping]

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return no schemas, because no form can hold a stanza."""
        return {}

    @property
    def schema(self) -> Schema:
        """Return a reference to the schema of the kind."""
        return {"$ref": f"#/components/schemas/{self.kind}"}

    def read(self, element: Element) -> Value:
        """Return the JSON form of a valid stanza that is not nested too deep."""
        isValid = element.getAttribute("type") in TYPES[self.kind]
        isTooDeep = (
            hasMoreElementsThan(element, _MAX_WITHIN) or _levels(element) > _MAX_LEVELS
        )
        if isTooDeep or not isValid:
            raise NotRepresentable
        return self.stanzas().encode(element)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the stanza from its JSON form."""
        return self.stanzas().decodeNested(
            value, StanzaContext(kind=self.kind), f"{at}."
        )

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return the texts by key, unchanged."""
        return {**pairs}


def _levels(part: Element) -> int:
    """Return how many messages nest within each other, the outermost one included."""
    own = int((part.uri, part.name) == (ns.CLIENT, "message"))
    return own + max(map(_levels, elements(part)), default=0)
