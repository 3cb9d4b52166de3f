"""
C{/rest/events}: the gateway's events as Server-Sent Events
(https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ...core.codec.events import EventFilter
from ...core.codec.scalars import quoteShort, unknownKey
from ...core.errors import Refusal, badRequest
from ...core.media import formats
from ...core.policy.permissions import Grant
from ...core.stanza import jid
from ...core.stanza.build import TYPES
from ..response import Response
from ..router import Route, RouteFactory
from ..server.request import header, queryOf

#: Seconds between two reads of the events, and maximum events per read, so that a
#: client costs little, however many events there are.
POLL_INTERVAL = 0.1
BATCH = 50
#: Seconds without an event after which a comment is written, so that proxies and
#: clients keep the connection.
KEEPALIVE_INTERVAL = 15.0

#: Milliseconds after which a disconnected client should reconnect.
_BEGINNING = b"retry: 2000\n\n"
_KEEPALIVE = b":\n\n"


class ServerSentEvent(Protocol):
    """
    An event.
    """

    @property
    def name(self) -> str:
        """The type of the event."""

    @property
    def data(self) -> bytes:
        """The details of the event, on one line."""


class Subscription(Protocol):
    """
    The subscription of one client.
    """

    def read(self, limit: int) -> Sequence[tuple[str, ServerSentEvent]]:
        """Return the next events, each behind its id, up to a limit."""

    def close(self) -> None:
        """End the subscription."""


class EventSource(Protocol):
    """
    The source of events.
    """

    def subscribe(
        self, wanted: EventFilter, after: str | None = None, token: str = ""
    ) -> Subscription:
        """
        Subscribe to the events after an id, or to those from now on; raises L{Refusal}.
        """


class EventsHandler(Service):
    """
    Streams events to clients until they leave or the service stops.
    """

    def __init__(
        self,
        happenings: EventSource,
        clock: IReactorTime,
        guard: Callable[[Request], object] = lambda request: None,
    ) -> None:
        """
        @param guard: Raises L{Refusal} once a request is no longer authorized, for
            example when its token was revoked; then its stream ends.
        """
        self._guard = guard
        self._happenings = happenings
        self._clock = clock
        self._pauses: set[Deferred[None]] = set()

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {"events": Route({"GET": self.get}, permission="events")}

    async def get(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Start a stream of events.

        @raise Refusal: 400 for an invalid query; 503 if there are too many streams.
        """
        wanted = _wanted(request)
        watcher = self._happenings.subscribe(
            wanted, header(request, b"last-event-id"), grant.name
        )
        request.notifyFinish().addBoth(lambda _: watcher.close())
        # A proxy must not buffer the stream.
        headers = (("X-Accel-Buffering", "no"),)
        pieces = self._told(watcher, request)
        return Response(200, b"", "text/event-stream", headers, pieces)

    def stopService(self) -> None:
        """End all streams; clients reconnect by themselves."""
        super().stopService()
        for pause in [*self._pauses]:
            pause.callback(None)

    async def _told(
        self, watcher: Subscription, request: Request
    ) -> AsyncGenerator[bytes]:
        yield _BEGINNING
        spokenAt = self._clock.seconds()
        while self._isTold(request):
            piece = b"".join(_written(*each) for each in watcher.read(BATCH))
            if not piece and self._clock.seconds() - spokenAt >= KEEPALIVE_INTERVAL:
                piece = _KEEPALIVE
            if piece:
                yield piece
                spokenAt = self._clock.seconds()
            await self._pause()

    def _isTold(self, request: Request) -> bool:
        """Return whether a client may get further events."""
        if not self.running or request.channel is None:
            return False
        try:
            self._guard(request)
        except Refusal:
            return False  # Which it hears when it comes back.
        return True

    async def _pause(self) -> None:
        pause: Deferred[None] = Deferred()
        timer = self._clock.callLater(POLL_INTERVAL, pause.callback, None)
        self._pauses.add(pause)
        try:
            await pause
        finally:
            self._pauses.discard(pause)
            if timer.active():
                timer.cancel()


def _written(id: str, event: ServerSentEvent) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        id.encode(),
        event.name.encode(),
        event.data,
    )


# --- the query ---


def _wanted(request: Request) -> EventFilter:
    """
    Parse the query.

    @raise Refusal: 400 if it is invalid.
    """
    query = queryOf(request)
    try:
        asked = formats.parseForm(query)
        for key in asked:
            if key not in _PARAMETERS:
                raise unknownKey("", key, _PARAMETERS)
    except Refusal as refusal:
        raise Refusal(replace(refusal.problem, status=400)) from None
    return EventFilter(_kinds(asked.get("kind")), _address(asked.get("jid")))


_PARAMETERS = ("kind", "jid")


def _kinds(text: str | None) -> frozenset[str]:
    kinds = frozenset(text.split(",") if text else ())
    others = kinds - TYPES.keys()
    if others:
        raise badRequest(
            f"'kind' is a list of {', '.join(TYPES)}, with commas between them, and"
            f" {quoteShort(min(others))} is none of these."
        )
    return kinds


def _address(text: str | None) -> jid.JID | None:
    if not text:
        return None
    try:
        return jid.parseJID(text)
    except ValueError as error:
        raise badRequest(
            "'jid' must be an address such as user@example.org, not "
            f"{quoteShort(text)}:"
            f" {error}."
        ) from None
