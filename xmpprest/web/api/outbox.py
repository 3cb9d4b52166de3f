"""Shows accepted messages, and drops queued ones: C{/rest/outbox} (reliability.rst)."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import urlencode

from twisted.web.server import Request

from ...core.codec.records import outgoingToJSON
from ...core.codec.scalars import Scalar, integer, quoteShort, string
from ...core.errors import Problem, Refusal, notFound
from ...core.media.values import Value
from ...core.policy.permissions import Grant
from ...core.records import DROPPED, SENT, OutboxRecord
from ..query import parseQuery
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory
from ..server.request import pathTo

#: Messages read at a time, and pages read for one request: a token that sees few of
#: many messages gets fewer than it asked for, and the path of the next page.
PAGE, MAX_PAGES = 500, 20


class OutboxReader(Protocol):
    """Accepted messages. Every call may raise L{StoreUnavailable}."""

    async def status(self, key: str) -> OutboxRecord | None:
        """Return the message with a status key; C{None} if there is none."""

    async def messagesByID(self, id: str, before: int | None) -> Sequence[OutboxRecord]:
        """
        Return a page of messages with a stanza id, the newest first.

        @param before: The number after the first one; C{None} for the newest.
        """

    async def queuedMessages(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        """
        Return a page of queued messages, the oldest first.

        @param after: The number before the first one.
        """

    async def drop(self, message: OutboxRecord) -> bool:
        """Drop a queued message; return C{False} if it is no longer queued."""


class OutboxHandler:
    """
    Shows accepted messages, and drops queued ones.

    A token sees the messages that it could have sent itself; with the permission
    C{outbox}, all of them.
    """

    def __init__(self, outbox: OutboxReader) -> None:
        self._outbox = outbox

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """The routes, by their path below C{/rest}."""
        return {
            "outbox": Route({"GET": self.list}),
            "outbox/{id}": lambda key: Route(
                {"GET": partial(self.get, key), "DELETE": partial(self.drop, key)}
            ),
        }

    async def list(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Return queued messages, the oldest first; or all messages with a stanza id, the
        newest first.

        @raise Refusal: 400 if the query is invalid.
        """
        query = _parseQuery(request)
        found, position = await self._visible(query, grant)
        more = None
        if position is not None:
            path = pathTo(request, "outbox")
            more = f"{path}?{query.encodeFrom(position)}"
        messages: list[Value] = [_toJSON(each, request) for each in found]
        return jsonResponse(200, {"messages": messages, "next": more})

    async def get(
        self, key: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return the status of a message; of a queued one also its content, to a token
        with the permission C{outbox}.

        @param key: The key of the message, or a stanza id (deprecated).
        @raise Refusal: 404 if the token sees no such message.
        """
        message = await self._find(key, grant)
        value = _toJSON(message, request)
        if message.stanza and "outbox" in grant.permissions:
            value["xml"] = message.stanza
        return jsonResponse(200, value)

    async def drop(
        self, key: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Drop a queued message.

        @raise Refusal: 403 without the permission; 404 if the token sees no such
            message; 409 if it was written already.
        """
        grant.requirePermission("drop")
        message = await self._outbox.status(key)
        if message is None or not grant.canSee(message):
            raise _notFound(key, grant)
        if message.state != DROPPED and not await self._outbox.drop(message):
            raise _noLongerQueued(message)
        return Response(204)

    async def _find(self, key: str, grant: Grant) -> OutboxRecord:
        """Return a message by its key, or else the newest one with that stanza id."""
        message = await self._outbox.status(key)
        if message is not None and grant.canSee(message):
            return message
        found, _ = await self._visible(_Query(id=key, limit=1), grant)
        if not found:
            raise _notFound(key, grant)
        return found[0]

    async def _visible(
        self, query: _Query, grant: Grant
    ) -> tuple[Sequence[OutboxRecord], int | None]:
        """
        Return the messages that a token sees.

        @return: The messages, and the position of the next page; C{None} if there is
            none.
        """
        found: list[OutboxRecord] = []
        position = query.position
        for _ in range(MAX_PAGES):
            page = await self._read(query.id, position)
            for message in page:
                if len(found) == query.limit:
                    return found, position
                position = message.number
                if grant.canSee(message):
                    found.append(message)
            if not page:
                return found, None
        return found, position

    def _read(
        self, id: str | None, position: int | None
    ) -> Awaitable[Sequence[OutboxRecord]]:
        if id is None:
            return self._outbox.queuedMessages(position or 0, PAGE)
        return self._outbox.messagesByID(id, position)


def _toJSON(message: OutboxRecord, request: Request) -> dict[str, Value]:
    value = outgoingToJSON(message)
    if message.key:
        value["location"] = pathTo(request, "outbox", message.key)
    return value


def _notFound(key: str, grant: Grant) -> Refusal:
    # A token must not learn whether there is a message that it may not see.
    hidden = (
        ""
        if "outbox" in grant.permissions
        else f", or {grant} may not see it, since it could not have sent it either"
    )
    return notFound(
        f"No message has the key or the stanza id {quoteShort(key)}: none was accepted,"
        " or its record was deleted after --record-days, or the gateway stores none"
        f" (--store memory){hidden}."
    )


def _noLongerQueued(message: OutboxRecord) -> Refusal:
    state = "on its way to the XMPP server" if message.state == SENT else message.state
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            f"The message {quoteShort(message.id)} is {state}; only a queued message"
            " can be dropped.",
        )
    )


# --- the query of a list --------------------------------------------------------

_PARAMETERS: Mapping[str, Scalar] = {
    "id": string(),
    "limit": integer(1, 1000),
    "position": integer(1),
}


@dataclass(frozen=True, slots=True)
class _Query:
    """
    The query of a list.

    @ivar id: A stanza id; C{None} for the queued messages.
    @ivar position: The number of the last message before the page; C{None} for the
        first page.
    """

    id: str | None = None
    limit: int = 100
    position: int | None = None

    def encodeFrom(self, position: int) -> str:
        """Return the query of the page behind a position."""
        id = {} if self.id is None else {"id": self.id}
        return urlencode({**id, "limit": self.limit, "position": position})


def _parseQuery(request: Request) -> _Query:
    return _Query(**parseQuery(request, _PARAMETERS))
