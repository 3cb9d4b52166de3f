"""The answer to a request, as a value, and the one function that writes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from ..core.errors import Problem, reasonPhrase
from ..core.media import formats
from ..core.media.negotiation import negotiate
from ..core.media.values import Value, toJSON
from .server.request import GatewayRequest


@dataclass(frozen=True, slots=True)
class Response:
    """
    What a client gets.

    @ivar status: The HTTP status code.
    @ivar body: All of it.
    @ivar contentType: Its media type; C{None} where there is no body.
    @ivar headers: Further header fields.
    @ivar chunks: The body instead, as it becomes known.
    """

    status: int
    body: bytes = b""
    contentType: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    chunks: AsyncGenerator[bytes] | None = None


#: What is said of what should not have happened.
INTERNAL_ERROR = Problem(
    500,
    "wait",
    "internal-server-error",
    "Something went wrong in the gateway; its log says what.",
)

#: The forms of an error, the default first.
_ERROR_TYPES = [formats.JSON, formats.PROBLEM_JSON, formats.XML]


def problemResponse(problem: Problem, request: Request) -> Response:
    """
    Say what went wrong, in the form that the client asked for, or wrote in itself.
    """
    sent = header(request, b"Content-Type") or ""
    default = formats.XML if sent.lower().startswith(formats.XML) else formats.JSON
    name = negotiate(header(request, b"Accept"), _ERROR_TYPES, default)
    return Response(
        problem.status, formats.encodeProblem(problem, name), name, problem.headers
    )


def jsonResponse(status: int, value: Value) -> Response:
    """Answer with a value."""
    return Response(status, toJSON(value), formats.JSON)


def pathTo(request: Request, *segments: str) -> str:
    """
    The path of something that is beside what a request asks for, wherever the
    resource is mounted.

    @param segments: Below the resource.
    """
    mounted = _mounted(tuple(request.prepath or ()))
    return "/".join([mounted, *(quote(each, safe="") for each in segments)])


@lru_cache(maxsize=16)  # mostly asked for one
def _mounted(prepath: tuple[bytes, ...]) -> str:
    return "/".join(["", *(quote(each, safe="") for each in prepath if each)])


def rawHeader(request: Request, name: bytes) -> bytes | None:
    """
    The value of a header field. Several lines of it are joined (RFC 9110 §5.3):
    what may be a list then is one, and what may not is of no use.
    """
    if isinstance(request, GatewayRequest) and request.fastHeaders is not None:
        return request.fastHeaders.get(name.lower())
    values = request.requestHeaders.getRawHeaders(name)
    return b", ".join(values) if values else None


def header(request: Request, name: bytes) -> str | None:
    """The same as text."""
    value = rawHeader(request, name)
    return None if value is None else value.decode("latin-1")


def write(
    response: Response, request: Request, common: Sequence[tuple[str, str]] = ()
) -> None:
    """
    Answer a request.

    @param request: One whose client is still there.
    @param common: Header fields of every answer to it.
    """
    if isinstance(request, GatewayRequest) and request.canReplyFast:
        lines = [f"{name}: {value}\r\n" for name, value in _fields(response, common)]
        fields = "".join(lines)
        # What has an end of line within is for Headers to mend.
        if fields.count("\r") == fields.count("\n") == len(lines):
            phrase = reasonPhrase(response.status)
            request.writeFast(response.status, phrase, fields, response.body)
            return
    if response.status != 204:
        length = str(len(response.body)).encode()
        request.responseHeaders.setRawHeaders(b"Content-Length", [length])
    _setHead(response, request, common)
    if response.body:
        request.write(response.body)
    request.finish()


def _fields(
    response: Response, common: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """All fields of an answer that has all of its body."""
    fields = [*common, ("Cache-Control", "no-store"), *response.headers]
    if response.status != 204:
        fields.append(("Content-Length", str(len(response.body))))
    if response.contentType is not None:
        fields.append(("Content-Type", response.contentType))
    return fields


async def writeChunks(
    pieces: AsyncGenerator[bytes],
    response: Response,
    request: Request,
    common: Sequence[tuple[str, str]],
) -> None:
    """
    Answer a request piece by piece, no faster than its client takes them.

    @param pieces: Of the body; asked for to the end even if the client leaves, unless
        this is cancelled.
    @param common: See L{write}.
    """
    _setHead(response, request, common)
    tap = _Tap()
    request.registerProducer(tap, True)
    try:
        async for piece in pieces:
            request.write(piece)
            await tap.opened()
    finally:
        await pieces.aclose()
        if request.channel is not None:
            request.unregisterProducer()
    if request.channel is not None:
        request.finish()


def _setHead(
    response: Response, request: Request, common: Sequence[tuple[str, str]]
) -> None:
    request.setResponseCode(response.status, reasonPhrase(response.status).encode())
    headers = request.responseHeaders
    for name, value in common:
        headers.setRawHeaders(name, [value])
    headers.setRawHeaders(b"Cache-Control", [b"no-store"])
    if response.contentType is not None:
        headers.setRawHeaders(b"Content-Type", [response.contentType.encode()])
    for name, value in response.headers:
        headers.addRawHeader(name.encode(), value.encode("utf-8"))


@implementer(IPushProducer)
class _Tap:
    """
    Tells whether the client takes more.
    """

    def __init__(self) -> None:
        self._opening: Deferred[None] | None = None

    def opened(self) -> Deferred[None]:
        """Wait until it does."""
        return self._opening or succeed(None)

    def pauseProducing(self) -> None:
        """It does not."""
        self._opening = self._opening or Deferred()

    def resumeProducing(self) -> None:
        """It does again."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(None)

    def stopProducing(self) -> None:
        """It is gone, and what is written to it with it."""
        self.resumeProducing()
