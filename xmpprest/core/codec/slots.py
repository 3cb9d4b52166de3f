"""
Slots: the places in an element that hold the value of a key, such as an attribute, the
text or a child; and shapes of elements that are lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza.build import LANG, element, elements
from ..stanza.parser import MAX_ELEMENTS, Name
from .scalars import (
    STRING,
    QName,
    Scalar,
    Schema,
    readScalar,
    string,
    textOf,
    wrongType,
)
from .shapes import NotFormField, ObjectShape, Shape


class _OfScalar:
    """A slot that holds a single value, not a child."""

    scalar: Scalar
    isText = True

    @property
    def schema(self) -> Schema:
        """Return the schema of the scalar."""
        return self.scalar.schema

    def position(self, element: Element) -> int:
        """Return -1: the key comes before those of all children."""
        return -1

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field to the scalar."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class Attribute(_OfScalar):
    """
    An attribute of the element.

    @ivar name: The attribute's name.
    """

    name: Name
    scalar: Scalar = STRING

    def read(self, element: Element) -> Value:
        """Return the attribute's value, or C{None} if it is absent."""
        text = element.attributes.get(self.name)
        return None if text is None else readScalar(self.scalar, text)

    def write(self, value: Value, at: str, into: Element) -> None:
        """Set the attribute."""
        into.attributes[self.name] = self.scalar.toText(value, at)


@dataclass(frozen=True)
class Content(_OfScalar):
    """The text of the element itself."""

    scalar: Scalar = STRING

    def read(self, element: Element) -> Value:
        """Return the text, or C{None} if it is empty."""
        text = textOf(element)
        return readScalar(self.scalar, text) if text else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add the text."""
        text = self.scalar.toText(value, at)
        if text:
            into.children.append(text)


@dataclass(frozen=True)
class _Within:
    """
    A slot among the children.

    @ivar name: The name of the child element.
    @ivar shape: The shape of the child in JSON.
    @ivar uri: The namespace of the child; C{None} for that of the element around it.
    """

    name: str
    shape: Shape
    uri: str | None = None

    def names(self, uri: str) -> Iterator[QName]:
        """Return the qualified names of the children that belong to the slot."""
        yield (self.uri or uri, self.name)

    @property
    def isText(self) -> bool:
        """Whether the text of a form field can give the child's value."""
        return self.shape.isText

    def position(self, element: Element) -> int:
        """Return the index of the first such child, or -1."""
        names = [*self.names(element.uri)]
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and (child.uri, child.name) in names:
                return position
        return -1

    def _found(self, element: Element) -> list[Element]:
        names = [*self.names(element.uri)]
        return [
            child
            for child in element.children
            if not isinstance(child, str) and (child.uri, child.name) in names
        ]

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field to the value of the child's shape."""
        return self.shape.fromText(text, at)


@dataclass(frozen=True)
class Child(_Within):
    """One child element."""

    @property
    def schema(self) -> Schema:
        """Return the schema of the child's shape."""
        return self.shape.schema

    def read(self, element: Element) -> Value:
        """Return the value of the first such child, or C{None} if there is none."""
        found = self._found(element)
        return self.shape.read(found[0]) if found else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add the child element with this value to the parent element C{into}."""
        made = self.shape.write((self.uri or into.uri, self.name), value, at)
        if made is not None:
            into.children.append(made)


@dataclass(frozen=True)
class LocalizedChild(Child):
    """
    One child element of several that hold the same text in different languages, such as
    C{<body/>} (RFC 6121 §5.2.3).
    """

    def read(self, element: Element) -> Value:
        """
        Return the value of the child in the element's own language, else of the first
        child; C{None} if there is none. A child without C{xml:lang} is in the element's
        language.
        """
        found = self._found(element)
        own = (None, element.attributes.get(LANG))
        for child in found:
            if child.attributes.get(LANG) in own:
                return self.shape.read(child)
        return self.shape.read(found[0]) if found else None


@dataclass(frozen=True)
class Children(_Within):
    """All child elements of one name, as a list."""

    isText = False

    @property
    def schema(self) -> Schema:
        """Return the schema of a list of the shape."""
        return {"type": "array", "items": self.shape.schema}

    def read(self, element: Element) -> Value:
        """Return the values of all such children, or C{None} if there are none."""
        return [self.shape.read(child) for child in self._found(element)] or None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add a child element to the parent element C{into} for each item."""
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        if len(value) > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint",
                f"The key {at!r} has more than {MAX_ELEMENTS} items; send fewer.",
                at,
            )
        name = (self.uri or into.uri, self.name)
        for number, item in enumerate(value):
            made = self.shape.write(name, item, f"{at}[{number}]")
            if made is not None:
                into.children.append(made)


@dataclass(frozen=True)
class NamedChild:
    """
    A child element whose name is the value.

    @ivar values: The names that the child may have.
    @ivar many: Whether the value is a list of several such children.
    """

    values: tuple[str, ...]
    uri: str
    many: bool = False
    isText = True
    _scalar: Scalar = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_scalar", string(*self.values))

    @property
    def schema(self) -> Schema:
        """Return the schema of one of the names, or of a list of them."""
        one = self._scalar.schema
        return {"type": "array", "items": one} if self.many else one

    def names(self, uri: str) -> Iterator[QName]:
        """Return the qualified names of all possible children."""
        return ((self.uri, name) for name in self.values)

    def position(self, element: Element) -> int:
        """Return the index of the first such child, or -1."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and self._isOne(child):
                return position
        return -1

    def _isOne(self, child: Element) -> bool:
        return child.uri == self.uri and child.name in self.values

    def read(self, element: Element) -> Value:
        """Return the name, or the names, of the children; C{None} if there are none."""
        found: list[Value] = [c.name for c in elements(element) if self._isOne(c)]
        return (found if self.many else found[0]) if found else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add a child for each name."""
        if not self.many:
            into.children.append(element(self.uri, self._scalar.toText(value, at)))
            return
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        for number, item in enumerate(value):
            name = self._scalar.toText(item, f"{at}[{number}]")
            into.children.append(element(self.uri, name))

    def fromText(self, text: str, at: str) -> Value:
        """
        Parse the text of a form field: one name, or several names with commas between
        them.
        """
        if self.many:
            names = text.split(",") if text else []
            return [self._scalar.fromText(name, at) for name in names]
        return self._scalar.fromText(text, at)


@dataclass(frozen=True)
class ListShape(NotFormField):
    """
    An element that is a list of its children. An object in place of the list gives
    attributes of the element.

    @ivar name: The name of the children.
    @ivar attributes: The attributes that an object may give.
    """

    name: str
    shape: Shape
    attributes: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """Return the schema of a list."""
        return {"type": "array", "items": self.shape.schema}

    def read(self, element: Element) -> Value:
        """
        Return the items; without items an object of the attributes, if the shape has
        some.
        """
        found = [self.shape.read(c) for c in elements(element) if c.name == self.name]
        values = {
            key: element[key] for key in self.attributes if element.hasAttribute(key)
        }
        return found or (values if self.attributes else [])

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """
        Make the element with a child for each item, or with the attributes of an
        object.
        """
        if value is True:
            value = []
        if isinstance(value, dict) and self.attributes:
            slots = {key: Attribute(key) for key in self.attributes}
            return ObjectShape(slots).write(name, value, at)
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        into = element(*name)
        Children(self.name, self.shape).write(value, at, into)
        return into

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return the schemas of the attributes, which a query can give."""
        return dict.fromkeys(self.attributes, STRING.schema)

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return an object of the attributes that a query gives."""
        slots = {key: Attribute(key) for key in self.attributes}
        return ObjectShape(slots).fromPairs(pairs, at)


@dataclass(frozen=True)
class CommaSeparated:
    """A list of strings, which a form or a query gives with commas between them."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """Return the schema of a list of strings."""
        return {"type": "array", "items": self.scalar.schema}

    def fromText(self, text: str, at: str) -> Value:
        """Return the strings between the commas; an empty list for an empty text."""
        if text.count(",") > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint",
                f"The key {at!r} has more than {MAX_ELEMENTS} values; send fewer.",
                at,
            )
        return [*text.split(",")] if text else []


@dataclass(frozen=True)
class VirtualSlot:
    """
    A key without a place of its own: the object shape that has it puts it in place.
    """

    shape: Scalar | CommaSeparated
    isText = True

    @property
    def schema(self) -> Schema:
        """Return the schema of the value."""
        return self.shape.schema

    def position(self, element: Element) -> int:
        """Return -1: the key has no place."""
        return -1

    def read(self, element: Element) -> Value:
        """Return C{None}; the object shape reads the key."""
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """
        Refuse the key, which the object shape takes out where it has a place for it.

        @raise Refusal: 422, the key that it belongs to is absent.
        """
        raise unprocessable(
            "bad-format",
            f"The key {at!r} belongs to another key, which is absent; add that one, or"
            " leave this one out.",
            at,
        )

    def check(self, value: Value, at: str) -> None:
        """
        Check the type of a value, for the object shape.

        @raise Refusal: 422, the value is of another type.
        """
        if isinstance(self.shape, Scalar):
            self.shape.toText(value, at)
            return
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        for number, item in enumerate(value):
            self.shape.scalar.toText(item, f"{at}[{number}]")

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field or query parameter to the value."""
        return self.shape.fromText(text, at)
