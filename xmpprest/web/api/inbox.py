"""C{/rest/inbox}: lists stanzas for the callback, and redelivers dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from urllib.parse import urlencode

from twisted.web.server import Request

from ...core.codec.records import incomingDetailToJSON, incomingToJSON
from ...core.codec.scalars import Scalar, integer, quoteShort, string
from ...core.errors import Problem, Refusal, notFound, storeUnavailable
from ...core.media.values import Value
from ...core.policy.permissions import Grant
from ...core.policy.redelivery_request import (
    MAX_IDS,
    RedeliveryRequest,
    parseRedeliveryRequest,
)
from ...core.records import DEAD, DELIVERED, PENDING, DeliveryAttempt, InboxRecord
from ..idempotency.guard import IdempotencyGuard
from ..idempotency.key import idempotencyKeyOf
from ..json_body import parseJSON
from ..query import parseQuery
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory
from ..server.request import acceptsOf, pathTo


class InboxReader(Protocol):
    """
    The part of the store that reads stanzas. Every call may raise L{StoreUnavailable}.
    """

    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Awaitable[Sequence[InboxRecord]]:
        """Return stanzas in a state, the newest first, from before a number."""

    def incomingByID(
        self, webhookID: str
    ) -> Awaitable[tuple[InboxRecord, Sequence[DeliveryAttempt]] | None]:
        """Return a stanza with all its delivery attempts."""


class Redeliverer(Protocol):
    """
    The part of the inbox that redelivers stanzas.
    """

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """
        Redeliver the dead letters that arrived within a time span.

        @param webhookIDs: Redeliver only those with these ids; C{None} for all of them.
        """


@dataclass(frozen=True, slots=True)
class StoredInbox:
    """
    The store and the inbox of stored stanzas.
    """

    stanzas: InboxReader
    redeliverer: Redeliverer


class InboxHandler:
    """
    Lists and redelivers stanzas.
    """

    def __init__(self, inbox: StoredInbox | None, once: IdempotencyGuard) -> None:
        """
        @param inbox: C{None} if stanzas are not stored.
        @param once: Guards requests with an idempotency key.
        """
        self._kept = inbox
        self._once = once

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {
            "inbox": Route({"GET": self.list}, permission="inbox"),
            "inbox/redeliver": Route({"POST": self.redeliver}, permission="redeliver"),
            "inbox/{id}": lambda id: Route(
                {"GET": partial(self.get, id)}, permission="inbox"
            ),
            "inbox/{id}/redeliver": lambda id: Route(
                {"POST": partial(self.redeliverOne, id)}, permission="redeliver"
            ),
        }

    async def list(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        List stanzas, the newest first, with the URL of the next page.

        @raise Refusal: 400 if the query is invalid.
        """
        inbox, asked = self._inbox, _asked(request)
        # One more than the limit shows whether there is a next page.
        found = await _first(inbox.stanzas, replace(asked, limit=asked.limit + 1))
        these, isMore = found[: asked.limit], len(found) > asked.limit
        more = None
        if isMore:
            query = replace(asked, before=these[-1][0]).query
            more = f"{pathTo(request, 'inbox')}?{query}"
        stanzas: list[Value] = [value for _, value in these]
        return jsonResponse(200, {"stanzas": stanzas, "next": more})

    async def get(
        self, id: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return a stanza with its delivery attempts.

        @raise Refusal: 404 if there is none.
        """
        found = await self._inbox.stanzas.incomingByID(id)
        if found is None:
            raise _unknown(id)
        return jsonResponse(200, incomingDetailToJSON(*found))

    async def redeliverOne(
        self, id: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Redeliver a dead letter.

        @raise Refusal: 404 if it is unknown; 409 if it is not dead.
        """
        claim = idempotencyKeyOf(request, body, grant)
        return await self._once.run(claim, acceptsOf(request), partial(self._again, id))

    async def redeliver(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Redeliver the dead letters that the body selects.

        @raise Refusal: 415, 400 or 422 if the body is invalid.
        """
        claim = idempotencyKeyOf(request, body, grant)
        asked = parseRedeliveryRequest(parseJSON(request, body))
        return await self._once.run(
            claim, acceptsOf(request), partial(self._allAgain, asked)
        )

    async def _again(self, id: str) -> Response:
        inbox, one = self._inbox, RedeliveryRequest([id])
        again = await inbox.redeliverer.redeliver(one.ids, one.since, one.until)
        if again:
            return jsonResponse(202, incomingToJSON(again[0]))
        found = await inbox.stanzas.incomingByID(id)
        if found is None:
            raise _unknown(id)
        state = found[0].state
        if state == DEAD:
            raise storeUnavailable("too much is waiting")
        raise Refusal(
            Problem(
                409,
                "cancel",
                "conflict",
                f"The stanza {quoteShort(id)} is {state}; only what is dead can be "
                "delivered"
                " again.",
            )
        )

    async def _allAgain(self, asked: RedeliveryRequest) -> Response:
        redeliver = self._inbox.redeliverer.redeliver
        again = await redeliver(asked.ids, asked.since, asked.until)
        ids: list[Value] = [each.webhookID for each in again[:MAX_IDS]]
        return jsonResponse(202, {"redelivered": len(again), "ids": ids})

    @property
    def _inbox(self) -> StoredInbox:
        if self._kept is None:
            raise notFound(
                "The gateway keeps no stanzas for its callback (--store memory)."
            )
        return self._kept


def _unknown(id: str) -> Refusal:
    return notFound(
        f"There is no stanza for the callback with the webhook-id {quoteShort(id)}: "
        "none"
        " came, or it was forgotten after --record-days or --dead-days."
    )


# --- the query ---

_PARAMETERS: Mapping[str, Scalar] = {
    "state": string(PENDING, DELIVERED, DEAD),
    "limit": integer(1, 1000),
    "before": integer(1),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """
    The query of a list.

    @ivar state: The only state; C{None} for all stanzas that are not delivered.
    @ivar before: The number before which the list begins; C{None} for the newest.
    """

    state: str | None = None
    limit: int = 100
    before: int | None = None

    @property
    def states(self) -> Sequence[str]:
        """Return the states of the stanzas to list."""
        return (PENDING, DEAD) if self.state is None else (self.state,)

    @property
    def query(self) -> str:
        """Return the query string."""
        given = {"state": self.state, "limit": self.limit, "before": self.before}
        return urlencode({k: v for k, v in given.items() if v is not None})


def _asked(request: Request) -> _Asked:
    """
    Parse the query.

    @raise Refusal: 400 if it is invalid.
    """
    return _Asked(**parseQuery(request, _PARAMETERS))


#: Stanzas read at a time, since each may have some megabytes.
_SLICE = 10


async def _first(
    stanzas: InboxReader, asked: _Asked
) -> list[tuple[int, dict[str, Value]]]:
    """Return the first stanzas of a list, each with its number."""
    found: list[tuple[int, dict[str, Value]]] = []
    before = asked.before
    while len(found) < asked.limit:
        wanted = min(_SLICE, asked.limit - len(found))
        some = await _slice(stanzas, asked.states, before, wanted)
        found += [(each.number, incomingToJSON(each)) for each in some]
        if len(some) < wanted:
            break
        before = some[-1].number
    return found


async def _slice(
    stanzas: InboxReader, states: Sequence[str], before: int | None, limit: int
) -> list[InboxRecord]:
    """Return stanzas in some states, the newest first."""
    found: dict[int, InboxRecord] = {}
    for state in states:
        # A stanza that changes its state between the reads may be found twice.
        for each in await stanzas.listIncoming(state, before, limit):
            found[each.number] = each
    return [found[number] for number in sorted(found, reverse=True)[:limit]]
