"""Sends what is posted, asks what is queried, and brings the replies to iqs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Protocol

from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ..core import media
from ..core.errors import Refusal, notWellFormed
from ..core.jsonmap import STANZAS
from ..core.mapping import Given
from ..core.negotiation import negotiate, parseContentType
from ..core.rules import submission
from .response import Response, header


class WayOut(Protocol):
    """What takes messages and presence."""

    async def accept(self, stanza: Element) -> None:
        """Send it; raises L{Refusal} if that cannot be promised."""


class Requester(Protocol):
    """What takes iqs."""

    def request(self, stanza: Element, timeout: float) -> Awaitable[Sequence[Element]]:
        """
        Send it and wait for the reply, so many seconds; raises L{Refusal}.

        @return: What an archive holds, and last the reply.
        """


class NewID(Protocol):
    """Makes ids for stanzas."""

    def __call__(self) -> str:
        """An id: random, unguessable."""


class Sending:
    """
    Sends what is posted.
    """

    def __init__(
        self,
        domain: str,
        outbox: WayOut,
        requester: Requester,
        newID: NewID,
        *,
        timeout: float,
        maxTimeout: float,
    ) -> None:
        """
        @param domain: The component domain, in its normal form.
        @param timeout: How long an iq waits that does not say, in seconds.
        @param maxTimeout: How long an iq may wait, in seconds.
        """
        self._domain = domain
        self._outbox = outbox
        self._requester = requester
        self._newID = newID
        self._timeout = timeout
        self._maxTimeout = maxTimeout

    async def post(self, given: Given, request: Request, body: bytes) -> Response:
        """
        Send one stanza.

        @param given: What the path has said of it.
        @raise Refusal: It was not sent, or an iq got no reply.
        """
        payload = media.decode(header(request, b"Content-Type"), body, given)
        sending = self._send(self._stanza(payload), request)
        # They may be long, and the wait for an iq's reply, too.
        del body, payload
        return await sending

    async def query(self, given: Given, request: Request, body: bytes) -> Response:
        """
        Send the iq that a path and a query stand for.

        @raise Refusal: As above; 400, the query is none.
        """
        query = request.uri.partition(b"?")[2]
        try:
            value = STANZAS.fromPairs(media.formPairs(query), given)
            sending = self._send(self._stanza(STANZAS.decode(value, given)), request)
        except Refusal as refusal:
            raise Refusal(replace(refusal.problem, status=400)) from None
        del value
        return await sending

    async def echo(self, request: Request, body: bytes) -> Response:
        """
        Give back a stanza as it would be sent, in the form that the client prefers.

        @raise Refusal: It would not be sent.
        """
        contentType = header(request, b"Content-Type")
        return _encoded([self._stanza(media.decode(contentType, body))], request)

    def _stanza(self, payload: Element) -> Element:
        return submission(payload, self._domain, self._newID)

    async def _send(self, stanza: Element, request: Request) -> Response:
        if stanza.name != "iq":
            await self._outbox.accept(stanza)
            return Response(202, headers=(("Stanza-Id", stanza["id"]),))
        timeout = min(waitFor(request, self._timeout), self._maxTimeout)
        replying = self._requester.request(stanza, timeout)
        # It may be long, and the wait, too.
        del stanza
        return _encoded(await replying, request)


def _encoded(stanzas: Sequence[Element], request: Request) -> Response:
    """Stanzas in the form that the client prefers, or else wrote in itself."""
    contentType = header(request, b"Content-Type")
    try:
        own = parseContentType(contentType)[0] if contentType else media.XML
    except ValueError:  # of no use, and of no need to a query
        own = media.XML
    default = own if own in media.OUTPUT_TYPES else media.XML
    name = negotiate(header(request, b"Accept"), media.OUTPUT_TYPES, default)
    return Response(200, media.encode(stanzas, name), name)


#: RFC 7240 §4.3
_WAIT = re.compile(r"""(?:^|[,;])\s*wait\s*=\s*"?([^",;\s]*)"?""", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def waitFor(request: Request, default: float) -> float:
    """
    How long the client wants to wait.

    @return: Seconds.
    @raise Refusal: 400, it said so in a way that nobody understands.
    """
    text = header(request, b"Prosody-Rest-Timeout")
    if text is None:
        # One that cannot be honoured is ignored (RFC 7240 §2).
        preference = _WAIT.search(header(request, b"Prefer") or "")
        return (_seconds(preference[1]) if preference else 0) or default
    seconds = _seconds(text)
    if seconds == 0:
        raise notWellFormed(
            "Prosody-Rest-Timeout takes a number of seconds above 0, such as 30."
        )
    return seconds


def _seconds(text: str) -> float:
    return float(text) if _SECONDS.fullmatch(text) else 0.0
