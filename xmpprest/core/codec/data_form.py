"""
The complete JSON form of data forms (XEP-0004). Their compact form is in
L{data_form_compact<xmpprest.core.codec.data_form_compact>}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import element, elements
from ..stanza.parser import MAX_ELEMENTS
from .scalars import NotRepresentable, QName, Schema, string, textOf, wrongType
from .shapes import Flag, NotFormField, ObjectShape, Text
from .slots import Attribute, Child, Children, ListShape

#: XEP-0004 §3.3: the types of fields.
FIELD_TYPES = (
    "boolean",
    "fixed",
    "hidden",
    "jid-multi",
    "jid-single",
    "list-multi",
    "list-single",
    "text-multi",
    "text-private",
    "text-single",
)

#: The types whose values are a list; text-multi, whose values are lines, is not.
_MULTI = frozenset({"jid-multi", "list-multi"})


def textsOf(field: Element) -> list[str]:
    """
    Return the values of a field.

    @raise NotRepresentable: A value holds elements.
    """
    return [textOf(child) for child in elements(field) if child.name == "value"]


#: The schema of one value of a field.
ONE_VALUE: Schema = {"type": ["string", "boolean", "number"]}
_VALUES: Schema = {"anyOf": [ONE_VALUE, {"type": "array", "items": ONE_VALUE}]}


@dataclass(frozen=True)
class _Values:
    """
    The values of a field.

    @ivar reads: Whether JSON output uses this key.
    """

    reads: bool = True
    isText = True

    @property
    def schema(self) -> Schema:
        """Return the schema of one value or of a list of values."""
        return _VALUES

    def position(self, element: Element) -> int:
        """Return the index of the first value, or -1."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and child.name == "value":
                return position
        return -1

    def read(self, element: Element) -> Value:
        """
        Return a string, a list for several values, or the lines of text-multi as one
        string.
        """
        if not self.reads:
            return None
        type, texts = element.getAttribute("type"), textsOf(element)
        if type in _MULTI or (len(texts) > 1 and type != "text-multi"):
            return [*texts]
        return "\n".join(texts) if texts else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add an element for each value, or for each line of text-multi."""
        isLines = into.getAttribute("type") == "text-multi"
        for text in _asTexts(value, at, isLines):
            _addValue(into, text)

    def fromText(self, text: str, at: str) -> Value:
        """Return the text unchanged."""
        return text


def _asTexts(value: Value, at: str, isLines: bool) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield _asText(item, f"{at}[{number}]")
    elif isLines and isinstance(value, str):
        yield from value.split("\n")
    else:
        yield _asText(value, at)


def _asText(value: Value, at: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise wrongType(at, "a string, a number, a boolean or a list of them", value)
    return value


def checkFormSize(form: Value, at: str) -> None:
    """
    Check, before a form is made, how many values it would have: each item of a list is
    one, and each line of a text may be one.

    @raise Refusal: 422, the form would have too many.
    """
    number, values = 0, [form]
    while values:
        value = values.pop()
        if isinstance(value, str):
            number += value.count("\n")
        elif isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += value.values()
        number += 1
        if number > MAX_ELEMENTS:
            raise unprocessable(
                "resource-constraint",
                f"The key {at!r} has more than {MAX_ELEMENTS} values; send fewer.",
                at,
            )


def _addValue(field: Element, text: str) -> None:
    field.children.append(element(ns.DATA, "value", None, [text] if text else []))


class _Field(ObjectShape):
    """A field of a form (XEP-0004 §3.2)."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """
        Make the field. Its type is set before its values, because the type determines
        how these
        are written.
        """
        if isinstance(value, dict):
            if value.get("value") is not None and value.get("values") is not None:
                raise unprocessable(
                    "bad-format",
                    f"The key {at!r} has both 'value' and 'values'; leave one of them"
                    " out.",
                )
            value = {"type": None, **value}
        return super().write(name, value, at)


FIELD = _Field(
    {
        "var": Attribute("var"),
        "type": Attribute("type", string(*FIELD_TYPES)),
        "label": Attribute("label"),
        "desc": Child("desc", Text()),
        "required": Child("required", Flag()),
        "value": _Values(),
        "values": _Values(reads=False),
        "options": Children(
            "option",
            ObjectShape({"label": Attribute("label"), "value": Child("value", Text())}),
        ),
    }
)


@dataclass(frozen=True)
class _Item(NotFormField):
    """One item of a form's results (XEP-0004 §3.4): an object of values by C{var}."""

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return no schemas, because the keys of an item are not fixed."""
        return {}

    @property
    def schema(self) -> Schema:
        """Return the schema of an object of values."""
        return {"type": "object", "additionalProperties": _VALUES}

    def read(self, element: Element) -> Value:
        """Return the fields by C{var}: a string for one value, else a list."""
        row: dict[str, Value] = {}
        for field in elements(element):
            texts = textsOf(field)
            var = field.getAttribute("var")
            if var is None or var in row:
                raise NotRepresentable
            row[var] = texts[0] if len(texts) == 1 else [*texts]
        return row

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the item with a field for each key."""
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        return element(
            *name, None, [fieldOf(v, inner, f"{at}.{v}") for v, inner in value.items()]
        )

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return the texts by key, unchanged."""
        return {**pairs}


def fieldOf(var: str, value: Value, at: str, type: str | None = None) -> Element:
    """Make a field with a value or a list of values; null makes none."""
    attributes = {"var": var, "type": type} if type else {"var": var}
    made = element(ns.DATA, "field", attributes)
    for text in () if value is None else _asTexts(value, at, type == "text-multi"):
        _addValue(made, text)
    return made


class _DataForm(ObjectShape):
    """A complete form."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the form, unless it would be too large."""
        checkFormSize(value, at)
        return super().write(name, value, at)


DATA_FORM = _DataForm(
    {
        "type": Attribute("type", string("cancel", "form", "result", "submit")),
        "title": Child("title", Text()),
        "instructions": Child("instructions", Text()),
        "fields": Children("field", FIELD),
        "reported": Child("reported", ListShape("field", FIELD)),
        "items": Children("item", _Item()),
    }
)
