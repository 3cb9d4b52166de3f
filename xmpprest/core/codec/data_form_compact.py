"""
The compact JSON form of data forms (XEP-0004): only the values of fields, by C{var}.

Fields of the types list-* and jid-multi are arrays, text-multi is one string with line
breaks, boolean a boolean, another type a string or null. A field without a type is an
array.
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

#: The types of fields whose compact value is an array.
_ARRAYS = frozenset({"jid-multi", "list-multi", "list-single", None})

#: The schema of a compact form.
COMPACT: Schema = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "null"}, ONE_VALUE, {"type": "array", "items": ONE_VALUE}]
    },
}


def toCompactForm(form: Element) -> dict[str, Value] | None:
    """
    Return the values of a form's fields by C{var}.

    @return: C{None} if two fields have one name, or a value holds elements.
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
    Make a form to submit.

    @param formType: The FORM_TYPE (XEP-0068).
    @param values: The values by C{var}.
    """
    checkFormSize({**values}, at)
    fields = [fieldOf(FORM_TYPE, formType, at, "hidden")]
    fields += [fieldOf(var, value, f"{at}.{var}") for var, value in values.items()]
    return element(ns.DATA, "x", {"type": "submit"}, fields)


@dataclass(frozen=True)
class CompactForm(NotFormField):
    """A form in an element, in compact form: one to submit, or a result."""

    @property
    def schema(self) -> Schema:
        """Return the schema of an object of values."""
        return COMPACT

    def position(self, element: Element) -> int:
        """
        Return a position behind all children, so that the complete form comes first.
        """
        return len(element.children)

    def read(self, element: Element) -> Value:
        """
        Return the values of a form of type submit or result; C{None} for other forms.
        """
        for child in elements(element):
            if (child.uri, child.name) == (ns.DATA, "x"):
                isFilled = child.getAttribute("type") in ("submit", "result")
                return toCompactForm(child) if isFilled else None
        return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add a form to submit; the lines of a text become values of their own."""
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
