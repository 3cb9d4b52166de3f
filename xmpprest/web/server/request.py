"""
Requests, and functions that read their header fields, query and body.

The functions work for every request, also if another program's site serves the
gateway's
resources. No other module reads raw header fields or URLs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from io import BytesIO
from typing import Any, cast
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource, _IEncodingResource
from twisted.web.server import Request, version

from ...core.errors import Refusal
from ..response import Accepts
from .body import Body, BufferedBody, FileBody, StreamingBody
from .head import UNREADABLE, RequestHead


class IHeadResource(IResource):
    """
    A resource that is rendered as soon as the head of a request is complete, and that
    reads the body itself, by L{bodyOf}.
    """


class GatewayRequest(Request):
    """
    A request on the gateway's own site. Attributes of Twisted's requests that few
    resources use are made when they are used.

    @ivar target: The parsed request target.
    @ivar fields: The values of the header fields by name in lower case; repeated ones
        are joined.
    @ivar repeated: The values of the fields that are repeated, one for each line.
    @ivar body: The body.
    @ivar onDisconnect: Called if the client leaves before the response; see
        L{onDisconnect}.
    """

    channel: Any  # A GatewayChannel, whose module imports this one.
    # Of a request whose head could not be parsed.
    target = UNREADABLE.target
    fields, repeated = UNREADABLE.fields, UNREADABLE.repeated
    method, clientproto = UNREADABLE.method, UNREADABLE.version
    body: Body = BufferedBody(b"")
    onDisconnect: Callable[[], object] | None = None
    queued = False
    _parsePOSTFormSubmission = False

    def __init__(self, channel: Any, *_: object, **__: object) -> None:
        """
        @param channel: A L{GatewayChannel<xmpprest.web.server.channel.GatewayChannel>}.
        """
        # Not Request's own, which makes every attribute at once: that took a message
        # without a store from 1.0 to 1.3 times the time of an empty resource.
        self.channel = channel
        self.transport = channel.transport
        self.notifications = []

    # --- attributes of Twisted's requests, made when they are used ---

    @cached_property
    def uri(self) -> bytes:  # type: ignore[override]  # made later
        """Path and query."""
        return self.target.uri

    @cached_property
    def requestHeaders(self) -> Headers:  # type: ignore[override]  # made later
        """The header fields as Twisted's resources read them."""
        headers = Headers()
        for name, value in self.fields.items():
            headers.setRawHeaders(name, self.repeated.get(name, [value]))
        return headers

    @cached_property
    def responseHeaders(self) -> Headers:  # type: ignore[override]
        """The header fields of the response."""
        return Headers({b"Server": [version], b"Date": [datetimeToString()]})

    @cached_property
    def args(self) -> dict[bytes, list[bytes]]:  # type: ignore[override]
        """The query, parsed."""
        query = self.target.query
        return cast(dict[bytes, list[bytes]], parse_qs(query, True)) if query else {}

    @cached_property
    def received_cookies(self) -> dict[bytes, bytes]:  # type: ignore[override]
        """The cookies that the client has sent."""
        return _cookies(self.fields.get(b"cookie", b""))

    @cached_property
    def cookies(self) -> list[bytes]:  # type: ignore[override]
        """The cookies of the response."""
        return []

    @cached_property
    def client(self) -> Any:
        """The client's address, an C{IAddress}."""
        return self.channel.getPeer()

    @cached_property
    def host(self) -> Any:
        """The local address, an C{IAddress}."""
        return self.channel.getHost()

    @cached_property
    def _adapterCache(self) -> dict[object, object]:  # type: ignore[override]
        """The adapters of this request, such as sessions."""
        return {}

    # --- from the connection ---

    def handle(self, head: RequestHead) -> None:
        """Handle the request; its body may still arrive."""
        # Not the head itself, which takes 0.1 KB of a request that waits.
        self.fields, self.repeated = head.fields, head.repeated
        target = self.target = head.target
        self.method, self.path = head.method, target.path
        self.clientproto = head.version
        self.site = self.channel.site
        self.prepath, self.postpath = [], [*target.segments]
        try:
            self._dispatch()
        except BaseException:
            self.processingFailed(Failure())

    def _dispatch(self) -> None:
        """Render the resource, now or when the body is complete."""
        if self.path == b"*":
            self._handleStar()
            return
        assert self.site is not None
        resource = self.site.getResourceFor(self)
        if IHeadResource.providedBy(resource):
            self.render(resource)
            return
        rendering = Deferred.fromCoroutine(self._renderComplete(resource))
        # processingFailed logs the failure, and returns it.
        rendering.addErrback(lambda reason: (self.processingFailed(reason), None)[1])

    async def _renderComplete(self, resource: IResource) -> None:
        """Render a resource that expects the body in C{content}."""
        site = self.channel.site
        try:
            self.content = BytesIO(await self.body.readAll(site.bodyLimit))
        except Refusal as refusal:
            if self.channel is not None:
                site.refuse(self, refusal.problem)
            return
        if _IEncodingResource.providedBy(resource):
            self._encoder = resource.getEncoder(self)
        self.render(resource)

    def connectionLost(self, reason: Failure) -> None:
        """End the request without a response, because the client is gone."""
        super().connectionLost(reason)
        if self.onDisconnect is not None:
            self.onDisconnect()
        if isinstance(self.body, StreamingBody):
            self.body.connectionLost()

    # --- the response ---

    @property
    def canReplyFast(self) -> bool:
        """Whether L{writeFast} can answer: nothing of the response has been set yet."""
        return (
            self.clientproto == b"HTTP/1.1" and "responseHeaders" not in self.__dict__
        )

    def writeFast(self, status: int, phrase: str, fields: str, body: bytes) -> None:
        """
        Write the whole response at once, without L{Headers}.

        @param fields: The header lines, each with its end; well-formed.
        """
        closing = "Connection: close\r\n" if self.channel.willClose else ""
        head = (
            f"HTTP/1.1 {status} {phrase}\r\n{_serverLines(int(time.time()))}{closing}"
            f"{fields}\r\n"
        ).encode()
        self.code = status
        self.startedWriting = self.finished = 1
        self.channel.write(head if self.method == b"HEAD" else head + body)
        self._cleanup()

    def write(self, data: bytes) -> None:
        """
        Write a part of the response. If the request is not complete, the response is
        the last on its connection: the rest of the request may never arrive.
        """
        if not (self.startedWriting or self._disconnected) and self.channel.willClose:
            self.channel.persistent = 0
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        super().write(data)


def _cookies(text: bytes) -> dict[bytes, bytes]:
    """Parse the field C{Cookie} (RFC 6265 §4.2.1)."""
    pairs = (each.strip().partition(b"=") for each in text.split(b";"))
    return {name: value for name, mark, value in pairs if mark}


# --- accessors for every request --------------------------------------------------


def fieldsOf(request: Request) -> Mapping[bytes, bytes]:
    """
    Return the values of the header fields by name in lower case, for a caller that
    needs several; else see L{header}.
    """
    if isinstance(request, GatewayRequest):
        return request.fields
    fields = request.requestHeaders.getAllRawHeaders()
    return {name.lower(): b", ".join(values) for name, values in fields}


def header(request: Request, name: bytes) -> str | None:
    """
    Return the value of a header field.

    Several lines of one name are joined (RFC 9110 §5.3): a field that is a list
    then is one, and any other becomes invalid.

    @param name: In lower case.
    @return: C{None} if there is none; each character stands for one byte.
    """
    if isinstance(request, GatewayRequest):
        value = request.fields.get(name)
    else:
        values = request.requestHeaders.getRawHeaders(name)
        value = b", ".join(values) if values else None
    return None if value is None else value.decode("latin-1")


def headersOf(request: Request) -> dict[str, str]:
    """
    Return all header fields by name in lower case, each as L{header} returns it.
    """
    if isinstance(request, GatewayRequest):
        fields = request.fields.items()
    else:
        raw = request.requestHeaders.getAllRawHeaders()
        fields = {name.lower(): b", ".join(values) for name, values in raw}.items()
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}


def headerLines(request: Request, name: bytes) -> list[str]:
    """
    Return the values of a header field, one for each line.

    @param name: In lower case.
    """
    if not isinstance(request, GatewayRequest):
        lines = request.requestHeaders.getRawHeaders(name, ())
    elif name in request.repeated:
        lines = request.repeated[name]
    else:
        lines = [request.fields[name]] if name in request.fields else []
    return [each.decode("latin-1") for each in lines]


def authorizationOf(request: Request) -> bytes | None:
    """Return the value of C{Authorization}, whose text may have any encoding."""
    return fieldsOf(request).get(b"authorization")


def acceptsOf(request: Request) -> Accepts:
    """Return which media types suit the client of a request."""
    fields = fieldsOf(request)
    accept, contentType = fields.get(b"accept"), fields.get(b"content-type")
    return Accepts(
        None if accept is None else accept.decode("latin-1"),
        None if contentType is None else contentType.decode("latin-1"),
    )


#: The media type of forms with files.
FORM = b"multipart/form-data"


def hasForm(fields: Mapping[bytes, bytes]) -> bool:
    """
    Return whether a request has a form with files.

    @param fields: The values of the header fields by name in lower case.
    """
    return fields.get(b"content-type", b"")[: len(FORM)].lower() == FORM


def queryOf(request: Request) -> bytes:
    """Return the query, still encoded; empty if there is none."""
    if isinstance(request, GatewayRequest):
        return request.target.query
    return request.uri.partition(b"?")[2]


def bodyOf(request: Request) -> Body:
    """Return the body; another program's site has read all of it."""
    if isinstance(request, GatewayRequest):
        return request.body
    assert request.content is not None
    return FileBody(request.content)


def pathTo(request: Request, *segments: str) -> str:
    """
    Return the path of something beside the requested resource, wherever that is
    mounted.

    @param segments: The path below the mounted resource; not encoded.
    """
    mounted = _mounted(tuple(request.prepath or ()))
    return "/".join([mounted, *map(_quoted, segments)])


def _quoted(segment: str) -> str:
    return segment if _isSafe(segment) else quote(segment, safe="")


#: Matches what need not be quoted in a URL (RFC 3986 §2.3).
_isSafe = re.compile(r"[A-Za-z0-9\-._~]*").fullmatch


@lru_cache(maxsize=16)  # nearly always the same one
def _mounted(prepath: tuple[bytes, ...]) -> str:
    return "/".join(["", *(quote(each, safe="") for each in prepath if each)])


def onDisconnect(request: Request, act: Callable[[], object]) -> None:
    """
    Do something if the client leaves before its response.

    @param act: Only the last one set is called.
    """
    if isinstance(request, GatewayRequest):
        # The Deferred of notifyFinish takes 0.5 KB of each request that waits.
        request.onDisconnect = act
    else:
        request.notifyFinish().addErrback(lambda _: act())


@lru_cache(maxsize=1)
def _serverLines(now: int) -> str:
    """
    Return the header lines of every response (RFC 9110 §6.6.1, §10.2.4).

    @param now: In seconds since 1970.
    """
    date: bytes = datetimeToString(now)
    return f"Server: {version.decode()}\r\nDate: {date.decode()}\r\n"
