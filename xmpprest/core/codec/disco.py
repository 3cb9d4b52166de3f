"""Shapes of service discovery (XEP-0030): identities, features, forms and items."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import element, elements
from .data_form import checkFormSize, fieldOf
from .data_form_compact import COMPACT, FORM_TYPE, toCompactForm
from .scalars import JID, Schema, wrongType
from .shapes import AttributeValue, NotFormField, ObjectShape, Shorthand
from .slots import Attribute, Children, ListShape


@dataclass(frozen=True)
class ExtensionForms(NotFormField):
    """The extension forms of a disco#info result (XEP-0128), compact, by FORM_TYPE."""

    @property
    def schema(self) -> Schema:
        """Return the schema of an object of compact forms."""
        return {"type": "object", "additionalProperties": COMPACT}

    def position(self, element: Element) -> int:
        """Return the index of the first form, or -1."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and child.uri == ns.DATA:
                return position
        return -1

    def read(self, element: Element) -> Value:
        """Return the forms that have a FORM_TYPE; C{None} if there are none."""
        forms: dict[str, Value] = {}
        for child in elements(element):
            if (child.uri, child.name) == (ns.DATA, "x"):
                form = toCompactForm(child)
                if form is None:
                    continue
                name = form.pop(FORM_TYPE, None)
                if isinstance(name, list):
                    name = name[0] if name else None
                if isinstance(name, str):
                    forms[name] = form
        return forms or None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add a data form of type result to the parent element for each FORM_TYPE."""
        checkFormSize(value, at)
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        for name, form in value.items():
            if not isinstance(form, dict):
                raise wrongType(f"{at}.{name}", "an object", form)
            fields = [fieldOf(FORM_TYPE, name, at, "hidden")]
            fields += [
                fieldOf(var, inner, f"{at}.{name}.{var}", _typeOf(inner))
                for var, inner in form.items()
            ]
            into.children.append(element(ns.DATA, "x", {"type": "result"}, fields))


def _typeOf(value: Value) -> str | None:
    """Return the field type whose compact value is of this type."""
    if isinstance(value, list):
        return None
    if isinstance(value, bool):
        return "boolean"
    isLines = isinstance(value, str) and "\n" in value
    return "text-multi" if isLines else "text-single"


class _Info(ObjectShape):
    """A disco#info element; a result always has both lists, as in mod_rest."""

    def read(self, element: Element) -> dict[str, Value]:
        """
        Return the keys; identities and features are lists unless the element is a
        request.
        """
        found = super().read(element)
        if found.keys() - {"node"}:
            found.setdefault("identities", [])
            found.setdefault("features", [])
        return found


_INFO = _Info(
    {
        "node": Attribute("node"),
        "identities": Children(
            "identity",
            ObjectShape(
                {key: Attribute(key) for key in ("category", "type", "name")},
                required=("category", "type"),
            ),
        ),
        "features": Children("feature", AttributeValue("var")),
        "extensions": ExtensionForms(),
    }
)
#: disco#info: an object, a string for the node, or true.
INFO = Shorthand(_INFO, "node", shortens=True)

_ITEM = Shorthand(
    ObjectShape(
        {
            "jid": Attribute("jid", JID),
            "node": Attribute("node"),
            "name": Attribute("name"),
        },
        required=("jid",),
    ),
    "jid",
)
#: disco#items: a list of items, a string for the node, or true.
ITEMS = Shorthand(ListShape("item", _ITEM, ("node",)), "node", shortens=True)
