"""
Bodies of JSON and CBOR that are made to do harm, or that are taken to mean one thing
here and another thing there: each with the status it gets, and with what it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.support.hostile import SIZE_LIMIT, padded
from xmpprest.core.media.values import MAX_VALUES


@dataclass(frozen=True)
class Trap:
    """
    @ivar name: What it tries.
    @ivar body: The payload.
    @ivar status: What a client gets for it.
    @ivar says: What the text of the refusal says, among other things.
    """

    name: str
    body: bytes
    status: int
    says: str


#: Bodies by what they try, each with what the refusal says.
Table: TypeAlias = Mapping[str, tuple[bytes, str]]

#: One more than may be.
_MANY = MAX_VALUES + 1

_LONG_NAME = "n" * 90_000


def _members(count: int) -> bytes:
    """So many members of a JSON object."""
    return ",".join(f'"{number}":1' for number in range(count)).encode()


#: Not JSON, or not to be taken literally, so 400.
BAD_JSON: Table = {
    # Not one value.
    "nothing": (b"", "is empty"),
    "white space only": (b" \r\n\t ", "is empty"),
    "190 KB of white space": (b" " * 190_000, "is empty"),
    "two values": (b'{"to":"a"} {"to":"b"}', "send one value at a time"),
    "a value and rubbish": (b'{"to":"a"}x', "line 1, column 11; send one value"),
    "lines of JSON": (b"{}\n{}", "line 2, column 1"),
    "an open object": (b'{"body":"hi"', "column 13; put a comma between"),
    "an open list": (b"[1,", "Expecting value"),
    "an open string": (b'{"body":"hi}', "close it with a double quote"),
    "an open string of quotes": (padded(b'"', b'\\"', b""), "Unterminated string"),
    "a string that ends in a backslash": (b'"\\', "Unterminated string"),
    "closing marks only": (b"]" * SIZE_LIMIT, "Expecting value"),
    "rubbish that closes what it never opened": (
        b"]" + b"[" * 19_000,
        "Expecting value at line 1, column 1;",
    ),
    # Other languages.
    "XML": (b"<message/>", "Expecting value"),
    "a form": (b"body=hi", "Expecting value"),
    "single quotes": (b"{'body':'hi'}", "a name stands in double quotes"),
    "a name without quotes": (b'{body:"hi"}', "a name stands in double quotes"),
    "a comment": (b'/* hi */ {"body":"hi"}', "Expecting value"),
    "a comment inside": (b'{"body": // hi\n"hi"}', "Expecting value"),
    "a trailing comma in an object": (b'{"body":"hi",}', "comma"),
    "a trailing comma in a list": (b"[1,]", "comma"),
    "two commas": (b"[1,,2]", "Expecting value"),
    "Python": (b'{"body":None}', "true, false or null"),
    "undefined": (b"[undefined]", "true, false or null"),
    "a leading zero": (b"[007]", "Expecting ',' delimiter at"),
    "a leading plus": (b"[+1]", "Expecting value"),
    "hexadecimal": (b"[0x10]", "Expecting ',' delimiter at"),
    "half a number": (b"[1.]", "Expecting ',' delimiter at"),
    "an unknown escape": (b'"\\x41"', "write the backslash itself"),
    "half an escape": (b'"\\u00"', "Invalid \\uXXXX escape"),
    "white space beyond JSON's": ("\u00a0[]".encode(), "Expecting value"),
    # Encodings.
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark (BOM); save it"),
    "UTF-16": ('{"body":"hi"}'.encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": ('{"body":"hi"}'.encode("utf-16-le"), "not well-formed"),
    "UTF-32": ('{"body":"hi"}'.encode("utf-32"), "not UTF-8"),
    "latin-1": (b'{"body":"\xe9t\xe9"}', "not UTF-8: invalid continuation byte at by"),
    "a raw surrogate": (b'"\xed\xa0\x80"', "not UTF-8"),
    "an overlong NUL": (b'"\xc0\x80"', "not UTF-8"),
    "a NUL": (b'{"body":"a\0b"}', "Invalid control character at line 1, column 11"),
    "a raw newline": (b'{"body":"a\nb"}', "write it as an escape"),
    "an escape character": (b'"\x1b[31m"', "Invalid control character"),
    # What each reader takes differently.
    "a duplicate key": (b'{"to":"a","to":"b"}', 'The name "to" is twice'),
    "a duplicate key, escaped": (b'{"to":"a","t\\u006f":"b"}', '"to" is twice'),
    "a duplicate key within": (b'[{"x":{"a":1,"b":2,"a":1}}]', '"a" is twice'),
    "a duplicate NUL": (b'{"\\u0000":1,"\\u0000":2}', '"\\u0000" is twice'),
    "a duplicate surrogate": (b'{"\\ud800":1,"\\ud800":2}', '"\\ud800" is twice'),
    "a long duplicate": (
        f'{{"{_LONG_NAME}":1,"{_LONG_NAME}":2}}'.encode(),
        'nnn…" is twice',
    ),
    "a duplicate after 19,000 others": (
        b"{" + _members(19_000) + b',"18999":2}',
        '"18999" is twice',
    ),
    "NaN": (b'{"a":[1,NaN]}', 'The number at "/a/1" is NaN'),
    "Infinity": (b"Infinity", "The number is NaN, infinite, or too large"),
    "-Infinity": (b"[-Infinity]", "finite one, or null"),
    "nan": (b"nan", "Expecting value"),
    "1e999": (b'{"a":1e999}', 'The number at "/a" is NaN, infinite, or too large'),
    "-1e999": (b"[-1e999]", "infinite, or too large"),
    "an exponent of 190,000 digits": (b"1e" + b"9" * 190_000, "too large"),
    "190,000 digits and a fraction": (b"1" * 190_000 + b".5", "too large"),
    "a 70-bit integer": (b'{"a":%d}' % (1 << 70), 'The integer at "/a" does not fit'),
    "one more than 63 bits": (b"[9223372036854775808]", "write it as a string"),
    "one less than 63 bits": (b"[-9223372036854775809]", "write it as a string"),
    "5,000 digits": (b"[" + b"9" * 5000 + b"]", "does not fit into 64 bits"),
    "5,000 digits below zero": (b"-" + b"9" * 5000, "does not fit into 64 bits"),
    "190,000 digits": (b"9" * 190_000, "does not fit into 64 bits"),
    "many integers of 4,000 digits": (
        padded(b"[", b"9" * 4000 + b",", b"1]"),
        'at "/0" does not fit',
    ),
    # Depth.
    "65 lists": (b"[" * 65 + b"]" * 65, "deeper than 64 levels"),
    "65 levels, the last empty": (b'{"a":' * 64 + b"{}" + b"}" * 64, "deeper than 64"),
    "100,000 lists": (b"[" * 100_000, "more than 20000 values"),
    "190,000 lists": (b"[" * 190_000, "more than 20000 values"),
    "19,000 lists": (b"[" * 19_000, "deeper than 64 levels"),
    "95,000 lists, closed": (b"[" * 95_000 + b"]" * 95_000, "more than 20000 values"),
    "19,000 objects": (b'{"a":' * 19_000 + b"1" + b"}" * 19_000, "deeper than 64"),
    "19,000 of both": (b'[{"a":' * 9_500, "deeper than 64 levels"),
    "19,000 lists after strings of brackets": (
        b'["]]]]\\"]]]]\\\\",' + b"[" * 19_000,
        "deeper than 64 levels",
    ),
    # Numbers.
    "60,000 small values": (b"[" + b"1," * 60_000 + b"1]", "more than 20000 values"),
    "one value too many": (b"[" + b"1," * (_MANY - 2) + b"1]", "more than 20000"),
    "lists and commas, either few enough": (
        b"[" + b"[1,1]," * 10_000 + b"1]",
        "more than 20000 values",
    ),
    "60,000 empty lists": (b"[" + b"[]," * 60_000 + b"1]", "more than 20000 values"),
    "60,000 empty objects": (b"[" + b"{}," * 60_000 + b"1]", "more than 20000"),
    "60,000 empty strings": (b"[" + b'"",' * 60_000 + b"1]", "more than 20000"),
    "20,000 members": (b"{" + _members(20_000) + b"}", "more than 20000 values"),
}

#: JSON, but XML cannot carry it, so 422.
NO_XML_JSON: Table = {
    "an escaped NUL": (
        b'{"a":["b\\u0000"]}',
        'The string at "/a/0" has the character U+0000 at position 1, which XML',
    ),
    "an escaped NUL in a key": (
        b'{"a":{"b\\u0000":1}}',
        'A name in the object at "/a" has the character U+0000',
    ),
    "the outermost value": (b'"\\u0001"', "The string has the character U+0001"),
    "an escaped control character": (b'["\\u001f"]', "U+001F"),
    "a short escape": (b'["\\b"]', "U+0008"),
    "U+FFFE": (b'["\\ufffe"]', "U+FFFE"),
    "U+FFFF": (b'["\\uffff"]', "U+FFFF"),
    "U+FFFF raw": ('["\uffff"]'.encode(), "U+FFFF at position 0"),
    "a high surrogate": (b'["\\ud800"]', "U+D800 at position 0, half a surrogate pair"),
    "a low surrogate": (b'["\\udc00"]', "U+DC00"),
    "a pair the wrong way round": (b'["\\ude00\\ud83d"]', "U+DE00"),
    "a surrogate in a key": (b'{"\\ud800":1}', "A name in the object has the"),
    "a control character at a strange place": (
        b'{"a\\u2028\\n/\\"<":"\\u0000"}',
        'The string at "/a\u2028\\n/\\"<" has',
    ),
    "a control character at a long way": (
        f'{{"{_LONG_NAME}":"\\u0000"}}'.encode(),
        'nnn…" has the character U+0000',
    ),
    "190 KB of forbidden escapes": (padded(b'"', b"\\u0000", b'"'), "U+0000"),
    "a forbidden escape after 190 KB": (padded(b'"', b"x", b'\\u0000"'), "U+0000"),
    "a forbidden escape after 19,000 values": (
        b"[" + b'"x",' * 19_000 + b'"\\uffff"]',
        'The string at "/19000" has the character U+FFFF',
    ),
}


def _text(content: bytes) -> bytes:
    """A CBOR text string of less than 24 bytes."""
    return bytes([0x60 + len(content)]) + content


#: Map of one member, whose value follows.
_A = b"\xa1" + _text(b"a")

#: Not CBOR, or not what JSON could say as well, so 400.
BAD_CBOR: Table = {
    # Not one value.
    "nothing": (b"", "is empty"),
    "JSON": (b'{"body":"hi"}', "has a length beyond"),
    "two values": (b"\x01\x02", "ends at byte 1, but the body goes on"),
    "a truncated head": (b"\x19\x01", "The body ends at byte 2, within a value"),
    "a truncated array": (b"\x82\x81\x01", "within a value; send it"),
    "a truncated map": (b"\xa1\x61a", "within a value"),
    "a truncated double": (b"\xfb\0\0\0", "within a value"),
    "an endless array without its end": (b"\x9f\x01", "within a value"),
    "endless text without its end": (b"\x7f\x61a", "within a value"),
    # Lengths that lie.
    "a string longer than the body": (b"\x65abcd", "has a length beyond"),
    "a string of 2^63 bytes": (b"\x7b\x80" + b"\0" * 7, "has a length beyond"),
    "a string of 2^64-1 bytes": (b"\x7b" + b"\xff" * 8, "has a length beyond"),
    "an array longer than the body": (b"\x84\1\2\3", "correct the length"),
    "an array of 2^63 values": (b"\x9b\x80" + b"\0" * 7, "at byte 0 has a length"),
    "an array of 2^64-1 values": (b"\x9b" + b"\xff" * 8, "has a length beyond"),
    "a map of 2^63 members": (b"\xbb\x80" + b"\0" * 7, "has a length beyond"),
    "a map longer than the body": (b"\xa2" + _text(b"a") + b"\1", "has a length"),
    "a key longer than the body": (b"\xa1\x7a\x7f\xff\xff\xff\1", "item at byte 1 has"),
    "arrays that each say 60,000": (b"\x99\xea\x60" * 60_000, "deeper than 64 levels"),
    # Tags.
    "tag 0, a date": (b"\xc0" + _text(b"2026-01-01T00:00:00Z"), "has the tag 0,"),
    "tag 1, a time": (_A + b"\xc1\x01", "item at byte 3 has the tag 1,"),
    "tag 2, a large integer": (b"\xc2\x49\x01" + b"\0" * 8, "has the tag 2,"),
    "tag 2, of 190,000 bytes": (
        b"\xc2\x5a\x00\x02\xe6\x30" + b"\xff" * 190_000,
        "has the tag 2,",
    ),
    "tag 4, a decimal fraction": (b"\xc4\x82\x1a\x7f\xff\xff\xff\x01", "tag 4,"),
    "tag 28, shared": (b"\xd8\x1c\x80", "has the tag 28,"),
    "tags 28 and 29, a cycle": (b"\xd8\x1c\x81\xd8\x1d\x00", "has the tag 28,"),
    "tag 29, a reference": (b"\x81\xd8\x1d\x00", "item at byte 1 has the tag 29,"),
    "tag 35, a regular expression": (b"\xd8\x23\x66(a+)+$", "has the tag 35,"),
    "tag 37, a UUID": (b"\xd8\x25\x50" + b"\0" * 16, "has the tag 37,"),
    "tag 256, string references": (b"\xd9\x01\x00\x80", "has the tag 256,"),
    "tag 258, a set": (b"\xd9\x01\x02\x81\x01", "has the tag 258,"),
    "tag 55799, self-described": (b"\xd9\xd9\xf7\xa0", "has the tag 55799,"),
    "the largest tag": (b"\xdb" + b"\xff" * 8 + b"\0", "the tag 18446744073709551615,"),
    "100,000 tags": (b"\xc6" * 100_000 + b"\1", "has the tag 6,"),
    "a tag as a key": (b"\xa1\xc0\x61a\x01", "item at byte 1 has the tag 0,"),
    # What JSON has no word for.
    "a byte string": (_A + b"\x42hi", "at byte 3 is a byte string"),
    "an endless byte string": (b"\x5f\x41a\xff", "is a byte string"),
    "undefined": (b"\x81\xf7", "item at byte 1 is undefined; write null"),
    "simple value 16": (b"\xf0", "is the simple value 16;"),
    "simple value 255": (b"\xf8\xff", "is the simple value 255;"),
    "false in two bytes": (b"\xf8\x14", "is the simple value 20;"),
    "an integer as a key": (b"\xa1\x01\x02", "is a key, but not text"),
    "null as a key": (b"\xa1\xf6\x02", "is a key, but not text"),
    "an array as a key": (b"\xa1\x80\x02", "is a key, but not text"),
    "a byte string as a key": (b"\xa1\x41a\x02", "is a byte string"),
    "half a NaN": (b"\xf9\x7e\x00", "The number is NaN"),
    "a NaN": (_A + b"\xfa\x7f\xc0\x00\x00", 'The number at "/a" is NaN'),
    "a NaN with a payload": (b"\xfb\x7f\xf8" + b"\1" * 6, "The number is NaN"),
    "Infinity": (b"\x81\xf9\x7c\x00", 'The number at "/0" is NaN, infinite'),
    "-Infinity": (b"\xfb\xff\xf0" + b"\0" * 6, "infinite"),
    "64 bits": (b"\x1b" + b"\xff" * 8, "The integer does not fit into 64 bits"),
    "64 bits below zero": (b"\x3b\x80" + b"\0" * 7, "does not fit into 64 bits"),
    # Out of order.
    "reserved information 28": (b"\x1c", "begins with the byte 0x1c"),
    "reserved information 29": (b"\x81\x7d", "item at byte 1 begins with the byte"),
    "reserved information 30": (b"\xbe", "which RFC 8949 reserves"),
    "reserved simple values": (b"\xfc", "the byte 0xfc, which RFC 8949 reserves"),
    "an endless integer": (b"\x1f", "the byte 0x1f"),
    "an endless tag": (b"\xdf\x01\xff", "the byte 0xdf"),
    "a break alone": (b"\xff", "is a break where nothing can end"),
    "a break in an array": (b"\x82\x01\xff", "item at byte 2 is a break"),
    "a break in a map": (b"\xa2\x61a\x01\xff\0\0", "item at byte 4 is a break"),
    "a break instead of a value": (b"\xbf\x61a\xff", "item at byte 3 is a break"),
    "a break too many": (b"\x9f\xff\xff", "but the body goes on"),
    "a piece that is no text": (b"\x7f\x01\xff", "byte 1 is not a piece of the"),
    "an endless piece": (b"\x7f\x7f\xff\xff", "write definite lengths"),
    "pieces of a character": (b"\x7f\x61\xc3\x61\xa9\xff", "is text, but not UTF-8"),
    "text that is not UTF-8": (b"\x81\x62a\xe9", "unexpected end of data at byte 3"),
    "a raw surrogate": (b"\x63\xed\xa0\x80", "invalid continuation byte at byte 1"),
    "a key that is not UTF-8": (b"\xa1\x61\xff\x01", "item at byte 1 is text, but not"),
    # What each reader takes differently.
    "a duplicate key": (
        b"\xa2" + _text(b"to") + b"\1" + _text(b"to") + b"\2",
        'item at byte 5 is the key "to", which the map already has',
    ),
    "a duplicate key, its length written otherwise": (
        b"\xa2\x61a\x01\x78\x01a\x02",
        'is the key "a"',
    ),
    "a duplicate key, in pieces": (b"\xa2\x62ab\1\x7f\x61a\x61b\xff\2", "the key"),
    "a duplicate key after a map": (b"\xa2\x61a\xa1\x61a\1\x61a\2", "item at byte 7"),
    "a duplicate key, endless": (b"\xbf\x61a\x01\x61a\x02\xff", "already"),
    "a duplicate NUL": (b"\xa2\x61\0\1\x61\0\2", '"\\u0000"'),
    # Limits.
    "65 arrays": (b"\x81" * 65 + b"\1", "at byte 64 nests deeper than 64 levels"),
    "65 levels, the last empty": (b"\x81" * 64 + b"\x80", "deeper than 64 levels"),
    "100,000 arrays": (b"\x81" * 100_000, "deeper than 64 levels"),
    "100,000 endless arrays": (b"\x9f" * 100_000, "deeper than 64 levels"),
    "60,000 maps": (_A * 60_000, "deeper than 64 levels"),
    "60,000 small values": (b"\x99\xea\x60" + b"\1" * 60_000, "more than 20000"),
    "one value too many": (
        b"\x99" + MAX_VALUES.to_bytes(2, "big") + b"\1" * MAX_VALUES,
        "more than 20000",
    ),
    "190,000 endless values": (b"\x9f" + b"\1" * 190_000, "more than 20000"),
    "60,000 endless arrays": (b"\x9f" + b"\x9f\xff" * 60_000, "more than 20000"),
    "60,000 empty pieces": (b"\x7f" + b"\x60" * 60_000 + b"\xff", "more than 20000"),
}

#: CBOR, but XML cannot carry it, so 422.
NO_XML_CBOR: Table = {
    "a NUL": (_A + b"\x81\x62b\0", 'at "/a/0" has the character U+0000 at position 1'),
    "a NUL in a key": (b"\xa1\x61\0\1", "A name in the object has the character"),
    "U+FFFF": (_text("\uffff".encode()), "The string has the character U+FFFF"),
    "a control character, in pieces": (
        b"\x7f\x61a\x61\x01\xff",
        "U+0001 at position 1",
    ),
}


def jsonTraps() -> Iterator[Trap]:
    """Every body that is refused as JSON."""
    yield from _traps(400, BAD_JSON)
    yield from _traps(422, NO_XML_JSON)


def cborTraps() -> Iterator[Trap]:
    """Every body that is refused as CBOR."""
    yield from _traps(400, BAD_CBOR)
    yield from _traps(422, NO_XML_CBOR)


def _traps(status: int, table: Table) -> Iterator[Trap]:
    for name, (body, says) in table.items():
        yield Trap(name, body, status, says)
