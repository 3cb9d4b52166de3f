"""
Reads and writes plain values as JSON (RFC 8259) and as CBOR (RFC 8949).

Values read are those that both formats can express and XML can carry: within limits,
without duplicate keys, numbers beyond 64 bits, or characters that XML forbids.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, NoReturn, TypeAlias, cast

from ..errors import Refusal, badRequest, unprocessable
from ..stanza.parser import ILLEGAL, MAX_DEPTH, decodeUTF8
from .cbor_validator import validateCBOR

try:
    import cbor2
except ImportError:
    hasCBOR = False
else:
    #: Whether the extra C{cbor} is installed; without, neither L{fromCBOR} nor
    #: L{toCBOR} may be called.
    hasCBOR = True

#: A JSON value.
Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

#: The highest number of values in a body, with lists and objects, without names. Each
#: takes the reactor about 1 µs, in CBOR 2 µs.
MAX_VALUES = 20_000

#: Integers must fit into 64 bits, for languages other than Python: -2**63 is the least.
_BEYOND = 1 << 63

#: Surrogates: in UTF-16 and in JSON escapes a pair of them makes a character.
_SURROGATES = range(0xD800, 0xE000)

#: How many characters of the body an error shows.
_SHOWN = 80


def fromJSON(body: bytes) -> Value:
    """
    Parse JSON.

    @param body: UTF-8, without a byte order mark.
    @raise Refusal: 400, the body is malformed, or has duplicate keys or numbers out of
        range; 422, a string holds a character that XML cannot carry.
    """
    if not body.strip():
        raise badRequest("The body is empty; it must hold one JSON value.")
    text = decodeUTF8(body)
    if text.startswith("\ufeff"):
        raise badRequest(
            "The body begins with a byte order mark (BOM); save it as UTF-8 without"
            " BOM."
        )
    if _isPlain(text):
        # Without escapes and large numbers there is nothing that it could break.
        with suppress(_Unusual, json.JSONDecodeError):
            return cast(Value, _PLAIN_DECODER.decode(text))
    _checkStructure(text)
    try:
        value: Value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _noJSON(error) from None
    _Checker().check(value)
    return value


class _Unusual(Exception):
    """A number needs the checks of L{_Checker}."""


def _isPlain(text: str) -> bool:
    """
    Return whether a text holds no escapes, no characters that XML forbids, and within
    the limits as many levels and values as its marks allow at most.
    """
    opening = text.count("[") + text.count("{")
    return (
        opening <= MAX_DEPTH
        and opening + text.count(",") < MAX_VALUES
        and "\\" not in text
        and not ILLEGAL.search(text)
    )


#: Created once, since that takes 2 of the 6 µs of a message.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def toJSON(value: Value) -> bytes:
    """Write a value as JSON; its numbers must be finite."""
    return _ENCODER.encode(value).encode("utf-8")


def fromCBOR(body: bytes) -> Value:
    """
    Parse CBOR.

    @param body: One data item, without tags, byte strings and other items that JSON
        lacks.
    @raise Refusal: 400, the body is malformed, or has duplicate keys or numbers out of
        range; 422, a string holds a character that XML cannot carry.
    """
    if not body:
        raise badRequest("The body is empty; it must hold one CBOR value.")
    validateCBOR(body, MAX_VALUES)
    try:
        value: Value = cbor2.loads(body)
    except cbor2.CBORDecodeError as error:
        # Only cbor2 before 5.7.1 fails here, with some texts of more than 64 KiB.
        raise badRequest(f"The body cannot be read: {_shown(str(error))}.") from None
    _Checker().check(value)
    return value


def toCBOR(value: Value) -> bytes:
    """Write a value as CBOR, all lengths definite."""
    return cbor2.dumps(value)


#: Everything but the marks of lists and objects. Possessive, and the last quote
#: optional, so that it never backtracks.
_FILLER = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^"\[\]{},]++', re.DOTALL)


def _checkStructure(text: str) -> None:
    """
    Check depth and size before Python recurses into the text.

    Text that is not JSON may pass. The count of values can be too low by half;
    L{_Checker} counts exactly.
    """
    marks = _FILLER.sub("", text)
    opening = marks.count("[") + marks.count("{")
    if max(opening, marks.count(",") + 1) > MAX_VALUES:
        raise _tooMany()
    if opening <= MAX_DEPTH:
        return
    depth = 0
    for mark in marks:
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise badRequest(
                    f"The body nests deeper than {MAX_DEPTH} levels; make it flatter."
                )
        elif mark != ",":
            depth -= 1
            if depth < 0:  # no JSON, as the decoder will say
                return


def _tooMany() -> Refusal:
    return badRequest(
        f"The body holds more than {MAX_VALUES} values; send it in several parts."
    )


def _integer(digits: str) -> int:
    """
    Parse an integer; one of too many digits becomes any other that is out of range.
    """
    return int(digits) if len(digits) <= len(str(-_BEYOND)) else _BEYOND


def _object(members: list[tuple[str, Value]]) -> dict[str, Value]:
    """Make an object, and refuse one with duplicate names (RFC 8259 §4)."""
    result = dict(members)
    if len(result) != len(members):
        counts = Counter(name for name, _ in members)
        twice = next(name for name, count in counts.items() if count > 1)
        raise badRequest(
            f"The name {_shown(twice)} is twice in one object; leave one of them out."
        )
    return result


_DECODER = json.JSONDecoder(parse_int=_integer, object_pairs_hook=_object)


def _shortInteger(digits: str) -> int:
    """Parse an integer of at most 18 digits, which fits into 64 bits."""
    if len(digits) > 18:
        raise _Unusual
    return int(digits)


def _noNumber(text: str) -> NoReturn:
    """Leave a fraction, an exponent, NaN or Infinity to the other decoder."""
    raise _Unusual


#: Decodes texts without any value that L{_Checker} could refuse.
_PLAIN_DECODER = json.JSONDecoder(
    parse_int=_shortInteger,
    parse_float=_noNumber,
    parse_constant=_noNumber,
    object_pairs_hook=_object,
)


def _noJSON(error: json.JSONDecodeError) -> Refusal:
    """Make the refusal of malformed JSON, with the place of the mistake and a hint."""
    what = error.msg.removesuffix(" at")
    hint = next((hint for start, hint in _HINTS.items() if what.startswith(start)), "")
    return badRequest(
        f"The body is not well-formed JSON: {what}"
        f" at line {error.lineno}, column {error.colno}{hint}."
    )


_UNEXPECTED = (
    "; a value is an object, a list, a string in double quotes, a number, true, false"
    " or null, and no comma follows the last one"
)

#: Hints for the errors of Python's decoder, by the words of its versions.
_HINTS = {
    "Expecting value": _UNEXPECTED,
    "Expecting ','": "; put a comma between two values, or close what is open",
    "Extra data": "; send one value at a time",
    "Expecting property name": (
        "; a name stands in double quotes, and no comma follows the last member"
    ),
    "Illegal trailing comma": "; leave it out",
    "Unterminated string": "; close it with a double quote",
    "Invalid control character": "; write it as an escape, such as \\n or \\u0009",
    "Invalid \\": "; write the backslash itself as \\\\",
}


def _shown(text: str) -> str:
    """Quote text of the body for a sentence, shortened."""
    if len(text) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return json.dumps(text, ensure_ascii=ILLEGAL.search(text) is not None)


class _Checker:
    """
    Checks a value and all values in it, and keeps the path to the current one.
    Recursion is safe, because L{_checkStructure} has limited the depth.
    """

    def __init__(self) -> None:
        self._path: list[str | int] = []
        self._count = 0

    def check(self, value: Value) -> None:
        """
        Check a value.

        @raise Refusal: The value exceeds a limit.
        """
        self._count += 1
        if self._count > MAX_VALUES:
            raise _tooMany()
        self._CHECKS[type(value)](self, value)

    def _dict(self, value: dict[str, Value]) -> None:
        path = self._path
        for name, member in value.items():
            if found := ILLEGAL.search(name):
                raise self._illegal("A name in the object", found)
            path.append(name)
            self.check(member)
            path.pop()

    def _list(self, value: list[Value]) -> None:
        path = self._path
        for index, item in enumerate(value):
            path.append(index)
            self.check(item)
            path.pop()

    def _str(self, value: str) -> None:
        if found := ILLEGAL.search(value):
            raise self._illegal("The string", found)

    def _int(self, value: int) -> None:
        if not -_BEYOND <= value < _BEYOND:
            raise badRequest(
                f"The integer{self._where()} does not fit into 64 bits; write it as a"
                " string."
            )

    def _float(self, value: float) -> None:
        if not isfinite(value):
            raise badRequest(
                f"The number{self._where()} is NaN, infinite, or too large; write a"
                " finite one, or null."
            )

    def _constant(self, value: bool | None) -> None:
        """Accept null, true and false."""

    #: The checks by type. Another type, such as the tuples of cbor2 6.0.0, raises
    #: KeyError. Any, since each check takes its own type.
    _CHECKS: Mapping[type, Callable[[_Checker, Any], None]] = {
        dict: _dict,
        list: _list,
        str: _str,
        int: _int,
        float: _float,
        bool: _constant,
        type(None): _constant,
    }

    def _illegal(self, what: str, found: re.Match[str]) -> Refusal:
        """Make the refusal of a character that XML cannot carry (XML 1.0 §2.2)."""
        code = ord(found[0])
        why = "half a surrogate pair" if code in _SURROGATES else "which XML forbids"
        return unprocessable(
            "bad-format",
            f"{what}{self._where()} has the character U+{code:04X} at position"
            f" {found.start()}, {why}; leave it out.",
        )

    def _where(self) -> str:
        """
        Return the path to the value (RFC 6901) for a sentence; empty for the outermost.
        """
        if not self._path:
            return ""
        return f" at {_shown(''.join(f'/{step}' for step in self._path))}"
