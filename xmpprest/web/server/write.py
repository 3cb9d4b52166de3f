"""Writes responses to requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import lru_cache

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from ...core.errors import Problem, reasonPhrase
from ..response import Headers, Response, errorResponse
from .request import GatewayRequest, acceptsOf

_NO_STORE = ("Cache-Control", "no-store")


def problemResponse(problem: Problem, request: Request) -> Response:
    """Encode an error in the format that suits a request."""
    return errorResponse(problem, acceptsOf(request))


def write(
    response: Response, request: Request, common: Sequence[tuple[str, str]] = ()
) -> None:
    """
    Write a response, and finish its request.

    @param request: One whose client is still connected.
    @param common: Header fields beside those of the response.
    """
    if isinstance(request, GatewayRequest) and request.canReplyFast:
        fields = [*common, *response.headers]
        lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
        # Headers replaces ends of lines within a value.
        if lines.count("\r") == lines.count("\n") == len(fields):
            if response.status != 204:
                lines += f"Content-Length: {len(response.body)}\r\n"
            own = _ownLines(response.security, response.contentType)
            phrase = reasonPhrase(response.status)
            request.writeFast(response.status, phrase, lines + own, response.body)
            return
    _setHead(response, request, _fields(response, common))
    if response.body:
        request.write(response.body)
    request.finish()


async def writeChunks(
    chunks: AsyncGenerator[bytes],
    response: Response,
    request: Request,
    common: Sequence[tuple[str, str]],
) -> None:
    """
    Write a response piece by piece, no faster than its client reads it.

    @param chunks: The body; read to its end even if the client leaves, unless this is
        cancelled. Not read for C{HEAD}.
    @param common: Header fields beside those of the response.
    """
    _setHead(response, request, _head(response, common))
    tap = _Tap()
    request.registerProducer(tap, True)
    try:
        if request.method != b"HEAD":
            async for chunk in chunks:
                request.write(chunk)
                await tap.opened()
    finally:
        await chunks.aclose()
        if request.channel is not None:
            request.unregisterProducer()
    if request.channel is not None:
        request.finish()


@lru_cache(maxsize=32)
def _ownLines(security: Headers, contentType: str | None) -> str:
    """Return the header lines that the gateway alone determines."""
    fields = [_NO_STORE, *security]
    if contentType is not None:
        fields.append(("Content-Type", contentType))
    return "".join([f"{name}: {value}\r\n" for name, value in fields])


def _head(
    response: Response, common: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the header fields but C{Content-Length}."""
    fields = [*common, _NO_STORE, *response.security, *response.headers]
    if response.contentType is not None:
        fields.append(("Content-Type", response.contentType))
    return fields


def _fields(
    response: Response, common: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return all header fields of a response that has all of its body."""
    fields = _head(response, common)
    if response.status != 204:
        fields.append(("Content-Length", str(len(response.body))))
    return fields


def _setHead(
    response: Response, request: Request, fields: Iterable[tuple[str, str]]
) -> None:
    request.setResponseCode(response.status, reasonPhrase(response.status).encode())
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    for name, lines in values.items():
        request.responseHeaders.setRawHeaders(name, lines)


@implementer(IPushProducer)
class _Tap:
    """
    Waits while the client does not read.
    """

    def __init__(self) -> None:
        self._opening: Deferred[None] | None = None

    def opened(self) -> Deferred[None]:
        """Wait until the client reads."""
        return self._opening or succeed(None)

    def pauseProducing(self) -> None:
        """Note that the client does not read; see L{IPushProducer}."""
        self._opening = self._opening or Deferred()

    def resumeProducing(self) -> None:
        """Note that the client reads again; see L{IPushProducer}."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(None)

    def stopProducing(self) -> None:
        """Wait no longer: the client is gone; see L{IPushProducer}."""
        self.resumeProducing()
