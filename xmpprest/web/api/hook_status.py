"""C{/rest/hooks}: lists the hooks with their last messages, and tries a payload."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Protocol

from twisted.web.server import Request

from ...core.codec.records import outgoingToJSON
from ...core.codec.scalars import quoteShort
from ...core.errors import notFound
from ...core.hooks.hook import Hook, Hooks
from ...core.hooks.request import parseRequest
from ...core.live import Live
from ...core.media.values import Value
from ...core.policy.permissions import Grant
from ...core.records import OutboxRecord
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory
from ..server.request import headersOf, pathTo

#: How many messages of each hook are listed.
LISTED = 10


class HookMessages(Protocol):
    """The messages of hooks. A call may raise L{StoreUnavailable}."""

    def messagesByToken(
        self, token: str, limit: int
    ) -> Awaitable[Sequence[OutboxRecord]]:
        """Return the messages of a hook, the newest first."""


class HookCounts(Protocol):
    """The requests to the hooks since the gateway started."""

    @property
    def accepted(self) -> Mapping[str, int]:
        """The number of stored requests by hook."""

    @property
    def refused(self) -> Mapping[str, int]:
        """The number of refused requests by hook."""


class HookStatusHandler:
    """
    Lists the hooks, and shows what a payload would become.
    """

    def __init__(
        self, hooks: Live[Hooks], messages: HookMessages, counts: HookCounts
    ) -> None:
        self._hooks = hooks
        self._messages = messages
        self._counts = counts

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """The routes, by their path below C{/rest}."""
        return {
            "hooks": Route({"GET": self.list}, permission="hooks"),
            "hooks/{id}/try": lambda name: Route(
                {"POST": partial(self.attempt, name)}, permission="hooks"
            ),
        }

    async def list(self, request: Request, body: bytes, grant: Grant) -> Response:
        """Return every hook with its last messages."""
        hooks: list[Value] = [
            await self._described(hook, request) for hook in self._hooks.value
        ]
        return jsonResponse(200, {"hooks": hooks})

    async def _described(self, hook: Hook, request: Request) -> Value:
        found = await self._messages.messagesByToken(hook.grant.name, LISTED)
        return {
            "name": hook.name,
            "shape": hook.shape,
            "type": hook.type,
            "from": hook.sender,
            "to": [*hook.to],
            "signed": bool(hook.signingSecrets),
            "accepted": self._counts.accepted.get(hook.name, 0),
            "refused": self._counts.refused.get(hook.name, 0),
            "messages": [_toJSON(each, request) for each in found],
        }

    async def attempt(
        self, name: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return the message that a payload would become. Nothing is sent, and no
        signature is needed.

        @raise Refusal: 404 if there is no such hook; 400 or 422 if the hook would
            refuse the payload.
        """
        hook = self._hooks.value.get(name)
        if hook is None:
            raise notFound(f"There is no hook {quoteShort(name)}.")
        message = hook.message(parseRequest(headersOf(request), body))
        return jsonResponse(
            200,
            {
                "shape": message.shape,
                "event": message.notice.event,
                "body": message.body,
                "template_error": message.failure,
            },
        )


def _toJSON(message: OutboxRecord, request: Request) -> Value:
    value = outgoingToJSON(message)
    if message.key:
        value["location"] = pathTo(request, "outbox", message.key)
    return value
