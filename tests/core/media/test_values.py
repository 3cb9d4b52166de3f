"""Tests of L{xmpprest.core.media.values} and L{xmpprest.core.media.cbor_validator}."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec, module_from_spec
from typing import TypeAlias
from unittest import skipIf

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.core.codec.case import CoreTestCase
from tests.support.hostile import SIZE_LIMIT
from tests.support.hypothesis_profiles import THOROUGH
from tests.support.traps import Trap, cborTraps, jsonTraps
from xmpprest.core.errors import Refusal
from xmpprest.core.media.values import (
    MAX_VALUES,
    Value,
    fromCBOR,
    fromJSON,
    hasCBOR,
    toCBOR,
    toJSON,
)
from xmpprest.core.stanza.parser import MAX_DEPTH, illegalCharacter

Reader: TypeAlias = Callable[[bytes], Value]

_INT64 = 1 << 63

_needsCBOR = skipIf(not hasCBOR, "cbor2 is not installed: pip install 'xmpprest[cbor]'")

_TEXT = st.text(
    st.characters(
        min_codepoint=0x20,
        exclude_categories=["Cs"],
        exclude_characters="\ufffe\uffff",
    )
    | st.sampled_from("\t\n\r"),
    max_size=8,
)

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-_INT64, _INT64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
    ),
    max_leaves=20,
)

#: Texts made of what JSON is made of, since bytes at random hardly get anywhere.
_NEARLY_JSON = st.lists(
    st.sampled_from(
        (*'[]{},:"\\', "\\u0000", "\\ud800", '"a":', '"a"', "1", "-1", "1e999", "null")
    ),
    max_size=12,
).map("".join)

#: Bytes that begin CBOR items, with small arguments.
_NEARLY_CBOR = st.lists(
    st.sampled_from(b"\x00\x18\x1b\x20\x3b\x41\x60\x61a\x7f\x80\x81\x9f\xa0\xa1\xbf")
    | st.sampled_from(b"\xc0\xd8\xe0\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xff")
    | st.integers(0, 255),
    max_size=12,
).map(bytes)

#: What JSON bodies mean.
_JSON_VALUES: Mapping[bytes, Value] = {
    b"null": None,
    b"true": True,
    b"false": False,
    b"0": 0,
    b"-0": 0,
    b"9223372036854775807": _INT64 - 1,
    b"-9223372036854775808": -_INT64,
    b"1.0": 1.0,
    b"1e2": 100.0,
    b"1E-400": 0.0,
    b"1e308": 1e308,
    b"123456789012345678901.5": 123456789012345678901.5,
    b'""': "",
    b'"\\ud83d\\ude00\\u00e9\\t\\/\\""': '\U0001f600\u00e9\t/"',
    '"\U0001f600\u2028\ufffd\x7f"'.encode(): "\U0001f600\u2028\ufffd\x7f",
    b"[]": [],
    b' \r\n\t{ "a" : [ ] }\n': {"a": []},
    b'{"":{"":""}}': {"": {"": ""}},
    b'{"a":{"a":1},"b":{"a":1}}': {"a": {"a": 1}, "b": {"a": 1}},
}

#: What CBOR items mean, in hexadecimal; most are of RFC 8949, appendix A.
_CBOR_VALUES: Mapping[str, Value] = {
    "f6": None,
    "f5": True,
    "f4": False,
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1b7fffffffffffffff": _INT64 - 1,
    "20": -1,
    "3b7fffffffffffffff": -_INT64,
    "1800": 0,
    "f93c00": 1.0,
    "f90001": 5.960464477539063e-8,
    "fa47c35000": 100000.0,
    "fb7e37e43c8800759c": 1.0e300,
    "60": "",
    "62c3bc": "\u00fc",
    "780161": "a",
    "80": [],
    "83018202039f0405ff": [1, [2, 3], [4, 5]],
    "9800": [],
    "a0": {},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
    "a1617f60": {"\x7f": ""},
}

#: The same, without definite lengths.
_INDEFINITE: Mapping[str, Value] = {
    "9fff": [],
    "9f9f01ff8002ff": [[1], [], 2],
    "bfff": {},
    "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
    "bf616182bfff9fffff": {"a": [{}, []]},
    "7fff": "",
    "7f657374726561646d696e67ff": "streaming",
    "7f6062c3a960ff": "\u00e9",
    "a17f61616162fff6": {"ab": None},
}

#: As many values as a body may hold, or nearly, however they nest.
_MANY: tuple[Value, ...] = (
    [1] * (MAX_VALUES - 1),
    [[]] * (MAX_VALUES - 1),
    [[1]] * (MAX_VALUES // 2 - 1),
    [[[[[]]]]] * (MAX_VALUES // 4 - 1),
    ["[,{,"] * (MAX_VALUES - 1),
    {str(number): 1 for number in range(MAX_VALUES - 1)},
)

#: The same keys beside and within each other.
_SAME_KEYS: tuple[Value, ...] = (
    [{"a": 1}, {"a": 2}],
    {"a": {"a": {"a": 1}}, "b": {"a": {}, "b": 1}},
)


def _nested(depth: int) -> Value:
    """Lists and objects in turn, so deep."""
    value: Value = []
    for level in range(depth - 1):
        value = {"a": value} if level % 2 else [value]
    return value


class _Cases(CoreTestCase):
    """
    Tests of both formats.
    """

    def assertTraps(self, read: Reader, traps: Iterable[Trap]) -> None:
        """Each body is refused as its trap says."""
        for trap in traps:
            problem = self.refusal(read, trap.body)
            self.assertEqual(problem.status, trap.status, trap.name)
            self.assertIn(trap.says, problem.text, trap.name)
            self.assertSentence(problem.text)
            self.assertIsNone(illegalCharacter(problem.text), trap.name)
            self.assertLess(len(problem.text), 400, trap.name)
            self.assertLessEqual(len(trap.body), SIZE_LIMIT, trap.name)

    def assertReads(self, read: Reader, body: bytes, expected: Value) -> None:
        """A body means a value, of just this type."""
        value = read(body)
        self.assertEqual(value, expected, body[:80])
        self.assertIs(type(value), type(expected), body[:80])

    def assertValueOrRefusal(self, read: Reader, body: bytes) -> None:
        """No other error comes from a body, and both formats can say its value."""
        try:
            value = read(body)
        except Refusal as refusal:
            self.assertIn(refusal.problem.status, (400, 422))
            self.assertSentence(refusal.problem.text)
        else:
            self.assertEqual(fromJSON(toJSON(value)), value)


class JSONTests(_Cases):
    """
    L{fromJSON} and L{toJSON}
    """

    def test_traps(self) -> None:
        """
        Each hostile body is refused, and its sender learns why.
        """
        self.assertTraps(fromJSON, jsonTraps())

    def test_values(self) -> None:
        """
        A value of each type is what JSON says it is.
        """
        for body, expected in _JSON_VALUES.items():
            self.assertReads(fromJSON, body, expected)

    def test_order(self) -> None:
        """
        The members of an object stay in their order.
        """
        value = fromJSON(b'{"b":1,"a":2,"c":3}')
        assert isinstance(value, dict)
        self.assertEqual(list(value), ["b", "a", "c"])

    def test_depth(self) -> None:
        """
        Lists and objects may nest just as deep as elements; what looks like one in a
        string is none.
        """
        deepest = _nested(MAX_DEPTH)
        self.assertReads(fromJSON, toJSON(deepest), deepest)
        self.refusal(fromJSON, toJSON(_nested(MAX_DEPTH + 1)))
        brackets = '[{"\\' * 100
        self.assertReads(fromJSON, toJSON({brackets: brackets}), {brackets: brackets})

    def test_many(self) -> None:
        """
        A body may hold as many values as the limit says, however they nest; names
        and siblings' depths do not add up.
        """
        for value in _MANY:
            body = toJSON(value)
            self.assertEqual(fromJSON(body), value, body[:80])

    def test_long(self) -> None:
        """
        A string may be as long as the body.
        """
        for unit in ("a", "\u00e9", "\u20ac", "\U0001f600", "\n", '"'):
            text = unit * ((SIZE_LIMIT - 2) // len(toJSON(unit)[1:-1]))
            self.assertReads(fromJSON, toJSON(text), text)

    def test_written(self) -> None:
        """
        JSON is written in UTF-8, readable, in the order of the keys, and without
        numbers
        that JSON does not have.
        """
        self.assertEqual(
            toJSON({"b": ["\u00e9\U0001f600\n", None, True, 1.5], "a": {}}),
            '{"b": ["\u00e9\U0001f600\\n", null, true, 1.5], "a": {}}'.encode(),
        )
        for number in (math.nan, math.inf):
            self.assertRaises(ValueError, toJSON, number)

    @settings(max_examples=THOROUGH // 5)
    @given(_VALUES)
    def test_roundTrip(self, value: Value) -> None:
        """A value that was written is read back equal."""
        self.assertReads(fromJSON, toJSON(value), value)

    @settings(max_examples=THOROUGH // 5)
    @given(
        st.binary(max_size=64) | (_NEARLY_JSON | st.text(max_size=64)).map(str.encode)
    )
    @example(b'{"a":"\\')
    def test_anything(self, body: bytes) -> None:
        """All bytes give a value or a refusal, and no other error."""
        self.assertValueOrRefusal(fromJSON, body)


@_needsCBOR
class CBORTests(_Cases):
    """
    L{fromCBOR} and L{toCBOR}
    """

    def test_traps(self) -> None:
        """
        Each hostile body is refused, and its sender learns why.
        """
        self.assertTraps(fromCBOR, cborTraps())

    def test_values(self) -> None:
        """
        A value of each type is what RFC 8949, appendix A, says it is.
        """
        for body, expected in _CBOR_VALUES.items():
            self.assertReads(fromCBOR, bytes.fromhex(body), expected)

    def test_indefinite(self) -> None:
        """
        Text, arrays and maps may have no definite length, as where a program writes
        them that streams.
        """
        for body, expected in _INDEFINITE.items():
            self.assertReads(fromCBOR, bytes.fromhex(body), expected)

    def test_sameKey(self) -> None:
        """
        A key may stand in several maps, beside and within each other.
        """
        for value in _SAME_KEYS:
            self.assertReads(fromCBOR, toCBOR(value), value)

    def test_depth(self) -> None:
        """
        Arrays and maps may nest just as deep as elements.
        """
        deepest = _nested(MAX_DEPTH)
        self.assertReads(fromCBOR, toCBOR(deepest), deepest)
        self.refusal(fromCBOR, toCBOR(_nested(MAX_DEPTH + 1)))

    def test_many(self) -> None:
        """
        A body may hold as many values as the limit says, keys not counted.
        """
        for value in _MANY:
            body = toCBOR(value)
            self.assertEqual(fromCBOR(body), value, body[:80])
        endless = b"\x9f" + b"\x9f\xff" * (MAX_VALUES - 1) + b"\xff"
        self.assertEqual(fromCBOR(endless), [[]] * (MAX_VALUES - 1))

    def test_long(self) -> None:
        """
        A string may be as long as the body.
        """
        for unit in ("a", "\u00e9", "\u20ac", "\U0001f600"):
            text = unit * ((SIZE_LIMIT - 5) // len(unit.encode()))
            self.assertReads(fromCBOR, toCBOR(text), text)

    def test_written(self) -> None:
        """CBOR is written with definite lengths."""
        self.assertEqual(
            toCBOR({"a": [1, None, True, "\u00fc"]}).hex(), "a161618401f6f562c3bc"
        )
        self.assertEqual(toCBOR(1.5), b"\xfb" + struct.pack(">d", 1.5))

    @settings(max_examples=THOROUGH // 5)
    @given(_VALUES)
    def test_roundTrip(self, value: Value) -> None:
        """A value that was written is read back equal."""
        self.assertReads(fromCBOR, toCBOR(value), value)

    @settings(max_examples=THOROUGH // 5)
    @given(st.binary(max_size=64) | _NEARLY_CBOR)
    def test_anything(self, body: bytes) -> None:
        """All bytes give a value or a refusal, and no other error."""
        self.assertValueOrRefusal(fromCBOR, body)


class OptionalTests(CoreTestCase):
    """
    The extra C{cbor}
    """

    def test_without(self) -> None:
        """
        Without cbor2 there is JSON all the same, and the module says so.
        """
        self.addCleanup(sys.modules.update, dict(sys.modules))
        # What import takes for a module that there is not.
        sys.modules["cbor2"] = None  # type: ignore[assignment]
        spec = find_spec("xmpprest.core.media.values")
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.assertIs(module.hasCBOR, False)
        self.assertEqual(module.fromJSON(b"[1]"), [1])
