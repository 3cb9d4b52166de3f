"""
Splits a stream of stanzas into its stanzas: lines of JSON, or XML in C{<xmpp/>}.

Each piece is decoded separately, with L{decode<xmpprest.core.media.formats.decode>}, so
that an invalid stanza does not affect the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from ..errors import Problem, Refusal, badRequest
from . import formats
from .negotiation import parseContentType

NDJSON = "application/x-ndjson"

#: White space in both formats.
_SPACE = b" \t\r\n"


class StanzaFramer(Protocol):
    """
    Splits a stream into stanzas.

    @ivar contentType: The media type of each piece.
    @ivar atBoundary: Whether no piece is incomplete.
    """

    @property
    def contentType(self) -> str: ...

    @property
    def atBoundary(self) -> bool: ...

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """
        Take the next bytes of the stream.

        @return: The pieces that are now complete; for a piece that is too long, the
            refusal (413).
        @raise Refusal: 400, the rest of the stream cannot be read; after the complete
            pieces.
        """

    def finish(self) -> Iterator[bytes | Refusal]:
        """
        End the stream.

        @return: The last piece, if the end of the stream completes it.
        @raise Refusal: 400, the stream is incomplete.
        """


def framerFor(contentType: str | None, limit: int) -> StanzaFramer:
    """
    Return the framer for a stream of a media type.

    @param limit: The highest length of a piece, in bytes.
    @raise Refusal: 415, there is no framer for the type.
    """
    try:
        name = parseContentType(contentType or "")[0]
    except ValueError:
        name = None
    if name not in _FRAMERS:
        known = ", ".join(_FRAMERS)
        text = f"A batch is a stream of many stanzas: send one of {known}."
        raise Refusal(Problem(415, "modify", "bad-format", text, (("Accept", known),)))
    return _FRAMERS[name](limit)


def _tooLong(limit: int) -> Refusal:
    text = f"The stanza is longer than the limit of {limit} bytes; shorten it."
    return Refusal(Problem(413, "modify", "resource-constraint", text))


class NDJSONFramer:
    """Splits a stream into lines; empty lines are skipped."""

    contentType = formats.JSON

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0

    @property
    def atBoundary(self) -> bool:
        """Whether no line is incomplete."""
        return not self._size

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """Take the next bytes, and return the lines that are now complete."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            yield from self.finish()
        self._add(rest)

    def finish(self) -> Iterator[bytes | Refusal]:
        """Return the last line, which needs no line break."""
        line, size = b"".join(self._begun).strip(_SPACE), self._size
        self._begun, self._size = [], 0
        if size > self._limit + 1 or len(line) > self._limit:
            yield _tooLong(self._limit)
        elif line:
            yield line

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        # The line may end with C{\r}. Of a line that is too long only the end matters.
        if self._size <= self._limit + 1:
            self._begun.append(data)
        else:
            self._begun.clear()


#: The beginnings of markup other than tags, and their ends.
_OTHERS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>", b"<!": b">"}
#: The end of a tag, or a quote that may hide it.
_ENDING = re.compile(rb"[>\"']")
_ROOT = re.compile(
    rb"<xmpp(?:\s+xmlns\s*=\s*(?:'(?:jabber:client)?'|\"(?:jabber:client)?\"))?\s*(/?)>"
)


class XMLFramer:
    """
    Splits the content of C{<xmpp/>} into elements, by their tags alone, so that an
    element that is not well-formed can be told from the next.
    """

    contentType = formats.XML

    def __init__(self, limit: int) -> None:
        self._limit = limit
        #: The bytes that are not yet split, or not complete.
        self._data = b""
        #: The ends of the known tags, and of the bytes searched for the next.
        self._known = self._seen = 0
        self._closer: bytes | None = None
        self._depth = 0
        self._start = 0
        self._isTooLong = False
        self._isOver = False

    @property
    def atBoundary(self) -> bool:
        """Whether no element is incomplete."""
        return self._depth <= 1 and not self._data

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """Take the next bytes, and return the elements that are now complete."""
        self._data += data
        while (tag := self._nextTag()) is not None:
            piece = self._take(*tag)
            if piece is not None:
                yield piece
        self._forget()

    def finish(self) -> Iterator[bytes | Refusal]:
        """
        Return nothing, since C{</xmpp>} completes the last element.

        @raise Refusal: 400, the stream ended before C{</xmpp>}.
        """
        if not self._isOver:
            raise badRequest(
                "The stream ends before </xmpp>; send that after the last stanza."
            )
        yield from ()

    def _nextTag(self) -> tuple[int, int] | None:
        """
        Return the start and the end of the next tag, comment or the like; C{None} if
        incomplete.
        """
        start = self._data.find(b"<", self._known)
        if self._depth <= 1:
            end = len(self._data) if start < 0 else start
            self._requireSpace(self._data[self._known : end])
        if start < 0:
            self._known = self._seen = len(self._data)
            return None
        self._known, self._seen = start, max(self._seen, start + 1)
        found = self._endOf(start)
        if found is None:
            return None
        self._known = self._seen = found
        return start, found

    def _endOf(self, start: int) -> int | None:
        """Return the end of the markup at an index; no byte is looked at twice."""
        if self._data[start + 1 : start + 2] in (b"", b"!", b"?"):
            return self._endOfOther(start)
        while True:
            if self._closer is not None:
                found = self._data.find(self._closer, self._seen)
                if found < 0:
                    self._seen = len(self._data)
                    return None
                self._seen, self._closer = found + 1, None
            match = _ENDING.search(self._data, self._seen)
            if match is None:
                self._seen = len(self._data)
                return None
            self._seen = match.end()
            if match[0] == b">":
                return self._seen
            self._closer = match[0]

    def _endOfOther(self, start: int) -> int | None:
        """
        Return the end of a comment, a declaration, an instruction or a CDATA section.
        """
        opening = self._data[start : start + 9]
        if any(begin.startswith(opening) and begin != opening for begin in _OTHERS):
            return None  # Not enough has come to tell.
        begin = next(begin for begin in _OTHERS if opening.startswith(begin))
        closer = _OTHERS[begin]
        found = self._data.find(closer, max(start + len(begin), self._seen - 2))
        self._seen = len(self._data)
        return None if found < 0 else found + len(closer)

    def _take(self, start: int, end: int) -> bytes | Refusal | None:
        """
        Continue behind a tag.

        @return: The element that the tag completes, or why it is refused; C{None} if
            none ends.
        """
        data = self._data
        if data[start + 1] in b"!?":
            if self._depth < 2:
                raise badRequest(
                    "A comment, a declaration or an instruction between the stanzas is"
                    " forbidden by XMPP (RFC 6120 §11.1); leave it out."
                )
            return None
        if self._depth == 0:
            self._open(data[start:end])
            return None
        if self._depth == 1:
            self._start = start
            self._requireEnd(data[start:end])
        if data[start + 1] == ord("/"):
            self._depth -= 1
        elif data[end - 2] != ord("/"):
            self._depth += 1
        self._isOver = self._depth == 0
        return self._complete(end) if self._depth == 1 else None

    def _open(self, tag: bytes) -> None:
        """Read the tag around all stanzas; refuse any other."""
        root = _ROOT.fullmatch(tag)
        if self._isOver or root is None:
            raise badRequest(
                "The stanzas must be in one <xmpp>…</xmpp>, which declares no"
                " prefixes; each stanza declares its own."
            )
        self._depth = 0 if root[1] else 1
        self._isOver = bool(root[1])

    def _requireEnd(self, tag: bytes) -> None:
        """Refuse an end tag between the stanzas other than C{</xmpp>}."""
        if tag.startswith(b"</") and tag[2:-1].rstrip(_SPACE) != b"xmpp":
            shown = tag[:40].decode("utf-8", "replace")
            raise badRequest(
                f"The end tag {shown} between the stanzas has no start; leave it out."
            )

    def _complete(self, end: int) -> bytes | Refusal:
        isTooLong, self._isTooLong = self._isTooLong, False
        if isTooLong or end - self._start > self._limit:
            return _tooLong(self._limit)
        return self._data[self._start : end]

    def _requireSpace(self, between: bytes) -> None:
        if between.strip(_SPACE):
            where = "between the stanzas" if self._depth else "around <xmpp>…</xmpp>"
            raise badRequest(f"There is text {where}; leave it out.")

    def _forget(self) -> None:
        """Drop the bytes that are not needed any more."""
        known = self._known
        if self._seen - known > self._limit + 2:
            # The end of the tag may never come, and nothing behind it can be found.
            raise _tooLong(self._limit)
        if self._depth > 1:
            self._isTooLong = self._isTooLong or known - self._start > self._limit
        cut = self._start if self._depth > 1 and not self._isTooLong else known
        self._data = self._data[cut:]
        self._known -= cut
        self._seen -= cut
        self._start -= cut


#: The framers by media type.
_FRAMERS: dict[str, Callable[[int], StanzaFramer]] = {
    NDJSON: NDJSONFramer,
    formats.XML: XMLFramer,
}
