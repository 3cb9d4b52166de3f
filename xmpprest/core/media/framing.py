"""
Takes a stream of stanzas apart, as it comes: lines of JSON, or XML in C{<xmpp/>}.

What a piece holds is for L{decode<xmpprest.core.media.formats.decode>} to say, so that
one that is no stanza leaves the others alone.
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
    Takes a stream apart.

    @ivar contentType: What each of its pieces is.
    @ivar atBoundary: Whether nothing has begun that is not complete.
    """

    @property
    def contentType(self) -> str: ...

    @property
    def atBoundary(self) -> bool: ...

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """
        Take what has come.

        @return: What is complete by it: each a piece, or why there is none, 413.
        @raise Refusal: 400, what follows cannot be read; after what is complete.
        """

    def finish(self) -> Iterator[bytes | Refusal]:
        """The same when nothing more will come."""


def framerFor(contentType: str | None, limit: int) -> StanzaFramer:
    """
    What takes apart a stream of that type.

    @param limit: How long a piece may be, in bytes.
    @raise Refusal: 415, there is no such type.
    """
    try:
        name = parseContentType(contentType or "")[0]
    except ValueError:
        name = None
    if name not in _SPLITTERS:
        known = ", ".join(_SPLITTERS)
        text = f"A batch is a stream of many stanzas: send one of {known}."
        raise Refusal(Problem(415, "modify", "bad-format", text, (("Accept", known),)))
    return _SPLITTERS[name](limit)


def _tooLong(limit: int) -> Refusal:
    text = f"The stanza is longer than the {limit} bytes that one may have; shorten it."
    return Refusal(Problem(413, "modify", "resource-constraint", text))


class NDJSONFramer:
    """
    Takes lines apart; those that are empty do not count.
    """

    contentType = formats.JSON

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: list[bytes] = []
        self._size = 0

    @property
    def atBoundary(self) -> bool:
        """See L{StanzaFramer}."""
        return not self._size

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """See L{StanzaFramer.feed}."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            yield from self.finish()
        self._add(rest)

    def finish(self) -> Iterator[bytes | Refusal]:
        """See L{StanzaFramer.finish}; the last line needs no end."""
        line, size = b"".join(self._begun).strip(_SPACE), self._size
        self._begun, self._size = [], 0
        if size > self._limit + 1 or len(line) > self._limit:
            yield _tooLong(self._limit)
        elif line:
            yield line

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        # It may end with C{\r}. Of one that is too long only the end matters.
        if self._size <= self._limit + 1:
            self._begun.append(data)
        else:
            self._begun.clear()


#: How what is no tag begins, and how it ends.
_OTHERS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>", b"<!": b">"}
#: What a tag ends by, or what hides that.
_ENDING = re.compile(rb"[>\"']")
_ROOT = re.compile(
    rb"<xmpp(?:\s+xmlns\s*=\s*(?:'(?:jabber:client)?'|\"(?:jabber:client)?\"))?\s*(/?)>"
)


class XMLFramer:
    """
    Takes apart what is in C{<xmpp/>}, by its tags alone. An element that is not
    well-formed in itself can so be told from the next.
    """

    contentType = formats.XML

    def __init__(self, limit: int) -> None:
        self._limit = limit
        #: What is not taken apart yet, or not complete.
        self._data = b""
        #: Up to where the tags are known, and in which the next is looked for.
        self._known = self._seen = 0
        self._closer: bytes | None = None
        self._depth = 0
        self._start = 0
        self._isTooLong = False
        self._isOver = False

    @property
    def atBoundary(self) -> bool:
        """See L{StanzaFramer}."""
        return self._depth <= 1 and not self._data

    def feed(self, data: bytes) -> Iterator[bytes | Refusal]:
        """See L{StanzaFramer.feed}."""
        self._data += data
        while (tag := self._nextTag()) is not None:
            piece = self._take(*tag)
            if piece is not None:
                yield piece
        self._forget()

    def finish(self) -> Iterator[bytes | Refusal]:
        """See L{StanzaFramer.finish}."""
        if not self._isOver:
            raise badRequest("The stream ends before </xmpp>.")
        yield from ()

    def _nextTag(self) -> tuple[int, int] | None:
        """Where the next tag, or what else begins with C{<}, begins and ends."""
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
        """
        Where what begins with C{<} ends. No byte is looked at again when more comes.
        """
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
        """The same for what is no tag."""
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
        Go on behind a tag.

        @return: The element that it completes, or why there is none.
        """
        data = self._data
        if data[start + 1] in b"!?":
            if self._depth < 2:
                raise badRequest(
                    "Between the stanzas there is a comment, a declaration or such,"
                    " which XMPP forbids (RFC 6120 §11.1); leave it out."
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
        """The tag around all, or one too many."""
        root = _ROOT.fullmatch(tag)
        if self._isOver or root is None:
            raise badRequest(
                "The stanzas must stand in one <xmpp>…</xmpp>, which declares no"
                " prefixes; each stanza declares its own."
            )
        self._depth = 0 if root[1] else 1
        self._isOver = bool(root[1])

    def _requireEnd(self, tag: bytes) -> None:
        """What ends without having begun can only be the whole."""
        if tag.startswith(b"</") and tag[2:-1].rstrip(_SPACE) != b"xmpp":
            shown = tag[:40].decode("utf-8", "replace")
            raise badRequest(f"Between the stanzas {shown} ends what has not begun.")

    def _complete(self, end: int) -> bytes | Refusal:
        isTooLong, self._isTooLong = self._isTooLong, False
        if isTooLong or end - self._start > self._limit:
            return _tooLong(self._limit)
        return self._data[self._start : end]

    def _requireSpace(self, between: bytes) -> None:
        if between.strip(_SPACE):
            where = "Between the stanzas" if self._depth else "Around <xmpp>…</xmpp>"
            raise badRequest(f"{where} there is text; leave it out.")

    def _forget(self) -> None:
        """Keep only what is needed yet."""
        known = self._known
        if self._seen - known > self._limit + 2:
            # Its end may never come; what is behind it cannot be found then.
            raise _tooLong(self._limit)
        if self._depth > 1:
            self._isTooLong = self._isTooLong or known - self._start > self._limit
        cut = self._start if self._depth > 1 and not self._isTooLong else known
        self._data = self._data[cut:]
        self._known -= cut
        self._seen -= cut
        self._start -= cut


#: What is read, by media type.
_SPLITTERS: dict[str, Callable[[int], StanzaFramer]] = {
    NDJSON: NDJSONFramer,
    formats.XML: XMLFramer,
}
