"""The answer to a request, as a value, and the one function that writes it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from twisted.web.server import Request

from ..core import media
from ..core.errors import Problem, reasonPhrase
from ..core.negotiation import negotiate
from ..core.values import Value, toJSON


@dataclass(frozen=True, slots=True)
class Response:
    """
    What a client gets.

    @ivar status: The HTTP status code.
    @ivar body: All of it.
    @ivar contentType: Its media type; C{None} where there is no body.
    @ivar headers: Further header fields.
    """

    status: int
    body: bytes = b""
    contentType: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


#: The forms of an error, the default first.
_ERROR_TYPES = [media.JSON, media.PROBLEM_JSON, media.XML]


def problemResponse(problem: Problem, request: Request) -> Response:
    """
    Say what went wrong, in the form that the client asked for, or wrote in itself.
    """
    sent = header(request, b"Content-Type") or ""
    default = media.XML if sent.lower().startswith(media.XML) else media.JSON
    name = negotiate(header(request, b"Accept"), _ERROR_TYPES, default)
    return Response(
        problem.status, media.encodeProblem(problem, name), name, problem.headers
    )


def jsonResponse(status: int, value: Value) -> Response:
    """Answer with a value."""
    return Response(status, toJSON(value), media.JSON)


def pathTo(request: Request, *segments: str) -> str:
    """
    The path of something that is beside what a request asks for, wherever the
    resource is mounted.

    @param segments: Below the resource.
    """
    mounted = [quote(each, safe="") for each in request.prepath or () if each]
    return "/".join(["", *mounted, *(quote(each, safe="") for each in segments)])


def rawHeader(request: Request, name: bytes) -> bytes | None:
    """
    The value of a header field. Several lines of it are joined (RFC 9110 §5.3):
    what may be a list then is one, and what may not is of no use.
    """
    values = request.requestHeaders.getRawHeaders(name)
    return b", ".join(values) if values else None


def header(request: Request, name: bytes) -> str | None:
    """The same as text."""
    value = rawHeader(request, name)
    return None if value is None else value.decode("latin-1")


def write(response: Response, request: Request) -> None:
    """
    Answer a request.

    @param request: One whose client is still there.
    """
    request.setResponseCode(response.status, reasonPhrase(response.status).encode())
    headers = request.responseHeaders
    headers.setRawHeaders(b"Cache-Control", [b"no-store"])
    if response.status != 204:
        headers.setRawHeaders(b"Content-Length", [str(len(response.body)).encode()])
    if response.contentType is not None:
        headers.setRawHeaders(b"Content-Type", [response.contentType.encode()])
    for name, value in response.headers:
        headers.addRawHeader(name.encode(), value.encode("utf-8"))
    if response.body:
        request.write(response.body)
    request.finish()
