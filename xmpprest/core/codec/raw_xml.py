"""Content that no key describes, as XML in strings: the key C{xml}."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import elements
from ..stanza.parser import MAX_ELEMENTS, parseFragment
from ..stanza.serializer import escapeText, toXML
from .scalars import STRING, QName, Schema, wrongType
from .shapes import NotFormField


def writeRaw(parent: Element, child: Element | str) -> str:
    """Write a child as XML, for a reader that implies C{jabber:client}."""
    if isinstance(child, str):
        return escapeText(child)
    if parent.localPrefixes:
        # Its text may use prefixes that the parent declares.
        declared = {**parent.localPrefixes, **child.localPrefixes}
        copy = Element((child.uri, child.name), child.uri, child.attributes, declared)
        copy.children = child.children
        child = copy
    return toXML(child)


def parseRaw(value: Value, at: str) -> list[Element | str]:
    """
    Parse a list of XML strings.

    @param value: The list; C{None} for an empty one.
    @raise Refusal: 422, the value is not a list of well-formed XML.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrongType(at, "a list of strings", value)
    if len(value) > MAX_ELEMENTS:
        raise unprocessable(
            "resource-constraint",
            f"The key {at!r} has more than {MAX_ELEMENTS} items; send fewer.",
            at,
        )
    content = Element((None, "content"))
    for number, item in enumerate(value):
        where = f"{at}[{number}]"
        text, start = STRING.toText(item, where), f"<xml xmlns='{ns.CLIENT}'>"
        for child in parseFragment(start, text, "</xml>", where, "XML").children:
            if isinstance(child, str):
                # addContent joins adjacent texts.
                content.addContent(child)
            else:
                content.children.append(child)
    return content.children


@dataclass(frozen=True)
class OtherChildren(NotFormField):
    """
    The slot of all child elements that no other slot of an object describes, as XML.

    @ivar known: The qualified names that other slots describe.
    """

    known: tuple[QName, ...] = ()

    @property
    def schema(self) -> Schema:
        """Return the schema of a list of strings."""
        return {"type": "array", "items": {"type": "string"}}

    def position(self, element: Element) -> int:
        """Return the index of the first such child, or -1."""
        others = self._others(element)
        return element.children.index(others[0]) if others else -1

    def read(self, element: Element) -> Value:
        """Return the XML of each such child; C{None} if there are none."""
        return [writeRaw(element, child) for child in self._others(element)] or None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add the children to the element that is being made."""
        into.children.extend(parseRaw(value, at))

    def _others(self, element: Element) -> list[Element]:
        return [c for c in elements(element) if (c.uri, c.name) not in self.known]
