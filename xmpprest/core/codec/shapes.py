"""
Shapes: the JSON values that elements stand for.

A I{shape} converts one element to a string, true or an object and back. A I{slot}, in
L{slots<xmpprest.core.codec.slots>}, is the place in an element that holds one key of an
object. Each has a JSON Schema (2020-12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza.build import element, elements
from .scalars import (
    BOOLEAN,
    STRING,
    NotRepresentable,
    QName,
    Scalar,
    Schema,
    quoteShort,
    readScalar,
    textOf,
    unknownKey,
    wrongType,
)


class Shape(Protocol):
    """The JSON form of one element."""

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the values."""

    @property
    def isText(self) -> bool:
        """Whether the text of a form field can give such a value."""

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """The schemas of the keys that a form or a query can give."""

    def read(self, element: Element) -> Value:
        """
        Return the value of an element. The element may hold more than the value does.

        @raise NotRepresentable: The element has no such value.
        """

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """
        Make the element for a value.

        @param at: The key, with the keys around it, for errors.
        @return: C{None} for a value that stands for no element.
        @raise Refusal: 422, the value is not of this shape.
        """

    def fromText(self, text: str, at: str) -> Value:
        """
        Convert the text of a form field to a value.

        @raise Refusal: 422, the text stands for no value.
        """

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """
        Return the value for the keys of a form or a query.

        @raise Refusal: 422, a key is unknown, or its text stands for no value.
        """


class Slot(Protocol):
    """The place in an element that holds the value of one key."""

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the key's values."""

    @property
    def isText(self) -> bool:
        """Whether the text of a form field can give such a value."""

    def position(self, element: Element) -> int:
        """
        Return the index of the first child that the key stands for; -1 for no child.
        """

    def read(self, element: Element) -> Value:
        """
        Return the value, or C{None} if it is absent.

        @raise NotRepresentable: The element holds something else in this place.
        """

    def write(self, value: Value, at: str, into: Element) -> None:
        """
        Put a value into an element that is being made.

        @raise Refusal: 422, the value is of another type.
        """

    def fromText(self, text: str, at: str) -> Value:
        """
        Convert the text of a form field to a value.

        @raise Refusal: 422, the text stands for no value.
        """


class NotFormField:
    """Mixin of shapes that no text of a form can stand for."""

    isText = False

    def fromText(self, text: str, at: str) -> Value:
        """
        Refuse any text.

        @raise Refusal: 422, always.
        """
        raise unprocessable(
            "bad-format",
            f"The key {at!r} is not a single value, so no form can hold it; send JSON.",
            at,
        )


class NoFormKeys:
    """Mixin of shapes without keys, which the text of a form can stand for."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return no schemas, because the shape has no keys."""
        return {}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """
        Return true, for a query without keys.

        @raise Refusal: 422, there is a key.
        """
        for key in pairs:
            raise unprocessable(
                "bad-format",
                f"The query {at!r} takes no key {quoteShort(key)}; leave it out.",
            )
        return True


@dataclass(frozen=True)
class Flag(NoFormKeys):
    """An empty element; its value is true."""

    @property
    def schema(self) -> Schema:
        """Return the schema of true."""
        return {"const": True}

    def read(self, element: Element) -> Value:
        """Return true."""
        return True

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the empty element for true or C{{}}, and none for false."""
        if value is False:
            return None
        if value is not True and value != {}:
            raise wrongType(at, "true", value)
        return element(*name)

    def fromText(self, text: str, at: str) -> Value:
        """Return true for an empty text or C{true}, false for C{false}."""
        return BOOLEAN.fromText(text, at)


@dataclass(frozen=True)
class Text(NoFormKeys):
    """An element whose text is the value."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """Return the schema of the scalar."""
        return self.scalar.schema

    def read(self, element: Element) -> Value:
        """Return the text of an element without child elements, as the scalar."""
        return readScalar(self.scalar, textOf(element))

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element with the text."""
        text = self.scalar.toText(value, at)
        return element(*name, None, [text] if text else [])

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field to the scalar."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class AttributeValue(NoFormKeys):
    """An element whose value is that of one of its attributes."""

    attribute: str
    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """Return the schema of the scalar."""
        return self.scalar.schema

    def read(self, element: Element) -> Value:
        """Return the value of the attribute."""
        text = element.getAttribute(self.attribute)
        if text is None:
            raise NotRepresentable
        return readScalar(self.scalar, text)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element with only that attribute."""
        return element(*name, {self.attribute: self.scalar.toText(value, at)})

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field to the scalar."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class ChildValue:
    """
    An element whose value is that of its child of one name.

    @ivar shape: The shape of the child.
    @ivar uri: The namespace of the child; C{None} for that of the element.
    """

    name: str
    shape: Shape
    uri: str | None = None

    @property
    def schema(self) -> Schema:
        """Return the schema of the child's shape."""
        return self.shape.schema

    @property
    def isText(self) -> bool:
        """Whether the text of a form field can give the child's value."""
        return self.shape.isText

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return the schemas of the keys of the child's shape."""
        return self.shape.parameters

    def read(self, element: Element) -> Value:
        """Return the value of the first such child."""
        for child in elements(element):
            if (child.uri, child.name) == (self.uri or element.uri, self.name):
                return self.shape.read(child)
        raise NotRepresentable

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element with the child."""
        inner = self.shape.write((self.uri or name[0], self.name), value, at)
        return element(*name, None, [inner] if inner else [])

    def fromText(self, text: str, at: str) -> Value:
        """Convert the text of a form field to the child's value."""
        return self.shape.fromText(text, at)

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Convert the keys of a URL query to the JSON value of the child."""
        return self.shape.fromPairs(pairs, at)


@dataclass(frozen=True)
class ObjectShape(NotFormField):
    """
    An element whose value is an object. True is read as the empty object.

    @ivar slots: The place of each key's value.
    @ivar required: The keys that the object must have.
    """

    slots: Mapping[str, Slot]
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """Return the schema of an object with these keys and no others."""
        required = {"required": [*self.required]} if self.required else {}
        properties = {key: slot.schema for key, slot in self.slots.items()}
        return {
            "type": "object",
            "properties": properties,
            **required,
            "additionalProperties": False,
        }

    def read(self, element: Element) -> dict[str, Value]:
        """
        Return the keys that are present, in the order in which the element has them.
        """
        found: dict[str, Value] = {}
        for key, slot in self.slots.items():
            value = slot.read(element)
            if value is not None:
                found[key] = value
        if any(key not in found for key in self.required):
            raise NotRepresentable
        if len(found) < 2:
            return found
        order = sorted(found, key=lambda key: self.slots[key].position(element))
        return {key: found[key] for key in order}

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element, with its children in the order of the keys."""
        if value is True:
            value = {}
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        into = element(*name)
        for key, inner in value.items():
            slot = self.slots.get(key)
            if slot is None:
                raise unknownKey(at, key, self.slots)
            if inner is not None:
                slot.write(inner, f"{at}.{key}", into)
        for key in self.required:
            if value.get(key) is None:
                raise unprocessable(
                    "bad-format",
                    f"The key {at!r} needs a {key!r}.",
                    f"{at}.{key}",
                )
        return into

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return the schemas of the keys that a text can stand for."""
        return {key: slot.schema for key, slot in self.slots.items() if slot.isText}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return an object of the keys, each with the value for its text."""
        value = {}
        for key, text in pairs.items():
            if key not in self.slots:
                raise unknownKey(at, key, self.slots)
            value[key] = self.slots[key].fromText(text, f"{at}.{key}")
        return value


@dataclass(frozen=True)
class Shorthand:
    """
    An object for which the string of one of its keys, or true, may stand.

    @ivar shape: The shape of the object.
    @ivar key: The key whose value a string stands for; C{None} if no string may stand
        for the object.
    @ivar shortens: Whether JSON output is shortened, too: to the string, or to true for
        an empty element.
    """

    shape: Shape
    key: str | None = None
    shortens: bool = False
    isText = True

    @property
    def schema(self) -> Schema:
        """
        Return the schema of the object, the string and, if no key is required, true.
        """
        schema = self.shape.schema
        text = [] if self.key is None else [{"type": "string"}]
        empty = [] if "required" in schema else [{"const": True}]
        return {"anyOf": [schema, *text, *empty]}

    def read(self, element: Element) -> Value:
        """Return the object or, if L{shortens} is set, the value that stands for it."""
        value = self.shape.read(element)
        if not self.shortens or not isinstance(value, dict):
            return value
        if self.key is not None and [*value] == [self.key]:
            return value[self.key]
        return value or True

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the element from an object, or from the value that stands for one."""
        if self.key is not None and isinstance(value, str):
            value = {self.key: value}
        return self.shape.write(name, value, at)

    def fromText(self, text: str, at: str) -> Value:
        """Return the string, or true for an empty text."""
        return (self.key is not None and text) or True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return the schemas of the object's keys."""
        return self.shape.parameters

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return an object of the keys, each with the value for its text."""
        return self.shape.fromPairs(pairs, at)
