"""The elements whose JSON is more than a rearrangement of their parts."""

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
    """A shape without keys that a form could name."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """None."""
        return {}

    def fromText(self, text: str, at: str) -> Value:
        """The text, as if it had come in JSON."""
        return text

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """The texts, as if they had come in JSON."""
        return {**pairs}


@dataclass(frozen=True)
class XHTMLBody(_OnePiece):
    """XHTML-IM (XEP-0071): the body with all that is in it, as a string."""

    @property
    def schema(self) -> Schema:
        """Markup is a string."""
        return {
            "type": "string",
            "description": "XHTML, such as &lt;body>&lt;p>Hello&lt;/p>&lt;/body>.",
        }

    def read(self, element: Element) -> Value:
        """The one body, in no namespace, as mod_rest has it."""
        bodies = elements(element)
        if len(bodies) != 1 or (bodies[0].uri, bodies[0].name) != (ns.XHTML, "body"):
            raise NotRepresentable
        return toXML(bodies[0], ns.XHTML)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The markup, in a body if it has none itself."""
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
    """A JSON container (XEP-0335): any JSON value."""

    @property
    def schema(self) -> Schema:
        """Anything."""
        return {}

    def read(self, element: Element) -> Value:
        """The value, if the text is JSON that could be sent as part of a stanza."""
        try:
            value = values.fromJSON(textOf(element).encode("utf-8"))
        except Refusal:
            raise NotRepresentable from None
        if _depth(value) > MAX_DEPTH // 2:
            raise NotRepresentable
        return value

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Its text."""
        return element(*name, None, [values.toJSON(value).decode("utf-8")])

    def fromText(self, text: str, at: str) -> Value:
        """The JSON that the text is."""
        return values.fromJSON(text.encode("utf-8"))


def _depth(value: Value) -> int:
    """How deep lists and objects nest in a value; it is known not to be very deep."""
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


class _Payload(ObjectShape):
    """Any JSON value, null as well, with the name of what it is (XEP-0432)."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element; null would be left out of any other."""
        if not isinstance(value, dict) or value.get("data", True) is not None:
            return super().write(name, value, at)
        made = super().write(name, {**value, "data": False}, at)
        assert made is not None  # a record always makes one
        null = element(ns.JSON, "json", None, ["null"])
        return element(*name, made.attributes, [null])


JSON_PAYLOAD = _Payload(
    {
        "datatype": Attribute("datatype"),
        "data": Child("json", _JSON(), ns.JSON),
    },
    required=("datatype", "data"),
)


class SiblingRecord(ObjectShape):
    """
    A record with a key for the attribute of a child that has a key of its own.
    """

    #: The key, the child, and its attribute.
    key: ClassVar[str]
    child: ClassVar[str]
    attribute: ClassVar[Name]
    scalar: ClassVar[Scalar] = STRING

    def read(self, element: Element) -> dict[str, Value]:
        """The keys, and the one beside."""
        record = super().read(element)
        for child in elements(element):
            text = child.attributes.get(self.attribute)
            if child.name == self.child in record and text is not None:
                record[self.key] = self.scalar.fromText(text, self.key)
        return record

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element, with the attribute on the child, if the child is there."""
        beside = value.get(self.key) if isinstance(value, dict) else None
        if (
            not isinstance(value, dict)
            or beside is None
            or value.get(self.child) is None
        ):
            return super().write(name, value, at)
        rest = {key: inner for key, inner in value.items() if key != self.key}
        made = super().write(name, rest, at)
        assert made is not None  # a record always makes one
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
    """A stanza error (RFC 6120 §8.3); the language is that of its text."""

    key = "lang"
    child = "text"
    attribute = LANG

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the error; without a type it has that of its condition."""
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
    """The end of a page; true is understood for the empty one."""
    return STRING.write("" if value is True else value)


#: Empty for the last page (XEP-0059 §2.5).
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
    A carbon copy (XEP-0280): the direction is the element's name.

    @ivar forwarded: The shape of what was copied.
    """

    forwarded: ObjectShape
    isText = False

    @property
    def schema(self) -> Schema:
        """The direction, and the copy."""
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
        """Both directions."""
        yield from ((ns.CARBONS, "received"), (ns.CARBONS, "sent"))

    def position(self, element: Element) -> int:
        """It is in no record but the stanza, which does not ask."""
        return -1

    def read(self, element: Element) -> Value:
        """The copy, and its direction."""
        for name in self.names(element.uri):
            found = firstChild(element, *name)
            if found is not None:
                return {"direction": name[1], **self._record.read(found)}
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add it."""
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
