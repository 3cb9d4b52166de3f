"""
How JSON values stand in XML elements: the few shapes that the table of keys is made of.

A I{shape} says what one element is in JSON: a string, true, an object. A I{slot} says
where in an element one key of an object is kept: in an attribute, in the text, in a
child. Each is read, written, and described by a JSON Schema (2020-12).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from twisted.words.xish.domish import Element

from .errors import Refusal, unprocessable
from .parser import Name
from .stanza import element, elements
from .values import Value

#: A JSON Schema.
Schema: TypeAlias = Mapping[str, Any]

#: A namespace and a local name.
QName: TypeAlias = tuple[str, str]


class Unfit(Exception):
    """An element is not of the shape that it should be; nobody's fault."""


def wrong(at: str, expected: str, value: Value) -> Refusal:
    """
    Refuse a value of the wrong type.

    @param at: Its key, with the keys around it, as in C{"oob.url"}.
    @param expected: What it should be, as in C{"a string"}.
    """
    called = "null" if value is None else _CALLED.get(type(value), "a number")
    if called == "a number" and "integer" in expected:
        called = str(value)
    elif isinstance(value, str) and expected.startswith("one of"):
        called = shown(value)
    return unprocessable(
        "bad-format", f"The key {at!r} must be {expected}, not {called}."
    )


def unknown(at: str, key: str, known: Iterable[str]) -> Refusal:
    """
    Refuse a key that nobody knows, with the one that may have been meant.

    @param at: The keys around it, or empty.
    """
    nearest = difflib.get_close_matches(key, known, 1, 0.6)
    hint = (
        f"did you mean {nearest[0]!r}?"
        if nearest
        else f"known here are {', '.join(sorted(known))}."
    )
    where = f" in {at!r}" if at else ""
    return unprocessable(
        "bad-format", f"The key {shown(key)}{where} is not known; {hint}"
    )


def shown(text: str) -> str:
    """A text of somebody's as part of a sentence: quoted, and not too long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


_CALLED = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}


# --- scalars --------------------------------------------------------------------


@dataclass(frozen=True)
class Scalar:
    """
    A value that is written as text.

    @ivar called: What it is called in a sentence.
    @ivar read: From text; raises C{ValueError}.
    @ivar write: To text; raises C{ValueError} for any other value.
    """

    called: str
    schema: Schema
    read: Callable[[str], Value]
    write: Callable[[Any], str]

    def fromText(self, text: str, at: str) -> Value:
        """
        The value that a text of a form or a query stands for.

        @raise Refusal: 422, it is none.
        """
        try:
            return self.read(text)
        except ValueError:
            raise unprocessable(
                "bad-format",
                f"The key {at!r} must be {self.called}, not {shown(text)}.",
            ) from None

    def toText(self, value: Value, at: str) -> str:
        """
        The text of a value.

        @raise Refusal: 422, it is of another type.
        """
        try:
            return self.write(value)
        except (TypeError, ValueError):
            raise wrong(at, self.called, value) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def string(*values: str, **schema: Any) -> Scalar:
    """
    A string.

    @param values: Those that are possible, if not all.
    @param schema: More of its schema.
    """

    def known(value: Any) -> str:
        if value not in values:
            raise ValueError
        return _text(value)

    if not values:
        return Scalar("a string", {"type": "string", **schema}, str, _text)
    called = "one of " + ", ".join(values)
    return Scalar(called, {"type": "string", "enum": [*values]}, known, known)


def integer(low: int = 0, high: int = 2**63 - 1) -> Scalar:
    """A whole number from one to another."""

    def checked(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)  # as JSON Schema has it, and languages without integers
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    called = f"an integer from {low} to {high}"
    if high > 2**32:
        called = f"an integer of at least {low}"
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(called, schema, lambda t: checked(_int(t)), lambda v: str(checked(v)))


#: What Python takes for a number, and others do not, as 1_000.
_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:[Ee][+-]?[0-9]+)?")


def _int(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError
    return int(text)


def _number(value: Any) -> int | float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return value  # type: ignore[no-any-return]  # one of the two, as just seen


def _readNumber(text: str) -> int | float:
    if _DIGITS.fullmatch(text) and abs(number := int(text)) < 2**63:
        return number
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return _number(float(text))


def _boolean(value: Any) -> str:
    if type(value) is not bool:
        raise TypeError
    return "true" if value else "false"


_BOOLEANS = {"true": True, "1": True, "": True, "false": False, "0": False}


def _readBoolean(text: str) -> bool:
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise ValueError from None


STRING = string()
JID = string(format="xmpp-jid")
URI = string(format="uri")
#: XEP-0082
DATETIME = string(format="date-time")
BOOLEAN = Scalar("true or false", {"type": "boolean"}, _readBoolean, _boolean)
NUMBER = Scalar("a number", {"type": "number"}, _readNumber, lambda v: str(_number(v)))


# --- shapes ---------------------------------------------------------------------


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


class _NoText:
    """A shape that no text of a form stands for."""

    isText = False

    def fromText(self, text: str, at: str) -> Value:
        """Refuse it."""
        raise unprocessable(
            "bad-format",
            f"The key {at!r} is no single value, so no form can hold it; send JSON.",
        )


class _NoPairs:
    """A shape without keys, which a text stands for."""

    isText = True

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """None."""
        return {}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Refuse any key."""
        for key in pairs:
            raise unprocessable("bad-format", f"{at!r} takes no {shown(key)}.")
        return True


@dataclass(frozen=True)
class Flag(_NoPairs):
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
            raise wrong(at, "true", value)
        return element(*name)

    def fromText(self, text: str, at: str) -> Value:
        """An empty text, or C{true}."""
        return BOOLEAN.fromText(text, at)


@dataclass(frozen=True)
class Text(_NoPairs):
    """An element whose text is the value."""

    scalar: Scalar = STRING

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def read(self, element: Element) -> Value:
        """The text; no elements between."""
        return _readScalar(self.scalar, textOf(element))

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The text in the element."""
        text = self.scalar.toText(value, at)
        return element(*name, None, [text] if text else [])

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class Only(_NoPairs):
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
            raise Unfit
        return _readScalar(self.scalar, text)

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element with nothing but the attribute."""
        return element(*name, {self.attribute: self.scalar.toText(value, at)})

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class Inner(_NoPairs):
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
        raise Unfit

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The one in the other."""
        inner = self.text.write((name[0], self.name), value, at)
        return element(*name, None, [inner] if inner else [])

    def fromText(self, text: str, at: str) -> Value:
        """As the text does."""
        return self.text.fromText(text, at)


def _readScalar(scalar: Scalar, text: str) -> Value:
    try:
        return scalar.read(text)
    except ValueError:
        raise Unfit from None


def textOf(element: Element) -> str:
    """
    The text of an element.

    @raise Unfit: It holds other elements.
    """
    if not all(isinstance(child, str) for child in element.children):
        raise Unfit
    return "".join(element.children)


@dataclass(frozen=True)
class Record(_NoText):
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
            raise Unfit
        order = sorted(found, key=lambda key: self.slots[key].position(element))
        return {key: found[key] for key in order if found[key] is not None}

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The element, its children in the order of the keys."""
        if value is True:
            value = {}
        if not isinstance(value, dict):
            raise wrong(at, "an object", value)
        into = element(*name)
        for key, inner in value.items():
            slot = self.slots.get(key)
            if slot is None:
                raise unknown(at, key, self.slots)
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
                raise unknown(at, key, self.slots)
            value[key] = self.slots[key].fromText(text, f"{at}.{key}")
        return value


@dataclass(frozen=True)
class Short:
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


@dataclass(frozen=True)
class ListOf(_NoText):
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
            return Record(slots).write(name, value, at)
        if not isinstance(value, list):
            raise wrong(at, "a list", value)
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
        return Record(slots).fromPairs(pairs, at)


# --- slots ----------------------------------------------------------------------


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


@dataclass(frozen=True)
class Attribute:
    """
    @ivar name: Of the attribute.
    """

    name: Name
    scalar: Scalar = STRING
    isText = True

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def position(self, element: Element) -> int:
        """Before all children."""
        return -1

    def read(self, element: Element) -> Value:
        """Its value."""
        text = element.attributes.get(self.name)
        return None if text is None else _readScalar(self.scalar, text)

    def write(self, value: Value, at: str, into: Element) -> None:
        """Set it."""
        into.attributes[self.name] = self.scalar.toText(value, at)

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


@dataclass(frozen=True)
class Content:
    """The element's own text."""

    scalar: Scalar = STRING
    isText = True

    @property
    def schema(self) -> Schema:
        """That of the scalar."""
        return self.scalar.schema

    def position(self, element: Element) -> int:
        """Before all children: there are none."""
        return -1

    def read(self, element: Element) -> Value:
        """The text, unless it is empty."""
        text = textOf(element)
        return _readScalar(self.scalar, text) if text else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add it."""
        text = self.scalar.toText(value, at)
        if text:
            into.children.append(text)

    def fromText(self, text: str, at: str) -> Value:
        """As the scalar does."""
        return self.scalar.fromText(text, at)


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
            raise wrong(at, "a list", value)
        name = (self.uri or into.uri, self.name)
        for number, item in enumerate(value):
            made = self.shape.write(name, item, f"{at}[{number}]")
            if made is not None:
                into.children.append(made)


@dataclass(frozen=True)
class Choice:
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
            raise wrong(at, "a list", value)
        for number, item in enumerate(value):
            name = self._scalar.toText(item, f"{at}[{number}]")
            into.children.append(element(self.uri, name))

    def fromText(self, text: str, at: str) -> Value:
        """One name; several have commas between."""
        if self.many:
            names = text.split(",") if text else []
            return [self._scalar.fromText(name, at) for name in names]
        return self._scalar.fromText(text, at)
