"""C{POST /rest} of messages with files: uploads these, and sends all of it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred
from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ...core.codec.mapping import StanzaContext
from ...core.codec.table import STANZAS
from ...core.files.message import (
    MESSAGE_SIZE,
    SentMessage,
    SharedFile,
    messageCount,
    messagesOf,
    requireMessage,
    sentJSON,
)
from ...core.files.slot import FileDetails
from ...core.live import Live, LiveSettings
from ...core.media import formats
from ...core.media.values import toCBOR, toJSON
from ...core.policy.authentication import Authenticator, CurrentGrant
from ...core.policy.permissions import Grant
from ...core.policy.submission import buildSubmission
from ...core.records import QUEUED, SENT, IdempotencyRecord, Outcome
from ..idempotency.guard import IdempotencyGuard, replay
from ..idempotency.key import IdempotencyKey, idempotencyKeyOf
from ..prefer import preferenceApplied, preferredWait
from ..response import Accepts, Answer, Headers, Response, withNewline
from ..server.body import Body
from ..server.request import acceptsOf, authorizationOf, pathTo
from .answers import acceptedHeaders, encoded, preferredType
from .interfaces import NewID, StanzaOutbox
from .stanzas import StanzaHandler
from .upload_interfaces import FileContent
from .uploads import UploadDesk, fileInMemory, fingerprintOf

#: One of these is in each body with the key C{files}: in JSON its letters may be
#: escaped, and in CBOR it may be in pieces.
_SIGNS_OF_FILES = (b"files", rb"\u006", rb"\u007", b"\x7f")


@dataclass(frozen=True, slots=True)
class _Order:
    """
    A request to send a message with files.

    @ivar grant: The grant of its token, which a reload can revoke.
    @ivar message: The complete message with its text.
    @ivar accepts: The media types that suit the client.
    """

    request: Request
    grant: CurrentGrant
    message: Element
    files: Sequence[tuple[FileContent, FileDetails]]
    claim: IdempotencyKey | None
    accepts: Accepts


class FileMessageHandler:
    """
    Sends messages with files: the text, and one message for each file.
    """

    def __init__(
        self,
        sending: StanzaHandler,
        outbox: StanzaOutbox,
        desk: UploadDesk,
        once: IdempotencyGuard,
        *,
        authenticator: Authenticator,
        domain: str,
        newID: NewID,
        settings: Live[LiveSettings],
    ) -> None:
        """
        @param sending: Sends the stanzas without files.
        @param once: Guards requests with an idempotency key.
        @param domain: The component domain in its normalised form.
        """
        self._sending = sending
        self._outbox = outbox
        self._desk = desk
        self._once = once
        self._authenticator = authenticator
        self._domain = domain
        self._newID = newID
        self._settings = settings

    def post(
        self, given: StanzaContext, request: Request, body: bytes, grant: Grant
    ) -> Answer:
        """
        Send a stanza, with the files that its body holds, if any.

        @param given: The parts of the stanza that the path gives.
        @raise Refusal: The stanza was not sent, or an iq got no reply; the returned
            awaitable raises it, too.
        """
        if any(each in body for each in _SIGNS_OF_FILES):
            accepts = acceptsOf(request)
            contentType = accepts.contentType
            payload, files = formats.decodeWithFiles(contentType, body, given)
            if files:
                claim = idempotencyKeyOf(request, body, grant)
                message = self._sending.stanza(payload, grant)
                requireMessage(message)
                grant.consumeRateLimit()
                contents = [*map(fileInMemory, files)]
                current = self._current(request, grant)
                return self._take(
                    _Order(request, current, message, contents, claim, accepts)
                )
        return self._sending.post(given, request, body, grant)

    async def _take(self, order: _Order) -> Response:
        with self._desk.place(order.grant.name):
            return await self._deliver(order)

    async def postForm(
        self, given: StanzaContext, request: Request, body: Body, grant: Grant
    ) -> Response:
        """
        Send a message with the files and the other fields of a form.

        @param given: The parts of the message that the path gives.
        @raise Refusal: Nothing was sent.
        """
        self._checkRecipient(given, grant)
        grant.consumeRateLimit()
        current = self._current(request, grant)
        with self._desk.place(grant.name):
            await self._desk.begin(request)
            with self._desk.form(request) as form:
                await self._desk.read(form, body)
                # The token may have been revoked while the body arrived.
                grant = current.get()
                for name, text in form.fields.items():
                    formats.requireLegal(name, text)
                pairs = {
                    name: text.replace("\r\n", "\n")
                    for name, text in form.fields.items()
                }
                value = STANZAS.fromForm(pairs, given)
                message = self._sending.stanza(STANZAS.decode(value, given), grant)
                claim = idempotencyKeyOf(
                    request, fingerprintOf(form), grant, contentType=""
                )
                # A client without preference reads JSON: a form is no answer.
                accepts = Accepts(acceptsOf(request).accept, formats.JSON)
                files = [(each.spool, each.details) for each in form.files]
                return await self._deliver(
                    _Order(request, current, message, files, claim, accepts)
                )

    def _current(self, request: Request, grant: Grant) -> CurrentGrant:
        return CurrentGrant(self._authenticator, authorizationOf(request), grant)

    def _checkRecipient(self, given: StanzaContext, grant: Grant) -> None:
        """
        Check the recipient before any of the body is read.

        @raise Refusal: 403 or 422, nothing may be sent to it.
        """
        grant.requireKind("message")
        payload = STANZAS.decode({}, given)
        probe = buildSubmission(payload, self._domain, self._newID)
        grant.requireRecipient(probe["to"])

    # --- sending ---

    async def _deliver(self, order: _Order) -> Response:
        """
        Upload the files, and send the messages; or replay the response to an earlier
        request.
        """
        if not self._outbox.isDurable(order.message):
            act = partial(self._write, order)
            return await self._once.run(order.claim, order.accepts, act)
        with self._once.lock(order.claim):
            # The key is stored with the messages, not before: if the gateway is killed
            # during the upload, the client can repeat the request.
            earlier = await self._once.find(order.claim)
            return earlier or await self._store(order)

    async def _upload(self, order: _Order) -> list[SharedFile]:
        """
        Upload the files, unless the outbox would not take the messages.

        @raise Refusal: It would not, or a file was not uploaded; 401, the token was
            revoked meanwhile.
        """
        count = messageCount(order.message, len(order.files)) - 1
        order.grant.get().chargeRateLimit(count)
        self._outbox.check(order.message, order.grant.name, count, MESSAGE_SIZE)
        files = await self._desk.upload(order.files)
        order.grant.get()
        return files

    async def _write(self, order: _Order) -> Answer:
        """Upload the files, and send messages that are not stored, all or none."""
        files = await self._upload(order)
        stanzas = messagesOf(order.message, files, self._newID)
        self._outbox.enqueueAll(stanzas, lambda _: None, keys=[""] * len(stanzas))
        sent = _sent(stanzas, files, [None] * len(stanzas))
        return _response(order, sent, [Outcome(SENT)] * len(sent))

    async def _store(self, order: _Order) -> Response:
        """
        Upload the files, store the messages together with the response for the
        idempotency key, and wait for their outcomes if the client wants that.
        """
        files = await self._upload(order)
        stanzas = messagesOf(order.message, files, self._newID)
        keys = [self._newID() for _ in stanzas]
        sent = _sent(
            stanzas, files, [pathTo(order.request, "outbox", key) for key in keys]
        )
        response = _response(order, sent, [Outcome(QUEUED)] * len(sent))
        storing: Deferred[Sequence[int | IdempotencyRecord | Exception]] = Deferred()
        self._outbox.enqueueAll(
            stanzas,
            storing.callback,
            keys=keys,
            token=order.grant.name,
            idempotency=self._once.recordFor(order.claim, response),
        )
        del stanzas
        numbers: list[int] = []
        for result in await storing:
            if isinstance(result, Exception):
                raise result
            if isinstance(result, IdempotencyRecord):
                assert order.claim is not None
                return replay(result, order.claim)
            numbers.append(result)
        return await self._awaitOutcomes(order, sent, numbers, response)

    async def _awaitOutcomes(
        self,
        order: _Order,
        sent: Sequence[SentMessage],
        numbers: Sequence[int],
        response: Response,
    ) -> Response:
        """
        Wait for the outcomes of stored messages, if the client wants that.

        @param response: The response without a wait.
        """
        wait = preferredWait(order.request)
        if not wait:
            return response
        timeout = min(wait, self._settings.value.iqMaxTimeout)
        waiting = [self._outbox.waitForOutcome(each, timeout) for each in numbers]
        outcomes = [await each for each in waiting]
        response = _response(order, sent, outcomes, (preferenceApplied(timeout),))
        await self._once.finish(order.claim, response)
        return response


def _sent(
    stanzas: Sequence[Element],
    files: Sequence[SharedFile],
    locations: Sequence[str | None],
) -> list[SentMessage]:
    """Describe messages, of which the last ones share files."""
    shared: list[SharedFile | None] = [*files]
    if len(stanzas) > len(files):
        shared.insert(0, None)
    return [
        SentMessage(stanza["id"], location, file)
        for stanza, location, file in zip(stanzas, locations, shared, strict=True)
    ]


def _response(
    order: _Order,
    sent: Sequence[SentMessage],
    outcomes: Sequence[Outcome],
    headers: Headers = (),
) -> Response:
    """
    Return the response to messages that were accepted: with all of them if the client
    prefers JSON or CBOR; else without a body, or with the errors that came back.
    """
    errors = [each.error for each in outcomes if each.error is not None]
    name = preferredType(order.accepts)
    if name not in (formats.JSON, formats.CBOR):
        if errors:
            return encoded(errors, order.accepts)
        all = (*acceptedHeaders(sent[0].id, sent[0].location), *headers)
        return Response(202, headers=all)
    value = sentJSON(sent, outcomes)
    body = toCBOR(value) if name == formats.CBOR else toJSON(value)
    return Response(
        200 if errors else 202,
        withNewline(body, name),
        name,
        (*acceptedHeaders(sent[0].id, sent[0].location), *headers),
    )
