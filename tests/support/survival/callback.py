"""
The callback: it says yes to nearly everything, and tells what it has seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from .ledger import Label
from .load import labelled

_BODY = re.compile(r"<body[^>]*>([\w-]+\.\d+ [^<]*)<")
_ERROR = re.compile(r"<message (?=[^>]*type='error')[^>]*\bid='([^']*)'")

#: Seconds, at most, until an answer: so that some wait when the gateway is killed.
DELAY = 0.02

#: How many of the requests get no answer at all.
UNANSWERED = 0.01


class Callback(Resource):
    """
    The callback.

    @ivar isDown: Whether it closes every connection without a response.
    """

    isLeaf = True

    def __init__(
        self,
        see: Callable[[Label, str], None],
        returned: Callable[[str], None],
        chance: Random,
        clock: IReactorTime,
    ) -> None:
        """
        @param see: Is told of each message that was answered, or would have been but
            for the end of the gateway, and of its C{webhook-id}.
        @param returned: Is told of the id of each that came back as an error.
        """
        super().__init__()
        self._see = see
        self._returned = returned
        self._chance = chance
        self._clock = clock
        self.isDown = False

    def site(self) -> Site:
        """A site of nothing else, that logs nothing."""
        site = Site(self)
        site.log = lambda request: None  # type: ignore[method-assign]
        return site

    def render_OPTIONS(self, request: Request) -> bytes:
        """Accept the default format."""
        request.setResponseCode(405)
        return b""

    def render_POST(self, request: Request) -> int:
        """A stanza."""
        assert request.content is not None
        if self.isDown or self._chance.random() < UNANSWERED:
            connection: Any = request.transport
            connection.abortConnection()
            return NOT_DONE_YET
        delay = self._chance.uniform(0, DELAY)
        body = request.content.read().decode()
        answering = self._clock.callLater(delay, self._answer, request, body)

        def gone(_: object) -> None:
            if answering.active():
                answering.cancel()
                self._seen(request, body)

        request.notifyFinish().addErrback(gone)
        return NOT_DONE_YET

    def _answer(self, request: Request, body: str) -> None:
        self._seen(request, body)
        request.setResponseCode(204)
        request.finish()

    def _seen(self, request: Request, body: str) -> None:
        # Some servers put what was sent into the error about it.
        if error := _ERROR.match(body):
            self._returned(error[1])
        elif written := _BODY.search(body):
            id = bytes(request.getHeader(b"webhook-id") or b"").decode()
            self._see(labelled(written[1]), id)
