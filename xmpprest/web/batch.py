"""Many stanzas in one request: C{POST /rest/batch}."""

from __future__ import annotations

from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ..core import media
from ..core.access import Grant
from ..core.splitting import NDJSON, splitterFor
from .batchrun import BatchRun
from .batchsending import Terms, WayOut
from .body import Body
from .claims import claimOf
from .idempotency import Once
from .response import Response, header, pathTo
from .rest import Sending
from .routes import Route, RouteOf, Streaming
from .waiting import preferredWait, waitFor


class Batches:
    """
    Sends batches.

    @ivar sizeLimit: How long a stanza may be, in bytes.
    """

    def __init__(
        self,
        sending: Sending,
        outbox: WayOut,
        once: Once,
        clock: IReactorTime,
        sizeLimit: int,
    ) -> None:
        """
        @param sending: Sends each stanza that is not kept.
        @param once: Sees to it that what has an idempotency key is sent once.
        """
        self._run = partial(BatchRun, sending, outbox, once, clock)
        self.sizeLimit = sizeLimit

    @property
    def routes(self) -> dict[str, Route | RouteOf]:
        """Where it answers, below C{/rest}."""
        return {"batch": Route({"POST": Streaming(self.post)})}

    async def post(self, request: Request, body: Body, grant: Grant) -> Response:
        """
        Send what comes, and tell of each stanza by a line of its own.

        @raise Refusal: 415, 400: nothing is sent.
        """
        splitter = splitterFor(header(request, b"Content-Type"), self.sizeLimit)
        waitFor(request)  # is in order, or else nothing is read
        terms = Terms(
            request,
            grant,
            claimOf(request, b"", grant),
            pathTo(request, "outbox", ""),
            isPatient=preferredWait(request) is not None,
        )
        _answerInJSON(request)
        return Response(
            200, contentType=NDJSON, pieces=self._run(terms).lines(splitter, body)
        )


def _answerInJSON(request: Request) -> None:
    """Let the answer to each stanza be JSON, which alone can stand in a line."""
    request.requestHeaders.setRawHeaders(b"Content-Type", [media.JSON.encode()])
    request.requestHeaders.removeHeader(b"Accept")
