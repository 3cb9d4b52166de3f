"""
The routes below C{/rest} (docs/reference/http-api.rst).

The first segment decides: one of the gateway's own names, a kind of stanza, or the
payload of an iq.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import Protocol

from twisted.web.server import Request

from ..core.codec.mapping import NO_CONTEXT, StanzaContext
from ..core.codec.scalars import quoteShort
from ..core.codec.table import KEYS, PAYLOADS
from ..core.errors import Problem, Refusal, badRequest
from ..core.policy.permissions import Grant
from ..core.stanza.build import TYPES
from .response import Answer, Response
from .server.body import Body

#: Takes a request, its body and its permissions, and returns the response or something
#: that brings it. It may raise the errors that awaiting the response would raise.
Handler = Callable[[Request, bytes, Grant], Answer]


@dataclass(frozen=True, slots=True)
class StreamingHandler:
    """
    A handler that starts before the body is complete.

    @ivar handle: Takes a request, its body and its permissions, and returns the
        response.
    """

    handle: Callable[[Request, Body, Grant], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """
    A route.

    @ivar methods: The handlers by method.
    @ivar isPublic: Whether the route needs no credentials.
    @ivar permission: The permission that the route needs, of
        L{PERMISSIONS<xmpprest.core.policy.permissions.PERMISSIONS>}; C{None} if the
        handler checks it.
    @ivar template: The path with parameters in braces; set by L{RouteTable}.
    @ivar grant: The permissions of a public route whose path holds the credentials;
        C{None} for other routes.
    @ivar postForm: The handler of C{POST} for forms with files (multipart/form-data);
        C{None} if the route takes none.
    """

    methods: Mapping[str, Handler | StreamingHandler]
    isPublic: bool = False
    permission: str | None = None
    template: str = ""
    grant: Grant | None = None
    postForm: StreamingHandler | None = None


#: Makes the route of a path with ids, of which it takes each.
RouteFactory = Callable[..., Route]


#: Templates of paths with parameters.
OF_KIND = "/rest/{kind}/{type}/{to}"
OF_PAYLOAD = "/rest/{payload}/{to}"


class StanzaEndpoint(Protocol):
    """
    The handlers of stanzas.
    """

    def post(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """Send the stanza that the path and the body describe."""

    def query(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """Send the iq that the path and the query describe."""

    async def echo(self, request: Request, body: bytes, grant: Grant) -> Response:
        """Return the stanza that would be sent."""


class FileEndpoint(Protocol):
    """
    The handlers of messages with files.
    """

    def post(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """Send the stanza that the path and the body describe, with its files."""

    async def postForm(
        self, given: StanzaContext, request: Request, body: Body, grant: Grant
    ) -> Response:
        """Send the message that the path and a form describe, with its files."""


class RouteTable:
    """
    Finds the route of a path.
    """

    def __init__(
        self,
        sender: StanzaEndpoint,
        own: Mapping[str, Route | RouteFactory],
        files: FileEndpoint | None = None,
    ) -> None:
        """
        @param own: The gateway's own routes by path; a segment in braces, such as
            C{"{id}"}, matches any value.
        @param files: Takes stanzas in place of C{sender}, and forms with files.
        """
        self._sender = sender
        self._post = sender.post if files is None else files.post
        self._files = files
        self._own: dict[tuple[str, ...], Route] = {}
        #: The same by the segments of a path as bytes.
        self._fixed: dict[tuple[bytes, ...], Route] = {}
        self._ofIDs: dict[tuple[str, ...], RouteFactory] = {}
        always: Mapping[str, Route | RouteFactory] = {
            "": Route({"POST": partial(self._post, NO_CONTEXT)}),
            "echo": Route({"POST": sender.echo}),
        }
        for path, route in {**always, **own}.items():
            segments = tuple(filter(None, path.split("/")))
            if isinstance(route, Route):
                self._own[segments] = replace(route, template=_template(segments))
                # Also without the empty segment behind a trailing slash.
                encoded = tuple(map(str.encode, segments))
                self._fixed[encoded] = self._own[segments]
                self._fixed[*encoded, b""] = self._own[segments]
            else:
                self._ofIDs[segments] = route

    def match(self, path: Sequence[bytes]) -> Route:
        """
        Find the route of a path.

        @param path: The segments below C{/rest}, percent-decoded.
        @raise Refusal: 404 if there is no such route; 400 if a segment is invalid or
            missing.
        """
        fixed = self._fixed.get(tuple(path))
        if fixed is not None:
            return fixed
        segments = _decoded(path)
        own = self._ownAt(segments)
        if own is not None:
            return own
        first, rest = segments[0], segments[1:]
        if first in KEYS:
            given = _given(first, rest)
            post = partial(self._post, given)
            if first != "message" or self._files is None:
                return Route({"POST": post}, template=OF_KIND)
            form = StreamingHandler(partial(self._files.postForm, given))
            return Route({"POST": post}, template=OF_KIND, postForm=form)
        if first in PAYLOADS:
            to = _recipient(rest)
            if to is None:
                raise badRequest(
                    f"The path does not say whom to ask; write /{first}/example.org."
                )
            given = StanzaContext("iq", None, to, first)
            query = partial(self._sender.query, given)
            return Route({"GET": query}, template=OF_PAYLOAD)
        raise self._nothing(first)

    def _ownAt(self, segments: Sequence[str]) -> Route | None:
        """
        Return one of the gateway's own routes; a fixed name wins over a parameter.
        """
        own = self._own.get(tuple(segments))
        if own is not None:
            return own
        for pattern, routeOf in self._ofIDs.items():
            if len(segments) != len(pattern):
                continue
            pairs = [*zip(pattern, segments, strict=True)]
            if all(_isID(name) or name == given for name, given in pairs):
                ids = [given for name, given in pairs if _isID(name)]
                return replace(routeOf(*ids), template=_template(pattern))
        return None

    def _nothing(self, first: str) -> Refusal:
        paths = ["/".join(path) for path in (*self._own, *self._ofIDs)]
        own = dict.fromkeys(path.partition("/")[0] for path in paths if path)
        if first in own:
            there = [path for path in paths if path.partition("/")[0] == first]
            return _notFound(
                f"There is nothing at this path; there is /{', /'.join(there)}."
            )
        nearest = get_close_matches(first, [*KEYS, *PAYLOADS, *own], 1)
        if nearest:
            return _notFound(
                f"There is nothing at {quoteShort(first)}; did you mean {nearest[0]!r}?"
            )
        return _notFound(
            f"There is no such route. POST to {', '.join(KEYS)}; GET"
            f" {', '.join(PAYLOADS)}; the others are {', '.join(own)}."
        )


def _isID(segment: str) -> bool:
    """Whether a segment of a pattern stands for an id, such as C{"{id}"}."""
    return segment.startswith("{")


def _template(segments: Sequence[str]) -> str:
    return "/".join(["/rest", *segments])


def _notFound(text: str) -> Refusal:
    return Refusal(Problem(404, "cancel", "unsupported-feature", text))


def _decoded(path: Sequence[bytes]) -> list[str]:
    """Return the segments as text, without the empty one behind a trailing slash."""
    try:
        segments = [segment.decode("utf-8") for segment in path]
    except UnicodeDecodeError:
        raise badRequest(
            "The path is not UTF-8; percent-encode what is not ASCII as UTF-8."
        ) from None
    if segments and not segments[-1]:
        segments.pop()
    return segments


def _given(kind: str, rest: Sequence[str]) -> StanzaContext:
    """
    Return the parts of a stanza that a path gives: its kind, type or payload,
    recipient.
    """
    if not rest:
        return StanzaContext(kind)
    word, to = rest[0], _recipient(rest[1:])
    if kind != "iq":
        known = {*TYPES[kind], "available"} if kind == "presence" else TYPES[kind]
        if word not in known:
            types = ", ".join(sorted(filter(None, known)))
            raise badRequest(
                f"{quoteShort(word)} cannot follow {kind} in the path; use one of"
                f" {types}."
            )
        return StanzaContext(kind, word, to)
    if word in ("get", "set"):
        return StanzaContext(kind, word, to)
    if word not in PAYLOADS:
        raise _notFound(
            f"{quoteShort(word)} cannot follow iq in the path; use get, set or one of"
            f" {', '.join(PAYLOADS)}."
        )
    return StanzaContext(kind, None, to, word)


def _recipient(segments: Sequence[str]) -> str | None:
    """
    Return the address at the end of a path, whose resource may be a segment of its own.
    """
    return "/".join(segments) or None
