"""
Checks the structure of CBOR (RFC 8949) before it is decoded.

CBOR decoders evaluate tags, trust lengths and drop one of two equal keys. This
validator accepts only what JSON can express. It accepts indefinite lengths, which
streaming encoders write, Jackson's among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..errors import Refusal, badRequest
from ..stanza.parser import MAX_DEPTH

# RFC 8949 §3.1: the upper three bits of the first byte of a data item.
_TEXT, _ARRAY, _MAP = 3, 4, 5

#: The argument of an indefinite length. It exceeds every real length. It is even, so
#: that the count of a map is even where a key follows, as with a definite length.
_ENDLESS = 1 << 64

#: RFC 8949 §3.2.1: ends an item of indefinite length.
_BREAK = 0xFF

#: RFC 8949 §3: the length of the argument in bytes, by the lower five bits of the first
#: byte.
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}

#: How many characters of a key an error shows.
_SHOWN = 80


def _each(text: str, *initials: Iterable[int]) -> dict[int, str]:
    """Map several first bytes to one refusal."""
    return {initial: text for group in initials for initial in group}


#: The refused first bytes; C{{}} in the text is the argument. Later entries count.
_REFUSED: dict[int, str] = {
    **_each(
        "is a byte string, which JSON does not have; write text", range(0x40, 0x60)
    ),
    **_each(
        "has the tag {}, which JSON does not have; write plain values",
        range(0xC0, 0xE0),
    ),
    **_each("is the simple value {}; write true, false or null", range(0xE0, 0xF9)),
    **_each("is undefined; write null", [0xF7]),
    **_each(
        "begins with the byte 0x{initial:02x}, which RFC 8949 reserves;"
        " check what wrote it",
        *(range(major << 5 | 28, major << 5 | 31) for major in range(8)),
        [0x1F, 0x3F, 0xDF],
    ),
}
for _initial in (0xF4, 0xF5, 0xF6):  # false, true, null
    del _REFUSED[_initial]


def validateCBOR(body: bytes, maxValues: int) -> None:
    """
    Check every data item, in one pass and without recursion.

    @param maxValues: The highest number of values, without keys, but with the pieces of
        strings of indefinite length.
    @raise Refusal: 400, the text says what is wrong, and at which byte.
    """
    scanner = _Scanner(body, maxValues)
    scanner.scan()
    if scanner.at < len(body):
        raise badRequest(
            f"The value ends at byte {scanner.at}, but the body goes on; send one value"
            " at a time."
        )


class _Scanner:
    """
    Scans the data items one after the other.

    @ivar at: The index of the next byte.
    @ivar _left: How many items the current container still needs, keys included; for an
        indefinite length more than there are bytes.
    @ivar _keys: The keys so far of the current map; C{None} in an array.
    @ivar _outer: L{_left} and L{_keys} of the containers around the current one.
    """

    def __init__(self, body: bytes, maxValues: int) -> None:
        self.at = 0
        self._body = body
        self._maxValues = maxValues
        self._values = 0
        self._left = 1
        self._keys: set[bytes] | None = None
        self._outer: list[tuple[int, set[bytes] | None]] = []

    def scan(self) -> None:
        """Scan one item and everything in it."""
        while True:
            while not self._left:
                if not self._outer:
                    return
                self._left, self._keys = self._outer.pop()
            start = self.at
            initial, argument = self._head()
            if initial == _BREAK:
                self._break(start)
                continue
            self._left -= 1
            if self._keys is not None and self._left & 1:
                self._key(self._keys, start, initial, argument)
                continue
            self._count(1)
            major = initial >> 5
            if major == _TEXT:
                self._text(start, argument)
            elif major in (_ARRAY, _MAP):
                self._container(start, major, argument)

    def _head(self) -> tuple[int, int]:
        """
        Read the first byte of an item and its argument (RFC 8949 §3).

        @raise Refusal: The body ends, or an item with this first byte is not accepted.
        """
        body, start = self._body, self.at
        if start >= len(body):
            raise self._truncated()
        initial = body[start]
        argument = initial & 31
        self.at = start + 1
        width = _WIDTHS.get(argument)
        if width is not None:
            self.at += width
            if self.at > len(body):
                raise self._truncated()
            argument = int.from_bytes(body[start + 1 : self.at], "big")
        elif argument == 31:
            argument = _ENDLESS
        refused = _REFUSED.get(initial)
        if refused is not None:
            raise self._bad(start, refused.format(argument, initial=initial))
        return initial, argument

    def _break(self, start: int) -> None:
        """End a container of indefinite length; refuse a break anywhere else."""
        # An odd number is left after a key: its value is missing.
        value = self._keys is not None and self._left & 1
        if self._left <= len(self._body) or value:
            raise self._bad(start, "is a break where nothing can end; leave it out")
        self._left = 0

    def _key(self, keys: set[bytes], start: int, initial: int, argument: int) -> None:
        """Check a key by its text, since one text can be encoded in several ways."""
        if initial >> 5 != _TEXT:
            raise self._bad(start, "is a key, but not text; write it as text")
        key = self._text(start, argument)
        if key in keys:
            shown = json.dumps(key.decode("utf-8")[:_SHOWN])
            raise self._bad(
                start, f"is the key {shown}, which the map already has; leave it out"
            )
        keys.add(key)

    def _text(self, start: int, argument: int) -> bytes:
        """
        Read a text string.

        @return: The content, of one piece or of several (RFC 8949 §3.2.3).
        """
        if argument != _ENDLESS:
            return self._piece(start, argument)
        pieces: list[bytes] = []
        while True:
            start = self.at
            initial, argument = self._head()
            if initial == _BREAK:
                return b"".join(pieces)
            if initial >> 5 != _TEXT or argument == _ENDLESS:
                raise self._bad(
                    start,
                    "is not a piece of the text before it; write definite lengths",
                )
            self._count(1)
            pieces.append(self._piece(start, argument))

    def _piece(self, start: int, length: int) -> bytes:
        self._checkLength(start, length)
        content = self._body[self.at : self.at + length]
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            where = self.at + error.start
            raise self._bad(
                start, f"is text, but not UTF-8: {error.reason} at byte {where}"
            ) from None
        self.at += length
        return content

    def _container(self, start: int, major: int, argument: int) -> None:
        """Enter an array, or a map, which has two items for each member."""
        length = argument if major == _ARRAY else 2 * argument
        if argument != _ENDLESS:
            self._checkLength(start, length)
        if len(self._outer) == MAX_DEPTH:
            raise self._bad(
                start, f"nests deeper than {MAX_DEPTH} levels; make it flatter"
            )
        self._outer.append((self._left, self._keys))
        self._left = length
        self._keys = None if major == _ARRAY else set()

    def _checkLength(self, start: int, length: int) -> None:
        """Refuse a length beyond the end of the body."""
        if length > len(self._body) - self.at:
            raise self._bad(
                start, "has a length beyond the end of the body; correct the length"
            )

    def _count(self, more: int) -> None:
        self._values += more
        if self._values > self._maxValues:
            raise badRequest(
                f"The body holds more than {self._maxValues} values; send it in"
                " several parts."
            )

    def _truncated(self) -> Refusal:
        return badRequest(
            f"The body ends at byte {len(self._body)}, within a value; send it"
            " completely."
        )

    @staticmethod
    def _bad(start: int, what: str) -> Refusal:
        return badRequest(f"The CBOR item at byte {start} {what}.")
