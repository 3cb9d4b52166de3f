"""The JSON of C{GET /rest/updates}, limited in size."""

from __future__ import annotations

import json

from twisted.words.xish.domish import Element

from ..codec.scalars import Schema
from ..media import formats
from ..stanza.annotate import timestamp
from .cursor import Cursor

#: Size of a response in bytes, unless its only update is larger.
MAX_SIZE = 1_048_576
#: Updates in a response by default, and at most.
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
#: Seconds that a request waits at most.
MAX_WAIT = 60

_START, _END = b'{"updates":[', b'],"cursor":"%s"}\n'
#: Bytes around the updates of a response, those of its cursor included.
_FRAME = 100


def encodeStanza(stanza: Element, *, isReflection: bool = False) -> bytes:
    """
    Write the stanza of an update.

    @param isReflection: Whether it is marked as a reflection.
    """
    if isReflection:
        return formats.encodeReflection(stanza, formats.JSON)
    return formats.encode([stanza], formats.JSON)


def encodeUpdate(
    id: str,
    cursor: str,
    stanza: bytes,
    *,
    attempts: int,
    expires: float | None = None,
) -> bytes:
    """
    Write one update.

    @param id: The id for C{POST /rest/updates/{id}}, a C{webhook-id}.
    @param cursor: The cursor behind the update.
    @param stanza: As L{encodeStanza} writes it.
    @param attempts: The number of responses that it was in, this one included.
    @param expires: The time until which an iq can be answered, in seconds since 1970.
    """
    until = b"" if expires is None else b'"expires":"%s",' % timestamp(expires).encode()
    return b'{"id":%s,"cursor":"%s","attempts":%d,%s"stanza":%s}' % (
        json.dumps(id).encode(),
        cursor.encode(),
        attempts,
        until,
        stanza,
    )


class PageBuilder:
    """
    Collects the updates of one response.

    @ivar cursor: The cursor behind the last update.
    @ivar hasDropped: Whether updates were removed that the client does not get.
    """

    def __init__(self, cursor: Cursor) -> None:
        """@param cursor: A cursor before all updates of the page."""
        self.cursor = cursor
        self.hasDropped = False
        self._lines: list[bytes] = []
        self._size = _FRAME

    def __len__(self) -> int:
        """Return the number of updates."""
        return len(self._lines)

    def add(self, update: bytes, cursor: Cursor) -> bool:
        """
        Add an update if there is room for it; there always is for the first.

        @param cursor: The cursor behind it.
        @return: Whether it was added.
        """
        size = self._size + len(update) + 1
        if self._lines and size > MAX_SIZE:
            return False
        self._lines.append(update)
        self._size = size
        self.cursor = cursor
        return True

    def body(self, cursor: str) -> bytes:
        """
        Return the body of the response.

        @param cursor: The cursor behind the last update, encoded.
        """
        return _START + b",".join(self._lines) + _END % cursor.encode()


def updateSchema(stanza: Schema) -> Schema:
    """
    Return the schema of an update.

    @param stanza: The schema of a stanza.
    """
    return {
        "type": "object",
        "title": "update",
        "properties": {
            "id": {
                "type": "string",
                "description": "The id for `POST /rest/updates/{id}`, the same each"
                " time the update is returned.",
            },
            "cursor": {
                "type": "string",
                "description": "As `after`, it acknowledges all updates up to this.",
            },
            "attempts": {
                "type": "integer",
                "minimum": 1,
                "description": "How often the gateway has returned the update since its"
                " start, this time included.",
            },
            "expires": {
                "type": "string",
                "format": "date-time",
                "description": "Only for an iq: the time until which it can be"
                " answered.",
            },
            "stanza": stanza,
        },
        "required": ["id", "cursor", "attempts", "stanza"],
        "additionalProperties": False,
    }
