"""
Where in an element a key of an object is kept: in an attribute, in the text, in a
child; and elements that are lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza.build import element, elements
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
    """A slot that is no child, and holds a single value."""

    scalar: Scalar
    isText = True

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def position(self, element: Element) -> int:
        """Before all children."""
        return -1

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class Attribute(_OfScalar):
    """
    @ivar name: Of the attribute.
    """

    name: Name
    scalar: Scalar = STRING

    def read(self, element: Element) -> Value:
        """Its value."""
        text = element.attributes.get(self.name)
        return None if text is None else readScalar(self.scalar, text)

    def write(self, value: Value, at: str, into: Element) -> None:
        """Set it."""
        into.attributes[self.name] = self.scalar.toText(value, at)


@dataclass(frozen=True)
class Content(_OfScalar):
    """The element's own text."""

    scalar: Scalar = STRING

    def read(self, element: Element) -> Value:
        """The text, unless it is empty."""
        text = textOf(element)
        return readScalar(self.scalar, text) if text else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add it."""
        text = self.scalar.toText(value, at)
        if text:
            into.children.append(text)


@dataclass(frozen=True)
class _Within:
    """
    A slot among the children.

    @ivar name: Of the child.
    @ivar shape: What it is in JSON.
    @ivar uri: Its namespace; C{None} for that of the element around it.
    """

    name: str
    shape: Shape
    uri: str | None = None

    def names(self, uri: str) -> Iterator[QName]:
        """The names of the children that the slot is about, within a namespace."""
        yield (self.uri or uri, self.name)

    @property
    def isText(self) -> bool:
        """As the shape is."""
        return self.shape.isText

    def position(self, element: Element) -> int:
        """Where the first is."""
        names = set(self.names(element.uri))
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and (child.uri, child.name) in names:
                return position
        return -1

    def _found(self, element: Element) -> list[Element]:
        names = set(self.names(element.uri))
        return [c for c in elements(element) if (c.uri, c.name) in names]

    def fromText(self, text: str, at: str) -> Value:
        """As the shape does."""
        return self.shape.fromText(text, at)


@dataclass(frozen=True)
class Child(_Within):
    """One child."""

    @property
    def schema(self) -> Schema:
        """That of the shape."""
        return self.shape.schema

    def read(self, element: Element) -> Value:
        """The first."""
        found = self._found(element)
        return self.shape.read(found[0]) if found else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add it."""
        made = self.shape.write((self.uri or into.uri, self.name), value, at)
        if made is not None:
            into.children.append(made)


@dataclass(frozen=True)
class Children(_Within):
    """Every child of that name: a list."""

    isText = False

    @property
    def schema(self) -> Schema:
        """A list."""
        return {"type": "array", "items": self.shape.schema}

    def read(self, element: Element) -> Value:
        """All of them."""
        return [self.shape.read(child) for child in self._found(element)] or None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add them."""
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        if len(value) > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint",
                f"The key {at!r} has more than {MAX_ELEMENTS} items.",
            )
        name = (self.uri or into.uri, self.name)
        for number, item in enumerate(value):
            made = self.shape.write(name, item, f"{at}[{number}]")
            if made is not None:
                into.children.append(made)


@dataclass(frozen=True)
class NamedChild:
    """
    A child whose name is the value.

    @ivar values: The names that it may have.
    @ivar many: Whether there may be several: then it is a list.
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
        """One of the names, or a list of them."""
        one = self._scalar.schema
        return {"type": "array", "items": one} if self.many else one

    def names(self, uri: str) -> Iterator[QName]:
        """All of them."""
        return ((self.uri, name) for name in self.values)

    def position(self, element: Element) -> int:
        """Where the first is."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and self._isOne(child):
                return position
        return -1

    def _isOne(self, child: Element) -> bool:
        return child.uri == self.uri and child.name in self.values

    def read(self, element: Element) -> Value:
        """The names of those that are there."""
        found: list[Value] = [c.name for c in elements(element) if self._isOne(c)]
        return (found if self.many else found[0]) if found else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add them."""
        if not self.many:
            into.children.append(element(self.uri, self._scalar.toText(value, at)))
            return
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        for number, item in enumerate(value):
            name = self._scalar.toText(item, f"{at}[{number}]")
            into.children.append(element(self.uri, name))

    def fromText(self, text: str, at: str) -> Value:
        """One name; several have commas between."""
        if self.many:
            names = text.split(",") if text else []
            return [self._scalar.fromText(name, at) for name in names]
        return self._scalar.fromText(text, at)


@dataclass(frozen=True)
class ListShape(NotFormField):
    """
    An element that is a list of what it holds; it may have attributes beside, which
    an object in place of the list gives.

    @ivar name: Of the elements in it.
    @ivar attributes: Those that an object may give.
    """

    name: str
    shape: Shape
    attributes: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """A list."""
        return {"type": "array", "items": self.shape.schema}

    def read(self, element: Element) -> Value:
        """The items; the attributes alone if there are none."""
        found = [self.shape.read(c) for c in elements(element) if c.name == self.name]
        given = {
            key: element[key] for key in self.attributes if element.hasAttribute(key)
        }
        return found or (given if self.attributes else [])

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """All of them."""
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
        """The attributes."""
        return dict.fromkeys(self.attributes, STRING.schema)

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """The attributes."""
        slots = {key: Attribute(key) for key in self.attributes}
        return ObjectShape(slots).fromPairs(pairs, at)


@dataclass(frozen=True)
class CommaSeparated:
    """A list of strings that stand in a form with commas between."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """A list of strings."""
        return {"type": "array", "items": self.scalar.schema}

    def fromText(self, text: str, at: str) -> Value:
        """One or several; none if it is empty."""
        if text.count(",") > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint", f"The key {at!r} has too many values."
            )
        return [*text.split(",")] if text else []


@dataclass(frozen=True)
class VirtualSlot:
    """A key that the record itself puts where it belongs."""

    shape: Scalar | CommaSeparated
    isText = True

    @property
    def schema(self) -> Schema:
        """That of what it stands for."""
        return self.shape.schema

    def position(self, element: Element) -> int:
        """Nowhere."""
        return -1

    def read(self, element: Element) -> Value:
        """The record sees to that."""
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """The record has taken it out before, or has no place for it."""
        raise unprocessable(
            "bad-format", f"The key {at!r} is about another key that is not there."
        )

    def check(self, value: Value, at: str) -> None:
        """
        Look at a value for the record.

        @raise Refusal: 422, it is of another type.
        """
        if isinstance(self.shape, Scalar):
            self.shape.toText(value, at)
            return
        if not isinstance(value, list):
            raise wrongType(at, "a list", value)
        for number, item in enumerate(value):
            self.shape.scalar.toText(item, f"{at}[{number}]")

    def fromText(self, text: str, at: str) -> Value:
        """As it stands in a query."""
        return self.shape.fromText(text, at)
