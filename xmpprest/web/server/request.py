"""
A request as the gateway's own site has it: Twisted's, with what is asked of each ready
at once, and what hardly anybody asks made when somebody does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from twisted.python.failure import Failure
from twisted.web.http import datetimeToString, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.server import Request, version

from .body import StreamingBody
from .fast_head import RequestHead

if TYPE_CHECKING:
    from .channel import GatewayChannel


class GatewayRequest(Request):
    """
    A request whose body is kept in memory, up to the site's limit; or read while it
    comes, where the site has it so.

    @ivar streamingBody: The body, if it is read while it comes.
    @ivar fastHeaders: The fields of a plain head, by their names in lower case;
        C{None}, it is another's, and they are in C{requestHeaders}.
    @ivar onDisconnect: Called if the client goes before it has its answer; see
        L{onDisconnect}.
    """

    channel: GatewayChannel
    streamingBody: StreamingBody | None = None
    fastHeaders: Mapping[bytes, bytes] | None = None
    onDisconnect: Callable[[], object] | None = None
    queued = False
    _parsePOSTFormSubmission = False

    def __init__(self, channel: Any, *_: object, **__: object) -> None:
        """@param channel: A L{GatewayChannel}, though Twisted says otherwise."""
        # Not Request's own, which makes all that follows at once. Reading and answering
        # a plain request here took a message without a store from 1.3 to 1.0 times what
        # an empty resource of Twisted's takes.
        self.channel = channel
        self.transport = channel.transport
        self.notifications = []

    # --- what Request has from the beginning ---

    @cached_property
    def requestHeaders(self) -> Headers:  # type: ignore[override]  # made later
        """The fields of the head."""
        headers = Headers()
        for name, value in (self.fastHeaders or {}).items():
            headers.addRawHeader(name, value)
        return headers

    @cached_property
    def responseHeaders(self) -> Headers:  # type: ignore[override]
        """The fields of the answer's head."""
        return Headers({b"Server": [version], b"Date": [_now().encode()]})

    @cached_property
    def received_cookies(self) -> dict[bytes, bytes]:  # type: ignore[override]
        """See L{Request}."""
        return {}

    @cached_property
    def cookies(self) -> list[bytes]:  # type: ignore[override]
        """See L{Request}."""
        return []

    @cached_property
    def client(self) -> Any:
        """An C{IAddress}: where the client is."""
        return self.channel.getPeer()

    @cached_property
    def host(self) -> Any:
        """An C{IAddress}: where it has connected to."""
        return self.channel.getHost()

    @cached_property
    def _adapterCache(self) -> dict[object, object]:  # type: ignore[override]
        """What Request is adapted to, as in sessions."""
        return {}

    # --- a plain request, all at once ---

    def handleFast(self, head: RequestHead, body: bytes) -> None:
        """All of a plain request has come: let the site's resource answer it."""
        self.method, self.uri, self.fastHeaders = head[:3]
        self.clientproto = b"HTTP/1.1"
        self.path, _, query = self.uri.partition(b"?")
        self.args = parse_qs(query, True) if query else {}
        self.content = BytesIO(body)
        self.site = self.channel.site
        self.prepath, self.postpath = (
            [],
            [*map(unquote_to_bytes, self.path[1:].split(b"/"))],
        )
        try:
            self.render(self.site.getResourceFor(self))
        except BaseException:
            self.processingFailed(Failure())

    @property
    def canReplyFast(self) -> bool:
        """
        Whether L{writeFast} can answer: nobody has said anything of the answer yet.
        """
        return (
            self.fastHeaders is not None
            and self.method != b"HEAD"
            and "responseHeaders" not in self.__dict__
        )

    def writeFast(self, status: int, phrase: str, fields: str, body: bytes) -> None:
        """
        Answer a plain request: at once, and without L{Headers}.

        @param fields: The lines of the head, each with its end; in good order.
        """
        head = (
            f"HTTP/1.1 {status} {phrase}\r\nServer: {_SERVER}\r\nDate: {_now()}\r\n"
            f"{fields}\r\n"
        )
        self.code = status
        self.startedWriting = self.finished = 1
        self.channel.write(head.encode() + body)
        self._cleanup()

    # --- any other, as Twisted reads it ---

    @property
    def isArriving(self) -> bool:
        """Whether the body is read while it comes, and is not complete."""
        return self.streamingBody is not None and not self.streamingBody.isComplete

    def gotLength(self, length: int | None) -> None:
        """The head is complete."""
        self.content = BytesIO()
        if self.streamingBody is not None:
            head = self.channel
            super().requestReceived(head._command, head._path, head._version)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it has come."""
        if self.streamingBody is None:
            super().requestReceived(command, path, version)
        else:
            self.streamingBody.end()

    def write(self, data: bytes) -> None:
        """
        Write to the client. An answer that does not wait for its request's end is the
        last on its connection: nobody knows whether that end will ever be read.
        """
        if self.isArriving and not self.startedWriting:
            self.channel.persistent = 0
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        super().write(data)

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        super().connectionLost(reason)
        if self.onDisconnect is not None:
            self.onDisconnect()
        if self.streamingBody is not None:
            self.streamingBody.connectionLost()

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        if self.finished:
            return
        if self.streamingBody is not None:
            self.streamingBody.add(data)
            return
        assert self.content is not None
        if self.content.tell() + len(data) > self.channel.site.bodyLimit:
            self.channel.rejectTooLarge(self)
        else:
            self.content.write(data)


def onDisconnect(request: Request, act: Callable[[], object]) -> None:
    """Do something if the client goes before it has its answer; one thing at most."""
    if isinstance(request, GatewayRequest):
        # What notifyFinish returns takes 0.5 KB of each request that waits.
        request.onDisconnect = act
    else:
        request.notifyFinish().addErrback(lambda _: act())


_SERVER = version.decode("ascii")


def _now() -> str:
    """The time of day, as HTTP has it (RFC 9110 §5.6.7)."""
    return _written(int(time.time()))


@lru_cache(maxsize=1)
def _written(second: int) -> str:
    return str(datetimeToString(second), "ascii")
