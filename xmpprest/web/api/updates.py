"""C{/rest/updates}: clients without a public URL fetch and answer their stanzas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from twisted.web.server import Request

from ...core.codec.scalars import Scalar, integer, quoteShort, string
from ...core.errors import Refusal, badRequest, forbidden, notFound
from ...core.media import formats
from ...core.policy.authentication import Authenticator, CurrentGrant
from ...core.policy.callback_response import CallbackResponse
from ...core.policy.permissions import Grant
from ...core.updates.page import DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT
from ...core.updates.response import responseTo
from ...core.updates.status import UpdatesStatus
from ..idempotency.guard import IdempotencyGuard
from ..idempotency.key import idempotencyKeyOf
from ..query import parseQuery
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory
from ..server.request import acceptsOf, authorizationOf, header


class UpdateSource(Protocol):
    """
    The updates of all callbacks that clients fetch. Every call may raise
    L{StoreUnavailable}.
    """

    @property
    def callbacks(self) -> Sequence[str]:
        """The names of the callbacks."""

    @property
    def statuses(self) -> Sequence[UpdatesStatus]:
        """The status of each callback."""

    def fetch(
        self, callback: str, after: str | None, wait: float, limit: int
    ) -> Awaitable[bytes]:
        """
        Acknowledge updates, and return those that follow as JSON; raises L{Refusal}.
        """

    def answer(
        self, id: str, response: CallbackResponse, mayFetch: Callable[[str], bool]
    ) -> Awaitable[None]:
        """Act on a client's response to an update; raises L{Refusal}."""


_QUERY: Mapping[str, Scalar] = {
    "after": string(),
    "wait": integer(0, MAX_WAIT),
    "limit": integer(1, MAX_LIMIT),
    "callback": string(),
}
_ANSWER: Mapping[str, Scalar] = {"status": integer(200, 599)}


class UpdatesHandler:
    """
    Returns updates and takes the responses to them.
    """

    def __init__(
        self,
        updates: UpdateSource | None,
        once: IdempotencyGuard,
        authenticator: Authenticator,
    ) -> None:
        """
        @param updates: C{None} if stanzas are not stored.
        @param once: Guards requests with an idempotency key.
        @param authenticator: Tells whether a token is still valid after a wait.
        """
        self._updates = updates
        self._once = once
        self._authenticator = authenticator

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {
            "updates": Route({"GET": self.get}, permission="updates"),
            "updates/status": Route({"GET": self.status}),
            "updates/{id}": lambda id: Route(
                {"POST": partial(self.post, id)}, permission="updates"
            ),
        }

    async def get(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Return the next updates, as soon as there are any.

        @raise Refusal: 400, the query or its cursor is invalid; 403 or 404 for its
            callback; 403, the credentials are Basic; 409, another request took the
            place of this one; 401, the token was revoked meanwhile.
        """
        # It acknowledges updates, and ends the request of another reader.
        grant.refuseBasic("fetch updates", "use a Bearer token")
        asked = parseQuery(request, _QUERY)
        callback = self._callback(asked.get("callback"), grant)
        after = asked.get("after")
        wait, limit = asked.get("wait", 0), asked.get("limit", DEFAULT_LIMIT)
        current = CurrentGrant(self._authenticator, authorizationOf(request), grant)
        fetched = await self._source.fetch(callback, after, wait, limit)
        # A reload may have revoked or narrowed the token meanwhile.
        now = current.get()
        now.requirePermission("updates")
        self._callback(callback, now)
        return Response(200, fetched, formats.JSON)

    async def status(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Return the number of updates that wait for each callback, and whether its client
        is there.

        @raise Refusal: 403, the token has neither the right C{inbox} nor C{updates}.
        """
        seesAll = "inbox" in grant.permissions
        if not seesAll:
            grant.requirePermission("updates")
        found = [
            each.toJSON()
            for each in self._source.statuses
            if seesAll or grant.canFetch(each.callback)
        ]
        return jsonResponse(200, {"callbacks": found})

    async def post(
        self, id: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Act on the response to an update, and acknowledge it.

        @raise Refusal: 404, there is no such update; 409, it is settled; 400, 415 or
            422, the query or the response is invalid.
        """
        status = parseQuery(request, _ANSWER).get("status")
        response = responseTo(status, header(request, b"content-type"), body)
        claim = idempotencyKeyOf(request, body, grant)

        async def answer() -> Response:
            await self._source.answer(id, response, grant.canFetch)
            return Response(204)

        return await self._once.run(claim, acceptsOf(request), answer)

    def _callback(self, asked: str | None, grant: Grant) -> str:
        """
        Return the callback whose updates a client fetches.

        @raise Refusal: 400, 403 or 404: there is not exactly one.
        """
        known = self._source.callbacks
        if asked is not None:
            if not grant.canFetch(asked):
                raise forbidden(
                    f"{grant} may not fetch the updates of {quoteShort(asked)}; to let"
                    " it, write the name of the callback among its 'callbacks'."
                )
            if asked not in known:
                raise _unknown(f"There is no callback {quoteShort(asked)}", known)
            return asked
        allowed = [each for each in known if grant.canFetch(each)]
        if not allowed:
            raise _unknown(f"There is no callback for {_named(grant)}", [])
        if len(allowed) > 1:
            raise badRequest(
                "There are several callbacks; choose one with ?callback=NAME:"
                f" {', '.join(allowed)}."
            )
        return allowed[0]

    @property
    def _source(self) -> UpdateSource:
        if self._updates is None:
            raise notFound(
                "The gateway stores no stanzas, so there are no updates (--store"
                " memory)."
            )
        return self._updates


def _named(grant: Grant) -> str:
    return str(grant).replace("The", "the", 1) if grant.name else "these credentials"


def _unknown(fault: str, known: Sequence[str]) -> Refusal:
    hint = f"known: {', '.join(known)}" if known else "set its URL to 'pull:'"
    return notFound(f"{fault} whose updates can be fetched; {hint}.")
