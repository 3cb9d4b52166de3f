"""Lets bots be in rooms: C{/rest/rooms} (docs/how-to/group-chat.rst)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from twisted.web.server import Request

from ...core.codec.scalars import quoteShort, string
from ...core.errors import Problem, Refusal, forbidden, notFound
from ...core.media import formats, values
from ...core.media.values import Value
from ...core.policy.permissions import Grant
from ...core.rooms.membership import Membership
from ...core.rooms.requests import (
    RoomRequest,
    parseRoom,
    parseSender,
    parseSettings,
)
from ...core.rooms.views import occupantToJSON, roomToJSON
from ...core.stanza import jid
from ..query import parseQuery
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory
from ..server.request import header

_FROM = {"from": string()}


class Rooms(Protocol):
    """The memberships. Every call may raise L{StoreUnavailable}."""

    @property
    def memberships(self) -> Sequence[Membership]:
        """All memberships."""

    def membershipsIn(self, room: str) -> Sequence[Membership]:
        """Return the memberships in one room."""

    async def put(self, request: RoomRequest) -> Membership:
        """Let a bot be in a room, and wait until it is; raises L{Refusal}."""

    async def delete(self, membership: Membership) -> None:
        """Let a bot leave a room."""


class RoomsHandler:
    """
    Joins, shows and leaves rooms.

    A token needs the permission C{rooms}, and sees the bots that it may send from. A
    join or a departure is a presence to the room, which the token must be allowed to
    send, and counts as one stanza.
    """

    def __init__(self, rooms: Rooms, domain: str) -> None:
        """@param domain: The component domain."""
        self._rooms = rooms
        self._domain = domain

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """The routes, by their path below C{/rest}."""
        return {
            "rooms": Route({"GET": self.list}, permission="rooms"),
            "rooms/{id}": lambda room: Route(
                {
                    "GET": partial(self.get, room),
                    "PUT": partial(self.put, room),
                    "DELETE": partial(self.delete, room),
                },
                permission="rooms",
            ),
            "rooms/{id}/occupants": lambda room: Route(
                {"GET": partial(self.occupants, room)}, permission="rooms"
            ),
        }

    async def list(self, request: Request, body: bytes, grant: Grant) -> Response:
        """Return all memberships that the token sees."""
        parseQuery(request, {})
        rooms: list[Value] = [
            roomToJSON(each)
            for each in self._rooms.memberships
            if each.record.sender in grant.senders
        ]
        return jsonResponse(200, rooms)

    async def get(
        self, room: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return a membership.

        @raise Refusal: 404, there is none; 409, there are several.
        """
        return jsonResponse(200, roomToJSON(self._find(room, request, grant)))

    async def occupants(
        self, room: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return the occupants of a room.

        @raise Refusal: 404, there is no membership; 409, there are several.
        """
        membership = self._find(room, request, grant)
        occupants: list[Value] = [
            occupantToJSON(nick, each) for nick, each in membership.occupants.items()
        ]
        return jsonResponse(200, occupants)

    async def put(
        self, room: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Let a bot be in a room, and wait until it is.

        @raise Refusal: 403 if the token may not send presence, from the bare address
            of the bot, or to the room, or if the room lets the bot not in; 404, there
            is no such room; 409, the nick is in use; 422, the body is invalid; 429,
            the rate limit is reached; 504, the room has not answered.
        """
        parseQuery(request, {})
        written, settings = parseSettings(_decode(request, body))
        sender = parseSender(
            written or grant.defaultSender or self._domain, self._domain
        )
        grant.requireKind("presence")
        grant.requireSender(str(sender))
        _requireBot(sender, grant)
        address = parseRoom(room)
        grant.requireRecipient(address)
        grant.consumeRateLimit()
        membership = await self._rooms.put(RoomRequest(address, sender, settings))
        return jsonResponse(200, roomToJSON(membership))

    async def delete(
        self, room: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Let a bot leave a room.

        @raise Refusal: 403, the token may not send presence, or not to the room; 404,
            there is no membership; 409, there are several; 429, the rate limit is
            reached.
        """
        grant.requireKind("presence")
        grant.requireRecipient(parseRoom(room))
        membership = self._find(room, request, grant)
        grant.consumeRateLimit()
        await self._rooms.delete(membership)
        return Response(204)

    def _find(self, room: str, request: Request, grant: Grant) -> Membership:
        """
        Return the membership that a path and a query mean.

        @raise Refusal: 403 if the query names a bot that the token may not send from.
        """
        written = parseQuery(request, _FROM).get("from")
        address = parseRoom(room)
        found = {
            each.record.sender: each
            for each in self._rooms.membershipsIn(address)
            if each.record.sender in grant.senders
        }
        if written is not None:
            sender = str(parseSender(written, self._domain).bare)
            grant.requireSender(sender)
            found = {sender: found[sender]} if sender in found else {}
        default = (grant.defaultSender or self._domain).partition("/")[0]
        if len(found) > 1 and default in found:
            return found[default]
        if len(found) > 1:
            raise Refusal(
                Problem(
                    409,
                    "cancel",
                    "conflict",
                    f"Several bots are in {address}; add ?from= with one of:"
                    f" {', '.join(found)}.",
                )
            )
        for each in found.values():
            return each
        raise notFound(
            f"No bot is in {address} by a PUT to this path, or {grant} may not see it."
            if grant.name
            else f"No bot is in {address} by a PUT to this path."
        )


def _requireBot(sender: jid.JID, grant: Grant) -> None:
    """
    Check that a token may send from the bare address of a bot. The bot is in a room
    only once, whatever its resource is, so that a join replaces an earlier one.

    @raise Refusal: 403, it may send from some of the bot's resources only.
    """
    bare = str(sender.bare)
    if bare not in grant.senders:
        raise forbidden(
            f"{grant} may not send from {quoteShort(bare)}, to which the place in the"
            f" room belongs, only from: {grant.senders}."
        )


def _decode(request: Request, body: bytes) -> Value:
    """
    Decode the body of a PUT; an empty one is an empty object.

    @raise Refusal: 415, it is not JSON; 400, it is malformed.
    """
    if not body.strip():
        return {}
    format = formats.formatOf(header(request, b"content-type"))
    if format is not formats.FORMATS[formats.JSON]:
        raise formats.unsupportedMediaType("The body must be JSON (application/json).")
    return values.fromJSON(body)
