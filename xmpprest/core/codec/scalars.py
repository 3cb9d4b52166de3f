"""
Single values of JSON and their texts in XML; and the errors about wrong values and
keys.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from twisted.words.xish.domish import Element

from ..errors import Refusal, unprocessable
from ..media.values import Value

#: A JSON Schema.
Schema: TypeAlias = Mapping[str, Any]

#: A namespace and a local name.
QName: TypeAlias = tuple[str, str]


class NotRepresentable(Exception):
    """An element does not have the expected shape, so no key stands for it."""


def wrongType(at: str, expected: str, value: Value) -> Refusal:
    """
    Make the refusal of a value of the wrong type.

    @param at: The key, with the keys around it, such as C{"oob.url"}.
    @param expected: The expected type, such as C{"a string"}.
    """
    called = "null" if value is None else _CALLED.get(type(value), "a number")
    if called == "a number" and "integer" in expected:
        called = str(value)
    elif isinstance(value, str) and expected.startswith("one of"):
        called = quoteShort(value)
    return unprocessable(
        "bad-format", f"The key {at!r} must be {expected}, not {called}.", at
    )


def unknownKey(
    at: str, key: str, known: Iterable[str], others: Collection[str] = ()
) -> Refusal:
    """
    Make the refusal of an unknown key, naming the key that was probably meant.

    @param at: The keys around it, or empty.
    @param known: The keys that exist there.
    @param others: Further keys that may have been meant, but are not listed.
    """
    names = [*known]
    if nearest := _nearest(key, [*names, *others]):
        hint = f"did you mean {nearest!r}?"
    elif names:
        hint = f"known here are {', '.join(sorted(names))}."
    else:
        hint = "POST the items as JSON."
    where = f" in {at!r}" if at else ""
    return unprocessable(
        "bad-format",
        f"The key {quoteShort(key)}{where} is not known; {hint}",
        f"{at}.{key}" if at else key,
    )


#: The keys that users of other interfaces write, and the keys that they mean.
_SYNONYMS = {
    "content": "body",
    "message": "body",
    "msg": "body",
    "text": "body",
    "jid": "to",
    "recipient": "to",
    "sender": "from",
    "language": "lang",
}


def _nearest(key: str, known: Collection[str]) -> str | None:
    """
    Find the known key that was meant: one in other capitals, a synonym, or one that is
    spelled alike.
    """
    folded = key.casefold()
    for each in known:
        if each.casefold() == folded:
            return each
    if _SYNONYMS.get(folded) in known:
        return _SYNONYMS[folded]
    alike = difflib.get_close_matches(folded, known, 1, 0.6)
    return alike[0] if alike else None


def quoteShort(text: str) -> str:
    """Quote a client's text for a sentence, shortened to 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


_CALLED = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Scalar:
    """
    A JSON value that XML holds as text.

    @ivar description: The name of the type in a sentence, such as C{"a string"}.
    @ivar schema: The JSON Schema of the values.
    @ivar read: Converts text to a value; raises C{ValueError}.
    @ivar write: Converts a value to text; raises C{TypeError} or C{ValueError} for a
        value of another type.
    """

    description: str
    schema: Schema
    read: Callable[[str], Value]
    write: Callable[[Any], str]

    def fromText(self, text: str, at: str) -> Value:
        """
        Convert the text of a form field or query parameter to the value.

        @raise Refusal: 422, the text stands for no value.
        """
        try:
            return self.read(text)
        except ValueError:
            raise unprocessable(
                "bad-format",
                f"The key {at!r} must be {self.description}, not {quoteShort(text)}.",
                at,
            ) from None

    def toText(self, value: Value, at: str) -> str:
        """
        Return the text of a value.

        @raise Refusal: 422, the value is of another type.
        """
        try:
            return self.write(value)
        except (TypeError, ValueError):
            raise wrongType(at, self.description, value) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def string(*values: str, **schema: Any) -> Scalar:
    """
    Make a scalar for strings.

    @param values: The possible strings; none for any string.
    @param schema: Further keywords of the schema.
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
    """Make a scalar for integers between two bounds, which are included."""

    def checked(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)  # an integer to JSON Schema
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    called = f"an integer from {low} to {high}"
    if high > 2**32:
        called = f"an integer of at least {low}"
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(called, schema, lambda t: checked(_int(t)), lambda v: str(checked(v)))


#: Decimal digits only: int() and float() also take texts such as "1_000".
_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
#: Possessive, or a long text that is no number would take quadratic time.
_DECIMAL = re.compile(r"[+-]?[0-9]*+(?:\.[0-9]*+)?(?:[Ee][+-]?[0-9]++)?")


def _int(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValueError
    return int(text)


def _number(value: Any) -> int | float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return value  # type: ignore[no-any-return]  # int or float, as checked above


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


def _idText(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return _text(value)


#: The id of a stanza: a string; an integer is understood, as in mod_rest.
ID = Scalar(STRING.description, STRING.schema, str, _idText)
JID = string(format="xmpp-jid")
URI = string(format="uri")
#: XEP-0082
DATETIME = string(format="date-time")
BOOLEAN = Scalar("true or false", {"type": "boolean"}, _readBoolean, _boolean)
NUMBER = Scalar("a number", {"type": "number"}, _readNumber, lambda v: str(_number(v)))


def readScalar(scalar: Scalar, text: str) -> Value:
    try:
        return scalar.read(text)
    except ValueError:
        raise NotRepresentable from None


def textOf(element: Element) -> str:
    """
    Return the text of an element.

    @raise NotRepresentable: The element holds other elements.
    """
    if not all(isinstance(child, str) for child in element.children):
        raise NotRepresentable
    return "".join(element.children)
