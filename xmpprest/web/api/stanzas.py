"""C{POST /rest} and the iq queries: sends stanzas and waits for the replies to iqs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.internet.defer import Deferred
from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ...core.codec.mapping import StanzaContext
from ...core.codec.table import STANZAS
from ...core.errors import Refusal
from ...core.live import Live, LiveSettings
from ...core.media import formats
from ...core.policy.permissions import Grant
from ...core.policy.submission import buildSubmission
from ...core.records import (
    QUEUED,
    SENT,
    IdempotencyRecord,
)
from ...core.stanza.serializer import toXML
from ..idempotency.guard import IdempotencyGuard, replay
from ..idempotency.key import IdempotencyKey, idempotencyKeyOf
from ..prefer import iqTimeoutOf, preferenceApplied, preferredWait
from ..response import Accepts, Answer, PendingResponse, Response
from ..server.request import acceptsOf, fieldsOf, header, pathTo, queryOf
from .answers import accepted, acceptedHeaders, encoded
from .interfaces import IQRequester, NewID, StanzaOutbox


class StanzaHandler:
    """
    Sends POSTed stanzas.
    """

    def __init__(
        self,
        domain: str,
        outbox: StanzaOutbox,
        requester: IQRequester,
        newID: NewID,
        once: IdempotencyGuard,
        *,
        settings: Live[LiveSettings],
        readdress: Callable[[Element], Element] = lambda stanza: stanza,
    ) -> None:
        """
        @param domain: The component domain in its normalised form.
        @param once: Guards requests with an idempotency key.
        @param readdress: Returns a stanza with the address from which it is sent.
        """
        self._domain = domain
        self._outbox = outbox
        self._requester = requester
        self._newID = newID
        self._once = once
        self._settings = settings
        self._readdress = readdress

    def post(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """
        Send one stanza.

        @param given: The parts of the stanza that the path gives.
        @return: The response, or what brings it. That holds neither the body nor the
            stanza, which may be long, while an iq waits for its reply.
        @raise Refusal: The stanza was not sent, or an iq got no reply; the returned
            awaitable raises it, too.
        """
        claim = idempotencyKeyOf(request, body, grant)
        accepts = acceptsOf(request)
        stanza = self.stanza(formats.decode(accepts.contentType, body, given), grant)
        if grant.rateLimiter is not None:
            grant.consumeRateLimit()
        return self.begin(stanza, request, claim, grant.name, accepts)

    def query(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """
        Send the iq that a path and a query describe.

        @raise Refusal: The iq was not sent or got no reply; 400 if the query is
            invalid.
        """
        query = queryOf(request)
        try:
            value = STANZAS.fromForm(formats.parseForm(query), given)
            stanza = buildSubmission(
                STANZAS.decode(value, given),
                self._domain,
                self._newID,
                grant.defaultSender,
            )
        except Refusal as refusal:
            raise Refusal(replace(refusal.problem, status=400)) from None
        grant.authorize(stanza)
        grant.authorizeNavigation(stanza)
        grant.consumeRateLimit()
        return self.begin(self._readdress(stanza), request, None, grant.name)

    async def echo(self, request: Request, body: bytes, grant: Grant) -> Response:
        """
        Return a stanza as it would be sent, in the format that the client prefers.

        @raise Refusal: It would not be sent; the limits are those of L{post}.
        """
        contentType = header(request, b"content-type")
        stanza = self.stanza(formats.decode(contentType, body), grant)
        grant.consumeRateLimit()
        self._requester.encode(toXML(stanza))
        return encoded([stanza], acceptsOf(request))

    def newKey(self) -> str:
        """Return a key for the status address of a message."""
        return self._newID()

    def stanza(self, payload: Element, grant: Grant) -> Element:
        """
        Build the stanza to send from the payload of a request.

        @raise Refusal: 422 if the stanza is invalid; 403 if the token may not send it.
        """
        stanza = buildSubmission(
            payload, self._domain, self._newID, grant.defaultSender
        )
        grant.authorize(stanza)
        return self._readdress(stanza)

    def begin(
        self,
        stanza: Element,
        request: Request,
        claim: IdempotencyKey | None,
        token: str,
        accepts: Accepts | None = None,
    ) -> Answer:
        """
        Begin to send a stanza.

        @param token: The name of the token that posted it; empty for credentials.
        @param accepts: Which media types suit the client, if not those that the
            request names.
        @return: The response, or what brings it; that does not hold the stanza.
        @raise Refusal: The stanza was not sent; the returned awaitable may raise it,
            too.
        """
        accepts = accepts or acceptsOf(request)
        if stanza.name == "iq":
            settings = self._settings.value
            timeout = min(
                iqTimeoutOf(request) or settings.iqTimeout, settings.iqMaxTimeout
            )
            act = partial(self._ask, stanza, timeout, accepts)
        elif self._outbox.isDurable(stanza):
            return self._store(stanza, request, claim, token, accepts)
        else:
            act = partial(self._write, stanza, accepts)
        if claim is None:
            return act()
        return self._once.run(claim, accepts, partial(_soon, act))

    def _ask(self, stanza: Element, timeout: float, accepts: Accepts) -> Answer:
        """Send an iq and return its reply."""
        replying = self._requester.request(stanza, timeout)
        return replying.addCallback(encoded, accepts)

    def _write(self, stanza: Element, accepts: Accepts) -> Answer:
        """Send a stanza that is not stored."""
        self._outbox.send(stanza)
        id = stanza.attributes["id"]
        return accepted(id, SENT, accepts, acceptedHeaders(id))

    def _store(
        self,
        stanza: Element,
        request: Request,
        claim: IdempotencyKey | None,
        token: str,
        accepts: Accepts,
    ) -> Answer:
        """Store a message; the response is written once it is stored."""
        id, key = stanza.attributes["id"], self._newID()
        headers = acceptedHeaders(id, pathTo(request, "outbox", key))
        response = accepted(id, QUEUED, accepts, headers)
        wait = preferredWait(request) if b"prefer" in fieldsOf(request) else None
        if wait or claim is not None:
            return self._storeAndWait(
                stanza,
                claim,
                accepts,
                response,
                key=key,
                token=token,
                wait=wait or 0.0,
            )
        pending = PendingResponse(response)
        self._outbox.enqueue(stanza, pending.release, key=key, token=token)
        return pending

    async def _storeAndWait(
        self,
        stanza: Element,
        claim: IdempotencyKey | None,
        accepts: Accepts,
        response: Response,
        *,
        key: str,
        token: str,
        wait: float,
    ) -> Response:
        """
        Store a message, with its response for an idempotency key, and wait for its
        outcome.

        @param response: The response to a message that is stored.
        @param key: The last segment of its status address.
        @param wait: Seconds that the client wants to wait; 0 for the commit alone.
        """
        id, timeout = stanza["id"], min(wait, self._settings.value.iqMaxTimeout)
        with self._once.lock(claim):
            storing: Deferred[int | IdempotencyRecord | Exception] = Deferred()
            self._outbox.enqueue(
                stanza,
                storing.callback,
                key=key,
                token=token,
                idempotency=self._once.recordFor(claim, response),
            )
            # The wait does not hold it.
            del stanza
            result = await storing
            if isinstance(result, Exception):
                raise result
            if isinstance(result, IdempotencyRecord):
                assert claim is not None
                return replay(result, claim)
            if not timeout:
                return response
            outcome = await self._outbox.waitForOutcome(result, timeout)
            if outcome.error is not None:
                response = encoded([outcome.error], accepts)
            else:
                headers = (*response.headers, preferenceApplied(timeout))
                response = accepted(id, outcome.state, accepts, headers)
            await self._once.finish(claim, response)
            return response


async def _soon(act: Callable[[], Answer]) -> Answer:
    """Run an action once it is awaited."""
    return act()
