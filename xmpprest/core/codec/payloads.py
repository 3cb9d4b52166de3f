"""Shapes of the elements whose JSON is not just their attributes and children."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from twisted.words.xish.domish import Element

from ..errors import ERROR_TYPE_BY_CONDITION, Refusal
from ..media import values
from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import LANG, element, elements, firstChild
from ..stanza.parser import MAX_DEPTH, Name, parseFragment
from ..stanza.serializer import toXML
from .scalars import (
    STRING,
    NotRepresentable,
    QName,
    Scalar,
    Schema,
    integer,
    string,
    textOf,
    unknownKey,
    wrongType,
)
from .shapes import ObjectShape, Text
from .slots import Attribute, Child, NamedChild, VirtualSlot


@dataclass(frozen=True)
class _OnePiece:
    """Mixin of shapes without keys that a form could name."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return no schemas, because no key can be given in a form."""
        return {}

    def fromText(self, text: str, at: str) -> Value:
        """Return the text unchanged."""
        return text

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return the query parameters unchanged, as texts by key."""
        return {**pairs}


@dataclass(frozen=True)
class XHTMLBody(_OnePiece):
    """The body of an XHTML-IM element (XEP-0071) with its markup, as a string."""

    @property
    def schema(self) -> Schema:
        """Return the schema of a string of markup."""
        return {
            "type": "string",
            "description": "XHTML, such as &lt;body>&lt;p>Hello&lt;/p>&lt;/body>.",
        }

    def read(self, element: Element) -> Value:
        """
        Return the markup of the only body, without its namespace, as mod_rest does.
        """
        bodies = elements(element)
        if len(bodies) != 1 or (bodies[0].uri, bodies[0].name) != (ns.XHTML, "body"):
            raise NotRepresentable
        return toXML(bodies[0], ns.XHTML)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element from markup, and put a body around it if it has none."""
        if not isinstance(value, str):
            raise wrongType(at, "a string", value)
        body = parseFragment(
            f"<body xmlns='{ns.XHTML}'>", value, "</body>", at, "XHTML"
        )
        inner = elements(body)
        isWhole = len(body.children) == len(inner) == 1
        if isWhole and (inner[0].uri, inner[0].name) == (ns.XHTML, "body"):
            body = inner[0]
        return element(*name, None, [body])


@dataclass(frozen=True)
class _JSON(_OnePiece):
    """A JSON container (XEP-0335) with any JSON value."""

    @property
    def schema(self) -> Schema:
        """Return the schema of any value."""
        return {}

    def read(self, element: Element) -> Value:
        """Return the value, if the text is JSON that a stanza could hold."""
        try:
            value = values.fromJSON(textOf(element).encode("utf-8"))
        except Refusal:
            raise NotRepresentable from None
        if _depth(value) > MAX_DEPTH // 2:
            raise NotRepresentable
        return value

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element with the value as JSON text."""
        return element(*name, None, [values.toJSON(value).decode("utf-8")])

    def fromText(self, text: str, at: str) -> Value:
        """Parse the text of a form as JSON."""
        return values.fromJSON(text.encode("utf-8"))


def _depth(value: Value) -> int:
    """Return how deep lists and objects nest in a value that is known to be shallow."""
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


#: A JSON container.
JSON_VALUE = _JSON()


class _Payload(ObjectShape):
    """A JSON value, which may be null, with its datatype (XEP-0432)."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element; other object shapes would leave null out."""
        if not isinstance(value, dict) or value.get("data", True) is not None:
            return super().write(name, value, at)
        made = super().write(name, {**value, "data": False}, at)
        assert made is not None  # an object shape always makes one
        null = element(ns.JSON, "json", None, ["null"])
        return element(*name, made.attributes, [null])


JSON_PAYLOAD = _Payload(
    {
        "datatype": Attribute("datatype"),
        "data": Child("json", JSON_VALUE, ns.JSON),
    },
    required=("datatype", "data"),
)


class SiblingRecord(ObjectShape):
    """An object in which one key stands for an attribute of another key's child."""

    #: The key, the child's key, and the attribute of the child.
    key: ClassVar[str]
    child: ClassVar[str]
    attribute: ClassVar[Name]
    scalar: ClassVar[Scalar] = STRING

    def read(self, element: Element) -> dict[str, Value]:
        """Return the keys, among them the attribute of the child."""
        record = super().read(element)
        for child in elements(element):
            text = child.attributes.get(self.attribute)
            if child.name == self.child in record and text is not None:
                record[self.key] = self.scalar.fromText(text, self.key)
        return record

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element, with the attribute on the child if the child is present."""
        beside = value.get(self.key) if isinstance(value, dict) else None
        if (
            not isinstance(value, dict)
            or beside is None
            or value.get(self.child) is None
        ):
            return super().write(name, value, at)
        rest = {key: inner for key, inner in value.items() if key != self.key}
        made = super().write(name, rest, at)
        assert made is not None  # an object shape always makes one
        for child in elements(made):
            if child.name == self.child:
                text = self.scalar.toText(beside, f"{at}.{self.key}")
                child.attributes[self.attribute] = text
        return made


class _Page(SiblingRecord):
    """
    Result set management (XEP-0059). The index of the first item is an attribute of
    C{first} in a result, and an element of its own in a request.
    """

    key = "index"
    child = "first"
    attribute = "index"
    scalar = integer()


class _Error(SiblingRecord):
    """A stanza error (RFC 6120 §8.3); the key C{lang} is the language of its text."""

    key = "lang"
    child = "text"
    attribute = LANG

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the error. Without a type it gets that of its condition."""
        if isinstance(value, dict) and value.get("type") is None:
            condition = value.get("condition")
            if isinstance(condition, str) and condition in ERROR_TYPE_BY_CONDITION:
                value = {**value, "type": ERROR_TYPE_BY_CONDITION[condition]}
        return super().write(name, value, at)


ERROR = _Error(
    {
        "type": Attribute(
            "type", string("auth", "cancel", "continue", "modify", "wait")
        ),
        "by": Attribute("by", string(format="xmpp-jid")),
        "code": Attribute("code", integer(100, 999)),
        "condition": NamedChild((*ERROR_TYPE_BY_CONDITION,), ns.STANZA_ERRORS),
        "text": Child("text", Text(), ns.STANZA_ERRORS),
        "lang": VirtualSlot(STRING),
    }
)


def _before(value: Value) -> str:
    """Return the text of C{before}, which is empty for true."""
    return STRING.write("" if value is True else value)


#: The id that the page ends before; empty for the last page (XEP-0059 §2.5).
BEFORE = Scalar(STRING.description, STRING.schema, STRING.read, _before)

PAGE = _Page(
    {
        "max": Child("max", Text(integer())),
        "after": Child("after", Text()),
        "before": Child("before", Text(BEFORE)),
        "first": Child("first", Text()),
        "last": Child("last", Text()),
        "index": Child("index", Text(integer())),
        "count": Child("count", Text(integer())),
    }
)


@dataclass(frozen=True)
class Carbon(_OnePiece):
    """
    A carbon copy (XEP-0280), whose direction is the name of the element.

    @ivar forwarded: The shape of the copied message.
    """

    forwarded: ObjectShape
    isText = False

    @property
    def schema(self) -> Schema:
        """Return the schema of an object of the direction and the copy."""
        return {
            "type": "object",
            "properties": {
                "direction": {"type": "string", "enum": ["received", "sent"]},
                "forwarded": self.forwarded.schema,
            },
            "required": ["direction", "forwarded"],
            "additionalProperties": False,
        }

    def names(self, uri: str) -> Iterator[QName]:
        """Return the qualified names of the elements for both directions."""
        yield from ((ns.CARBONS, "received"), (ns.CARBONS, "sent"))

    def position(self, element: Element) -> int:
        """
        Return -1: only a stanza has carbons, and a stanza does not use the position.
        """
        return -1

    def read(self, element: Element) -> Value:
        """Return the direction and the copy, or C{None} if there is no carbon."""
        for name in self.names(element.uri):
            found = firstChild(element, *name)
            if found is not None:
                return {"direction": name[1], **self._record.read(found)}
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add the element of the direction with the copy."""
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        direction = string("received", "sent").toText(
            value.get("direction"), f"{at}.direction"
        )
        rest = {key: inner for key, inner in value.items() if key != "direction"}
        for key in rest:
            if key != "forwarded":
                raise unknownKey(at, key, ("direction", "forwarded"))
        into.children.append(self._record.write((ns.CARBONS, direction), rest, at))

    @property
    def _record(self) -> ObjectShape:
        slots = {"forwarded": Child("forwarded", self.forwarded, ns.FORWARD)}
        return ObjectShape(slots, required=("forwarded",))
