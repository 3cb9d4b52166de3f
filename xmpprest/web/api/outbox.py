"""What has become of a message that was accepted: C{/rest/outbox/{id}}."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from twisted.web.server import Request

from ...core.codec.records import outgoingToJSON
from ...core.codec.scalars import quoteShort
from ...core.errors import notFound
from ...core.policy.permissions import Grant
from ...core.records import OutboxRecord
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory


class OutboxReader(Protocol):
    """
    The part of the outbox that reads the status of messages.
    """

    async def status(self, id: str) -> OutboxRecord | None:
        """Return the record of a message; may raise L{StoreUnavailable}."""


class OutboxHandler:
    """
    Returns the status of messages.
    """

    def __init__(self, statuses: OutboxReader) -> None:
        self._statuses = statuses

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {"outbox/{id}": lambda id: Route({"GET": partial(self.get, id)})}

    async def get(
        self, id: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Tell of one.

        @param id: Of the stanza.
        @raise Refusal: 404, it is not known, or not for everybody to know of.
        """
        found = await self._statuses.status(id)
        if found is None or not grant.canSee(found):
            raise notFound(
                f"There is no record of a message with the id {quoteShort(id)}: none "
                "was"
                " accepted, or it was forgotten after --record-days, or the gateway"
                f" keeps none (--store memory){_orNot(grant)}."
            )
        return jsonResponse(200, outgoingToJSON(found))


def _orNot(grant: Grant) -> str:
    """
    Return the part of the sentence about messages of other tokens, whose existence a
    token must not learn.
    """
    if "outbox" in grant.permissions:
        return ""
    return f", or {grant} may not see it, since it could not have sent it either"
