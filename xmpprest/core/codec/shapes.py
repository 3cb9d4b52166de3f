"""
What one element is in JSON: the few shapes that the table of keys is made of.

A I{shape} says what an element is: a string, true, an object. A I{slot}, in
L{slots<xmpprest.core.codec.slots>}, says where in an element one key of an object is
kept. Each is read, written, and described by a JSON Schema (2020-12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What one element is in JSON."""

    @property
    def schema(self) -> Schema:
        """The values that it takes."""

    @property
    def isText(self) -> bool:
        """Whether a text in a form can stand for it."""

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """The keys that it has in a form or a query."""

    def read(self, element: Element) -> Value:
        """
        The value of an element, which may say more than the value does.

        @raise Unfit: It has none.
        """

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """
        The element for a value; C{None} for one that is left out.

        @raise Refusal: 422, it is not of this shape.
        """

    def fromText(self, text: str, at: str) -> Value:
        """
        The value that stands in a form as this text.

        @raise Refusal: 422, there is none.
        """

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """
        The value whose keys stand in a form or a query.

        @raise Refusal: 422, a key is unknown, or its text wrong.
        """


class Slot(Protocol):
    """Where in an element one key is kept."""

    @property
    def schema(self) -> Schema:
        """The values that the key takes."""

    @property
    def isText(self) -> bool:
        """Whether a text in a form can stand for it."""

    def position(self, element: Element) -> int:
        """Where it begins among the children; for what is no child, before them."""

    def read(self, element: Element) -> Value:
        """
        The value, or C{None} if it is not there.

        @raise Unfit: It is there, and is none.
        """

    def write(self, value: Value, at: str, into: Element) -> None:
        """
        Put the value into an element that is being made.

        @raise Refusal: 422, it is of another type.
        """

    def fromText(self, text: str, at: str) -> Value:
        """See L{Shape.fromText}."""


class NotFormField:
    """A shape that no text of a form stands for."""

    isText = False

    def fromText(self, text: str, at: str) -> Value:
        """Refuse it."""
        raise unprocessable(
            "bad-format",
            f"The key {at!r} is no single value, so no form can hold it; send JSON.",
        )


class NoFormKeys:
    """A shape without keys, which a text stands for."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """None."""
        return {}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Refuse any key."""
        for key in pairs:
            raise unprocessable("bad-format", f"{at!r} takes no {quoteShort(key)}.")
        return True


@dataclass(frozen=True)
class Flag(NoFormKeys):
    """An element that is there: true."""

    @property
    def schema(self) -> Schema:
        """True."""
        return {"const": True}

    def read(self, element: Element) -> Value:
        """It is there."""
        return True

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The empty element for true; false and an empty object are understood."""
        if value is False:
            return None
        if value is not True and value != {}:
            raise wrongType(at, "true", value)
        return element(*name)

    def fromText(self, text: str, at: str) -> Value:
        """An empty text, or C{true}."""
        return BOOLEAN.fromText(text, at)


@dataclass(frozen=True)
class Text(NoFormKeys):
    """An element whose text is the value."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def read(self, element: Element) -> Value:
        """The text; no elements between."""
        return readScalar(self.scalar, textOf(element))

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The text in the element."""
        text = self.scalar.toText(value, at)
        return element(*name, None, [text] if text else [])

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class AttributeValue(NoFormKeys):
    """An element one of whose attributes is the value."""

    attribute: str
    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def read(self, element: Element) -> Value:
        """The attribute."""
        text = element.getAttribute(self.attribute)
        if text is None:
            raise NotRepresentable
        return readScalar(self.scalar, text)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element with nothing but the attribute."""
        return element(*name, {self.attribute: self.scalar.toText(value, at)})

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class ChildText(NoFormKeys):
    """An element whose one child has the value as its text."""

    name: str
    text: Text = field(default_factory=Text)

    @property
    def schema(self) -> Schema:
        """That of the text."""
        return self.text.schema

    def read(self, element: Element) -> Value:
        """The text of the first such child."""
        for child in elements(element):
            if child.name == self.name:
                return self.text.read(child)
        raise NotRepresentable

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The one in the other."""
        inner = self.text.write((name[0], self.name), value, at)
        return element(*name, None, [inner] if inner else [])

    def fromText(self, text: str, at: str) -> Value:
        """As the text does."""
        return self.text.fromText(text, at)


@dataclass(frozen=True)
class ObjectShape(NotFormField):
    """
    An element that is an object; C{true} in its place is the empty one.

    @ivar slots: Where each key is kept.
    @ivar required: The keys that must be there.
    """

    slots: Mapping[str, Slot]
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """An object with these keys and no others."""
        required = {"required": [*self.required]} if self.required else {}
        properties = {key: slot.schema for key, slot in self.slots.items()}
        return {
            "type": "object",
            "properties": properties,
            **required,
            "additionalProperties": False,
        }

    def read(self, element: Element) -> dict[str, Value]:
        """The keys that are there, in the order in which the element has them."""
        found = {key: slot.read(element) for key, slot in self.slots.items()}
        if any(found[key] is None for key in self.required):
            raise NotRepresentable
        order = sorted(found, key=lambda key: self.slots[key].position(element))
        return {key: found[key] for key in order if found[key] is not None}

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element, its children in the order of the keys."""
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
                raise unprocessable("bad-format", f"The key {at!r} needs a {key!r}.")
        return into

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """The keys that a text can stand for."""
        return {key: slot.schema for key, slot in self.slots.items() if slot.isText}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Each key from its text."""
        value = {}
        for key, text in pairs.items():
            if key not in self.slots:
                raise unknownKey(at, key, self.slots)
            value[key] = self.slots[key].fromText(text, f"{at}.{key}")
        return value


@dataclass(frozen=True)
class Shorthand:
    """
    An object that one of its keys, or true, may stand for.

    @ivar shape: The object's.
    @ivar key: What a string stands for, if anything.
    @ivar shortens: Whether what is read is shortened, too: to the string, or if
        the element is empty, to true.
    """

    shape: Shape
    key: str | None = None
    shortens: bool = False
    isText = True

    @property
    def schema(self) -> Schema:
        """The object, the string or, where no key must be there, true."""
        schema = self.shape.schema
        text = [] if self.key is None else [{"type": "string"}]
        empty = [] if "required" in schema else [{"const": True}]
        return {"anyOf": [schema, *text, *empty]}

    def read(self, element: Element) -> Value:
        """The object, or what stands for it."""
        value = self.shape.read(element)
        if not self.shortens or not isinstance(value, dict):
            return value
        if self.key is not None and [*value] == [self.key]:
            return value[self.key]
        return value or True

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The same, whichever way it is given."""
        if self.key is not None and isinstance(value, str):
            value = {self.key: value}
        return self.shape.write(name, value, at)

    def fromText(self, text: str, at: str) -> Value:
        """The string, or true for an empty one."""
        return (self.key is not None and text) or True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Those of the object."""
        return self.shape.parameters

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Those of the object."""
        return self.shape.fromPairs(pairs, at)
