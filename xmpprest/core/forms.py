"""
Data forms (XEP-0004) in JSON: whole, and in short.

A whole form is an object with all that the form says. A compact one is only what its
fields hold, by their C{var}: lists as arrays, several lines as one string, booleans as
booleans, other typed fields as a string or null, and what has no type as an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .errors import unprocessable
from .parser import MAX_ELEMENTS
from .scalars import QName, Schema, Unfit, string, textOf, wrong
from .shapes import Flag, NoText, Record, Text
from .slots import Attribute, Child, Children, ListOf
from .stanza import element, elements
from .values import Value

#: XEP-0068
FORM_TYPE = "FORM_TYPE"

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

#: Those that may have several values, apart from lines of text.
_MULTI = frozenset({"jid-multi", "list-multi"})
#: Those that are an array in a compact form.
_ARRAYS = frozenset({"jid-multi", "list-multi", "list-single", None})


def _texts(field: Element) -> list[str]:
    """
    The values of a field.

    @raise Unfit: One of them is no text.
    """
    return [textOf(child) for child in elements(field) if child.name == "value"]


_ONE: Schema = {"type": ["string", "boolean", "number"]}
_VALUES: Schema = {"anyOf": [_ONE, {"type": "array", "items": _ONE}]}


@dataclass(frozen=True)
class _Values:
    """
    What a field holds.

    @ivar reads: Whether what is read stands under this key.
    """

    reads: bool = True
    isText = True

    @property
    def schema(self) -> Schema:
        """A value or several."""
        return _VALUES

    def position(self, element: Element) -> int:
        """Where the first is."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and child.name == "value":
                return position
        return -1

    def read(self, element: Element) -> Value:
        """A string, or for several an array; lines of text as one string."""
        if not self.reads:
            return None
        type, texts = element.getAttribute("type"), _texts(element)
        if type in _MULTI or (len(texts) > 1 and type != "text-multi"):
            return [*texts]
        return "\n".join(texts) if texts else None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Each value in an element of its own."""
        isLines = into.getAttribute("type") == "text-multi"
        for text in _asTexts(value, at, isLines):
            _addValue(into, text)

    def fromText(self, text: str, at: str) -> Value:
        """The text."""
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
        raise wrong(at, "a string, a number, a boolean or a list of them", value)
    return value


def _checkSize(form: Value, at: str) -> None:
    """
    Refuse a form before it is made that would have too many values: each item of a
    list is one, and each line of a text may be.

    @raise Refusal: 422.
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
                f"The key {at!r} has more than {MAX_ELEMENTS} values.",
            )


def _addValue(field: Element, text: str) -> None:
    field.children.append(element(ns.DATA, "value", None, [text] if text else []))


class _Field(Record):
    """A field, as XEP-0004 §3.2 has it."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The type first: it says how values are written."""
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
            Record({"label": Attribute("label"), "value": Child("value", Text())}),
        ),
    }
)


@dataclass(frozen=True)
class _Item(NoText):
    """A row of results (XEP-0004 §3.4): an object, by C{var}."""

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Any, so none in particular."""
        return {}

    @property
    def schema(self) -> Schema:
        """An object of values."""
        return {"type": "object", "additionalProperties": _VALUES}

    def read(self, element: Element) -> Value:
        """Each field, a string, or an array if it has not one value."""
        row: dict[str, Value] = {}
        for field in elements(element):
            texts = _texts(field)
            var = field.getAttribute("var")
            if var is None or var in row:
                raise Unfit
            row[var] = texts[0] if len(texts) == 1 else [*texts]
        return row

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """A field for each key."""
        if not isinstance(value, dict):
            raise wrong(at, "an object", value)
        return element(
            *name, None, [_field(v, inner, f"{at}.{v}") for v, inner in value.items()]
        )

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """All of them."""
        return {**pairs}


def _field(var: str, value: Value, at: str, type: str | None = None) -> Element:
    """A field that holds a value, or null for none."""
    attributes = {"var": var, "type": type} if type else {"var": var}
    made = element(ns.DATA, "field", attributes)
    for text in () if value is None else _asTexts(value, at, type == "text-multi"):
        _addValue(made, text)
    return made


class _DataForm(Record):
    """A whole form."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The form, unless it would be too large."""
        _checkSize(value, at)
        return super().write(name, value, at)


DATA_FORM = _DataForm(
    {
        "type": Attribute("type", string("cancel", "form", "result", "submit")),
        "title": Child("title", Text()),
        "instructions": Child("instructions", Text()),
        "fields": Children("field", FIELD),
        "reported": Child("reported", ListOf("field", FIELD)),
        "items": Children("item", _Item()),
    }
)


def submit(formType: str, values: Mapping[str, Value], at: str) -> Element:
    """
    A form to submit.

    @param formType: What it is about (XEP-0068).
    @param values: By C{var}.
    """
    _checkSize({**values}, at)
    fields = [_field(FORM_TYPE, formType, at, "hidden")]
    fields += [_field(var, value, f"{at}.{var}") for var, value in values.items()]
    return element(ns.DATA, "x", {"type": "submit"}, fields)


def _compact(form: Element) -> dict[str, Value] | None:
    """
    What the fields of a form hold, by their C{var}; C{None} if two have one name, or
    one holds no text.
    """
    values: dict[str, Value] = {}
    for field in elements(form):
        var = field.getAttribute("var")
        if field.name != "field" or var is None:
            continue
        try:
            texts = _texts(field)
        except Unfit:
            return None
        if var in values:
            return None
        values[var] = _compactValue(field.getAttribute("type"), texts)
    return values


def _compactValue(type: str | None, texts: list[str]) -> Value:
    if type in _ARRAYS:
        return [*texts]
    if type == "text-multi":
        return "\n".join(texts)
    if type == "boolean":
        return texts[:1] in (["1"], ["true"])
    return texts[0] if texts else None


def _typeOf(value: Value) -> str | None:
    """The type that reads back as such a value."""
    if isinstance(value, list):
        return None
    if isinstance(value, bool):
        return "boolean"
    isLines = isinstance(value, str) and "\n" in value
    return "text-multi" if isLines else "text-single"


_COMPACT: Schema = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "null"}, _ONE, {"type": "array", "items": _ONE}]
    },
}


@dataclass(frozen=True)
class CompactForm(NoText):
    """A form that an element holds, in short: to be submitted, or a result."""

    @property
    def schema(self) -> Schema:
        """An object of values."""
        return _COMPACT

    def position(self, element: Element) -> int:
        """After what stands there in full."""
        return len(element.children)

    def read(self, element: Element) -> Value:
        """What the form holds, if it asks for nothing."""
        for child in elements(element):
            if (child.uri, child.name) == (ns.DATA, "x"):
                isFilled = child.getAttribute("type") in ("submit", "result")
                return _compact(child) if isFilled else None
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """A form to submit, whose lines of text are told apart."""
        _checkSize(value, at)
        if not isinstance(value, dict):
            raise wrong(at, "an object", value)
        fields = [
            _field(var, _lines(inner), f"{at}.{var}") for var, inner in value.items()
        ]
        into.children.append(element(ns.DATA, "x", {"type": "submit"}, fields))


def _lines(value: Value) -> Value:
    isLines = isinstance(value, str) and "\n" in value
    return [*value.split("\n")] if isLines and isinstance(value, str) else value


@dataclass(frozen=True)
class Extensions(NoText):
    """The forms of a disco#info result (XEP-0128), in short, by their FORM_TYPE."""

    @property
    def schema(self) -> Schema:
        """An object of compact forms."""
        return {"type": "object", "additionalProperties": _COMPACT}

    def position(self, element: Element) -> int:
        """Where the first is."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and child.uri == ns.DATA:
                return position
        return -1

    def read(self, element: Element) -> Value:
        """All that have a FORM_TYPE."""
        forms: dict[str, Value] = {}
        for child in elements(element):
            if (child.uri, child.name) == (ns.DATA, "x"):
                form = _compact(child)
                if form is None:
                    continue
                name = form.pop(FORM_TYPE, None)
                if isinstance(name, list):
                    name = name[0] if name else None
                if isinstance(name, str):
                    forms[name] = form
        return forms or None

    def write(self, value: Value, at: str, into: Element) -> None:
        """A form of type result for each."""
        _checkSize(value, at)
        if not isinstance(value, dict):
            raise wrong(at, "an object", value)
        for name, form in value.items():
            if not isinstance(form, dict):
                raise wrong(f"{at}.{name}", "an object", form)
            fields = [_field(FORM_TYPE, name, at, "hidden")]
            fields += [
                _field(var, inner, f"{at}.{name}.{var}", _typeOf(inner))
                for var, inner in form.items()
            ]
            into.children.append(element(ns.DATA, "x", {"type": "result"}, fields))
