"""C{POST /rest/batch}: the route."""

from __future__ import annotations

from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ....core.live import Live, LiveSettings
from ....core.media.framing import NDJSON, framerFor
from ....core.policy.authentication import Authenticator, CurrentGrant
from ....core.policy.permissions import Grant
from ...idempotency.guard import IdempotencyGuard
from ...idempotency.key import idempotencyKeyOf
from ...prefer import iqTimeoutOf, preferredWait
from ...response import Response
from ...router import Route, RouteFactory, StreamingHandler
from ...server.body import Body
from ...server.request import authorizationOf, header, pathTo
from ..stanzas import StanzaHandler
from .processor import BatchProcessor
from .sender import BatchContext, BatchOutbox


class BatchHandler:
    """
    Handles batches.

    """

    def __init__(
        self,
        sending: StanzaHandler,
        outbox: BatchOutbox,
        once: IdempotencyGuard,
        clock: IReactorTime,
        settings: Live[LiveSettings],
        *,
        authenticator: Authenticator,
    ) -> None:
        """
        @param sending: Sends the stanzas that are not stored.
        @param once: Guards stanzas with an idempotency key.
        """
        self._run = partial(BatchProcessor, sending, outbox, once, clock)
        self._settings = settings
        self._authenticator = authenticator

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {"batch": Route({"POST": StreamingHandler(self.post)})}

    async def post(self, request: Request, body: Body, grant: Grant) -> Response:
        """
        Send a batch; the response has one line per stanza.

        @raise Refusal: 415 or 400; nothing was sent.
        """
        splitter = framerFor(
            header(request, b"content-type"), self._settings.value.stanzaSizeLimit
        )
        iqTimeoutOf(request)  # is in order, or else nothing is read
        terms = BatchContext(
            request,
            CurrentGrant(self._authenticator, authorizationOf(request), grant),
            idempotencyKeyOf(request, b"", grant),
            pathTo(request, "outbox", ""),
            waitsForOutcome=preferredWait(request) is not None,
        )
        return Response(
            200, contentType=NDJSON, chunks=self._run(terms).results(splitter, body)
        )
