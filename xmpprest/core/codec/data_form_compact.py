"""
Data forms (XEP-0004) in JSON, in short: only what the fields hold, by their C{var}.

Lists are arrays, several lines one string, booleans are booleans, other typed fields a
string or null, and what has no type is an array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import element, elements
from .data_form import ONE_VALUE, checkFormSize, fieldOf, textsOf
from .scalars import NotRepresentable, Schema, wrongType
from .shapes import NotFormField

#: XEP-0068
FORM_TYPE = "FORM_TYPE"

#: The types of fields that are an array.
_ARRAYS = frozenset({"jid-multi", "list-multi", "list-single", None})

#: The schema of such a form.
COMPACT: Schema = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "null"}, ONE_VALUE, {"type": "array", "items": ONE_VALUE}]
    },
}


def toCompactForm(form: Element) -> dict[str, Value] | None:
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
            texts = textsOf(field)
        except NotRepresentable:
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


def toSubmitForm(formType: str, values: Mapping[str, Value], at: str) -> Element:
    """
    A form to submit.

    @param formType: What it is about (XEP-0068).
    @param values: By C{var}.
    """
    checkFormSize({**values}, at)
    fields = [fieldOf(FORM_TYPE, formType, at, "hidden")]
    fields += [fieldOf(var, value, f"{at}.{var}") for var, value in values.items()]
    return element(ns.DATA, "x", {"type": "submit"}, fields)


@dataclass(frozen=True)
class CompactForm(NotFormField):
    """A form that an element holds, in short: to be submitted, or a result."""

    @property
    def schema(self) -> Schema:
        """An object of values."""
        return COMPACT

    def position(self, element: Element) -> int:
        """After what stands there in full."""
        return len(element.children)

    def read(self, element: Element) -> Value:
        """What the form holds, if it asks for nothing."""
        for child in elements(element):
            if (child.uri, child.name) == (ns.DATA, "x"):
                isFilled = child.getAttribute("type") in ("submit", "result")
                return toCompactForm(child) if isFilled else None
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """A form to submit, whose lines of text are told apart."""
        checkFormSize(value, at)
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        fields = [
            fieldOf(var, _lines(inner), f"{at}.{var}") for var, inner in value.items()
        ]
        into.children.append(element(ns.DATA, "x", {"type": "submit"}, fields))


def _lines(value: Value) -> Value:
    isLines = isinstance(value, str) and "\n" in value
    return [*value.split("\n")] if isLines and isinstance(value, str) else value
