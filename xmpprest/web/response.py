"""Responses as values."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

from ..core.errors import Problem
from ..core.media import formats
from ..core.media.negotiation import negotiate
from ..core.media.values import Value, toJSON

#: Header fields: names and values.
Headers = tuple[tuple[str, str], ...]

#: What a browser may do with a response of the API: nothing but show it
#: (https://www.w3.org/TR/CSP3/#directive-sandbox).
INERT: Headers = (
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """
    The response to a request.

    @ivar status: The HTTP status code.
    @ivar body: The whole body.
    @ivar contentType: The media type of the body; C{None} if there is no body.
    @ivar headers: Further header fields.
    @ivar chunks: Makes the body instead, as it becomes known.
    @ivar security: The header fields that limit what a browser does with the body.
    """

    status: int
    body: bytes = b""
    contentType: str | None = None
    headers: Headers = ()
    chunks: AsyncGenerator[bytes] | None = None
    security: Headers = INERT


class PendingResponse:
    """
    A response that is written once what it promises is done, such as a commit. It takes
    less than a Deferred, and can be awaited like one.
    """

    __slots__ = ("_act", "_response", "_result")

    def __init__(self, response: Response) -> None:
        self._response = response
        self._result: Response | Exception | None = None
        self._act: Callable[[Response | Exception], object] | None = None

    def release(self, result: object) -> None:
        """
        Let the response be written.

        @param result: An exception takes the place of the response; nothing else does.
        """
        self._result = result if isinstance(result, Exception) else self._response
        if self._act is not None:
            self._act(self._result)

    def whenReleased(self, act: Callable[[Response | Exception], object]) -> None:
        """Call a function with the response, or with the exception in its place."""
        self._act = act
        if self._result is not None:
            act(self._result)

    def __await__(self) -> Generator[Any, Any, Response]:
        released: Deferred[Response | Exception] = Deferred()
        self.whenReleased(released.callback)
        result = yield from released.__await__()
        if isinstance(result, Exception):
            raise result
        return result


#: The result of a handler: the response, or something that brings it.
Answer: TypeAlias = Response | Awaitable[Response]


class Accepts(NamedTuple):
    """
    The media types that a client accepts.

    @ivar accept: The request's C{Accept}.
    @ivar contentType: The request's C{Content-Type}, for a client without preference.
    """

    accept: str | None
    contentType: str | None


#: Suits a client that reads JSON only.
JSON_ONLY = Accepts(formats.JSON, formats.JSON)

#: The problem of a request that an unexpected error has ended.
INTERNAL_ERROR = Problem(
    500,
    "wait",
    "internal-server-error",
    "Something went wrong in the gateway; its log says what.",
)

#: The media types of an error, the default first.
_ERROR_TYPES = [formats.JSON, formats.PROBLEM_JSON, formats.XML]


def withNewline(body: bytes, contentType: str) -> bytes:
    """Return a body with a line break at its end if it is JSON, for terminals."""
    isJSON = contentType in (formats.JSON, formats.PROBLEM_JSON)
    return body + b"\n" if isJSON else body


def errorResponse(problem: Problem, accepts: Accepts) -> Response:
    """Encode an error as the client prefers, or else as it wrote itself."""
    isXML = (accepts.contentType or "").lower().startswith(formats.XML)
    default = formats.XML if isXML else formats.JSON
    name = negotiate(accepts.accept, _ERROR_TYPES, default)
    body = withNewline(formats.encodeProblem(problem, name), name)
    return Response(problem.status, body, name, problem.headers)


def jsonResponse(status: int, value: Value) -> Response:
    """Encode a value as JSON."""
    return Response(status, toJSON(value) + b"\n", formats.JSON)
