"""C{POST /hooks/{name}/{secret}}: accepts webhooks of other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request
from twisted.words.xish.domish import Element

from ...core.errors import Refusal, notFound, serviceUnavailable
from ...core.hooks.hook import Hook, HookMessage, Hooks, answer, deliveryID
from ...core.hooks.request import HookRequest, parseRequest
from ...core.hooks.shapes import SHAPES
from ...core.live import Live, LiveSettings
from ...core.policy.permissions import Grant
from ...core.records import IdempotencyRecord
from ..access_log import reasonOf
from ..idempotency.guard import IdempotencyGuard, replay
from ..idempotency.key import MAX_KEY, IdempotencyKey
from ..response import JSON_ONLY, Answer, PendingResponse, Response
from ..router import Route, StreamingHandler
from ..server.body import Body
from ..server.request import headersOf, queryOf
from .interfaces import NewID, StanzaOutbox

_log = Logger()

#: The path of every request to a hook, as the log and the metrics show it.
TEMPLATE = "/hooks/{name}/{secret}"

#: What the clients of Gotify and of the Apprise API add to the address of a server.
_SUFFIXES = (b"message", b"notify")


class HookRouter:
    """
    Finds hooks by their URLs, and sends what is posted to them.

    @ivar accepted: The number of stored requests by hook.
    @ivar refused: The number of refused requests by hook.
    @ivar failures: The number of messages in the default layout because their template
        failed, by hook.
    """

    def __init__(
        self,
        hooks: Live[Hooks],
        outbox: StanzaOutbox,
        newID: NewID,
        once: IdempotencyGuard,
        now: Callable[[], float],
        *,
        settings: Live[LiveSettings],
        readdress: Callable[[Element], Element] = lambda stanza: stanza,
        isInRoom: Callable[[str, str], bool] = lambda room, occupant: False,
    ) -> None:
        """
        @param hooks: The hooks, which a reload replaces.
        @param once: Guards requests with a delivery id.
        @param now: Returns the current time in seconds since 1970.
        @param readdress: Returns a message with the address from which it is sent: that
            of the occupant if it is to a room.
        @param isInRoom: Takes the address of a room and that of an occupant; returns
            whether messages of this occupant reach the room, now or soon.
        """
        self._hooks = hooks
        self._outbox = outbox
        self._newID = newID
        self._once = once
        self._now = now
        self._settings = settings
        self._readdress = readdress
        self._isInRoom = isInRoom
        #: The route of each hook, by the hook's name.
        self._routes: dict[str, tuple[Hook, Route]] = {}
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def match(self, path: Sequence[bytes]) -> Route:
        """
        Return the route of a hook.

        @param path: The segments below C{/hooks}, percent-decoded.
        @raise Refusal: 404, there is no such hook or the secret is wrong. The text is
            the same, and so is the time.
        """
        segments = [*path]
        while segments and not segments[-1]:
            segments.pop()
        if len(segments) > 2 and segments[2] in _SUFFIXES:
            # Apprise may add the name of a configuration.
            del segments[2:4]
        name, secret = segments if len(segments) == 2 else (b"", b"")
        hook = self._hooks.value.find(name.decode("utf-8", "replace"), secret)
        if hook is None:
            raise notFound("There is no hook at this address.")
        known = self._routes.get(hook.name)
        if known is None or known[0] is not hook:
            handler = StreamingHandler(partial(self._post, hook))
            route = Route(
                {"POST": handler, "PUT": handler},
                isPublic=True,
                template=TEMPLATE,
                grant=hook.grant,
            )
            known = self._routes[hook.name] = hook, route
        return known[1]

    def _post(self, hook: Hook, request: Request, body: Body, grant: Grant) -> Answer:
        """
        Send the message that a request describes.

        @return: The response, or what brings it once the message is stored.
        @raise Refusal: It was not sent; the returned awaitable raises it, too.
        """
        try:
            data = body.takeBuffered(self._settings.value.hookSizeLimit)
            if data is None:
                return self._postLater(hook, request, body)
            return self._send(hook, request, data)
        except Refusal as refusal:
            self._refuse(hook, refusal)
            raise

    async def _postLater(self, hook: Hook, request: Request, body: Body) -> Response:
        """Wait for the body, and send the message."""
        try:
            data = await body.readAll(self._settings.value.hookSizeLimit)
            answer = self._send(hook, request, data)
        except Refusal as refusal:
            self._refuse(hook, refusal)
            raise
        del data
        return answer if isinstance(answer, Response) else await answer

    def _refuse(self, hook: Hook, refusal: Refusal) -> None:
        """Log and count the refusal of a request."""
        self.refused[hook.name] += 1
        _log.warn(
            "Hook {hook} refused a request with {status}: {reason}",
            hook=hook.name,
            status=refusal.problem.status,
            reason=reasonOf(refusal.problem),
        )

    def _send(self, hook: Hook, request: Request, data: bytes) -> Answer:
        given = parseRequest(headersOf(request), data, queryOf(request))
        hook.verify(given, self._now())
        message = hook.message(given)
        hook.grant.consumeRateLimit()
        self._checkTemplate(hook, message)
        stanzas = [
            self._readdress(each) for each in hook.stanzas(message.body, self._newID)
        ]
        self._requireRooms(hook, stanzas)
        reply = answer(message, stanzas[0]["id"], given)
        response = Response(reply.status, reply.body, reply.contentType)
        claim = _claimOf(hook, message, given)
        if claim is None and len(stanzas) == 1:
            return self._sendOne(hook, stanzas[0], response)
        if self._outbox.isDurable(stanzas[0]):
            return self._store(hook, stanzas, claim, response)
        act = partial(self._write, stanzas, response)
        return self._once.run(claim, JSON_ONLY, act)

    def _requireRooms(self, hook: Hook, stanzas: Sequence[Element]) -> None:
        """
        Check that the sender of messages to rooms is in the rooms. Otherwise they would
        bounce, and the program that called the hook would not know.

        @raise Refusal: 503, it is not; so the program may call again later.
        """
        if hook.type != "groupchat":
            return
        for each in stanzas:
            room = each["to"]
            if not self._isInRoom(room, each["from"]):
                raise serviceUnavailable(
                    "not-authorized",
                    f"{hook.sender} is not in the room {room}: let it join with PUT"
                    f" /rest/rooms/{room} and from={hook.sender} in the body.",
                    retryAfter=60,
                )

    def _sendOne(self, hook: Hook, stanza: Element, response: Response) -> Answer:
        """Send the message of a request without a delivery id: the common case."""
        pending = PendingResponse(response)

        def done(result: int | IdempotencyRecord | Exception) -> None:
            self._count(hook, result)
            pending.release(result)

        key, token = self._newID(), hook.grant.name
        self._outbox.enqueue(stanza, done, key=key, token=token)
        return pending

    def _count(self, hook: Hook, result: object) -> None:
        """Count a request whose message was stored, or was not."""
        if isinstance(result, Refusal):
            self._refuse(hook, result)
        elif not isinstance(result, Exception):
            self.accepted[hook.name] += 1

    def _checkTemplate(self, hook: Hook, message: HookMessage) -> None:
        """Log that a template failed."""
        if message.failure is not None:
            self.failures[hook.name] += 1
            _log.warn(
                "Hook {hook} sends a message in the default layout, because the"
                " template {failure}.",
                hook=hook.name,
                failure=message.failure,
            )

    async def _store(
        self,
        hook: Hook,
        stanzas: Sequence[Element],
        claim: IdempotencyKey | None,
        response: Response,
    ) -> Response:
        """
        Store the messages, all together, with the response for the delivery id.

        @raise Refusal: At least one was not stored.
        """
        with self._once.lock(claim):
            # The messages of one reactor turn are stored together.
            storing = [
                self._enqueue(stanza, _partOf(claim, index), response, hook.grant.name)
                for index, stanza in enumerate(stanzas)
            ]
            results = [await each for each in storing]
        for result in results:
            if isinstance(result, Exception):
                self._count(hook, result)
                raise result
        self.accepted[hook.name] += 1
        first = results[0]
        if isinstance(first, IdempotencyRecord):
            assert claim is not None
            return replay(first, claim)
        return response

    def _enqueue(
        self,
        stanza: Element,
        claim: IdempotencyKey | None,
        response: Response,
        token: str,
    ) -> Deferred[int | IdempotencyRecord | Exception]:
        """Give a message to the outbox, and return the outbox's result."""
        storing: Deferred[int | IdempotencyRecord | Exception] = Deferred()
        record = self._once.recordFor(claim, response)
        self._outbox.enqueue(
            stanza,
            storing.callback,
            key=self._newID(),
            token=token,
            idempotency=record,
        )
        return storing

    async def _write(self, stanzas: Sequence[Element], response: Response) -> Response:
        """Send messages that are not stored."""
        for stanza in stanzas:
            self._outbox.send(stanza)
        return response


def _claimOf(
    hook: Hook, message: HookMessage, request: HookRequest
) -> IdempotencyKey | None:
    """
    Return the idempotency key of a request: the sender's id of the delivery.

    @return: C{None} if the sender gives none.
    """
    id = deliveryID(SHAPES[message.shape], request)
    if not id:
        return None
    if len(id) > MAX_KEY or not (id.isascii() and id.isprintable()):
        id = sha256(id.encode()).hexdigest()
    fingerprint = sha256(request.body).digest()
    return IdempotencyKey(f"{hook.grant.name}\t{id}", fingerprint)


def _partOf(claim: IdempotencyKey | None, index: int) -> IdempotencyKey | None:
    """Return the key of the message to one of several recipients."""
    if claim is None or not index:
        return claim
    # A key of a client cannot contain a line feed.
    return IdempotencyKey(f"{claim.key}\n{index}", claim.fingerprint)
