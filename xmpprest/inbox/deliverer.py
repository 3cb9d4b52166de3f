"""One attempt to deliver a stanza to the subscriber, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..concurrency.cancel_scope import CancelScope
from ..concurrency.own_turns import OwnTurns
from ..core.codec.events import ComplaintEvent
from ..core.errors import INTERNAL_SERVER_ERROR, REPORT_BUG, Refusal, errorFromStatus
from ..core.policy import retry
from ..core.policy.callback_response import (
    NO_REPLY,
    CallbackResponse,
    ReplyComplaint,
    ReplyPlan,
    interpretResponse,
    onUnreachable,
    undeliveredReply,
)
from ..core.records import DEAD, DELIVERED, PENDING, DeliveryAttempt
from ..core.stanza.build import withArticle
from ..core.stanza.stored import UnparsableStanza, parseStoredHead
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.errors import DeliveryError
from ..ids import deriveIDs, newID
from .callback_monitor import CallbackMonitor, displayName
from .options import InboxOptions
from .queued_stanza import LARGE, MemoryUse, QueuedStanza
from .replies import ReplySender
from .subscriber import Subscriber
from .trusted_clock import TrustedClock

_log = Logger()

#: Recorded for a stored reflection that its callback does not receive.
REFLECTED = "Not posted: a room has sent it back to its author (reflections)."


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """
    Result of an attempt to deliver a stored stanza.

    @ivar state: New state of the stanza.
    @ivar dueAt: Time of the next attempt, if the stanza stays pending.
    """

    attempt: DeliveryAttempt
    state: str
    dueAt: float


class StanzaDeliverer:
    """
    Delivers single stanzas: hands them to the subscriber and sends its replies.

    @ivar subscriber: May be replaced; attempts under way stay with the old one.
    @ivar wantsReflections: Whether the callback gets messages that rooms send back to
        their author; may be replaced.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        replies: ReplySender,
        monitor: CallbackMonitor,
        *,
        name: str = DEFAULT,
        scope: CancelScope,
        options: InboxOptions,
        memory: MemoryUse,
    ) -> None:
        """
        @param monitor: Learns the result of each attempt.
        @param name: Name of the callback.
        @param scope: Ends attempts under way.
        @param memory: Memory that trees of stanzas take.
        """
        self.subscriber = subscriber
        self.wantsReflections = False
        self._replies = replies
        self._monitor = monitor
        self._name = name
        self._scope = scope
        self._memory = memory
        self._reflections = options.reflections
        self._onComplaint = options.onComplaint
        self._steady = options.steady
        self._now = options.now
        self._random = options.random
        self._turns = OwnTurns(options.clock)
        self._trusted = TrustedClock(options.clock, options.now)

    # --- stored stanzas ---

    async def attempt(self, queued: QueuedStanza, deferrals: int) -> AttemptResult:
        """
        Attempt to deliver a stored stanza. Replies are sent before this returns, so
        they are not lost if the process ends; sent again, they have the same ids.

        @param deferrals: How often in a row the callback has asked to wait with it.
        @raise CancelledError: The gateway stops; the attempt does not count.
        """
        try:
            isReflection = await self._isReflection(queued)
            if isReflection and not self.wantsReflections:
                attempt = DeliveryAttempt(self._now(), None, REFLECTED)
                return AttemptResult(attempt, DELIVERED, self._steady())
            response = await self._post(queued, isReflection)
            return await self._finish(queued, deferrals, response, isReflection)
        except DeliveryError as reason:
            return self._failed(queued, None, f"No response: {reason}.")
        except CancelledError:
            raise
        except UnparsableStanza as error:
            return self._dead(queued, f"The stored XML cannot be parsed: {error}.")
        except Exception as error:
            _log.failure(
                "The delivery of {id} crashed. " + REPORT_BUG, id=queued.webhookID
            )
            name = type(error).__name__
            return self._dead(queued, f"The gateway failed ({name}); see its log.")

    async def _finish(
        self,
        queued: QueuedStanza,
        deferrals: int,
        response: CallbackResponse,
        isReflection: bool,
    ) -> AttemptResult:
        """Send the replies to a stanza, or plan its next attempt."""
        status, now = response.status, self._now()
        # The end of its sentence if the response is no success: "404 Not Found".
        fault = None if response.isSuccess else errorFromStatus(status).text
        delay = retry.parseRetryAfter(status, response.retryAfter, now)
        if delay is not None:
            delay = retry.deferralDelay(delay, deferrals + 1, self._random())
        if status == retry.GONE or delay is not None:
            return self._failed(queued, status, fault, delay)
        if not isReflection:
            newID = deriveIDs(queued.webhookID)
            stanza = queued.element
            plan = self._plan(stanza, queued, response, newID)
            if plan is not NO_REPLY:
                try:
                    await self._replies.send(stanza, plan)
                except Refusal as refusal:
                    error = f"The reply could not be sent: {refusal.problem.text}"
                    return self._failed(queued, status, error)
        attempt = DeliveryAttempt(now, status, fault)
        return AttemptResult(attempt, DELIVERED, self._steady())

    def _failed(
        self,
        queued: QueuedStanza,
        status: int | None,
        error: str | None,
        delay: float | None = None,
    ) -> AttemptResult:
        """
        Plan the next attempt, or make the stanza a dead letter after too many.

        @param delay: Seconds until then; C{None} for the retry schedule's.
        """
        attempts = queued.attempts + 1
        isHealthy = self._monitor.health.isHealthy(self._steady())
        attempt = DeliveryAttempt(self._now(), status, error)
        if retry.isExpired(attempts, queued.receivedAt, self._trusted.now(), isHealthy):
            kind, attributes = parseStoredHead(queued.xml.decode())
            _log.error(
                "Dead letter: {stanza} from {sender} ({id}) was not delivered in"
                " {attempts} attempts; it can be redelivered. Last failure: {error}",
                stanza=withArticle(kind),
                sender=attributes.get("from"),
                attempts=attempts,
                id=queued.webhookID,
                error=error,
            )
            return AttemptResult(attempt, DEAD, self._steady())
        if delay is None:
            delay = retry.backoffDelay(attempts, self._random())
        return AttemptResult(attempt, PENDING, self._steady() + delay)

    def _dead(self, queued: QueuedStanza, error: str) -> AttemptResult:
        """Make a stanza a dead letter that no retry could deliver."""
        _log.error(
            "Dead letter: {id} cannot be delivered: {error}",
            id=queued.webhookID,
            error=error,
        )
        attempt = DeliveryAttempt(self._now(), None, error)
        return AttemptResult(attempt, DEAD, self._steady())

    # --- transient stanzas ---

    async def deliverTransient(self, queued: QueuedStanza) -> None:
        """
        Deliver a stanza that is not stored, in a single attempt. Its sender gets the
        reply, or an error.
        """
        plan = await self._postOnce(queued)
        if plan is NO_REPLY:
            return
        stanza = _parse(queued)
        try:
            await self._replies.sendOrDrop(stanza, plan)
        except Exception:
            self._replies.sendNow(stanza, self._crashed(stanza))

    def bounce(self, queued: QueuedStanza) -> None:
        """Tell the sender of a transient stanza that it was not delivered."""
        stanza = _parse(queued)
        self._replies.sendNow(stanza, onUnreachable(stanza))

    async def _postOnce(self, queued: QueuedStanza) -> ReplyPlan:
        try:
            isReflection = await self._isReflection(queued)
            if isReflection and not self.wantsReflections:
                return NO_REPLY
            response = await self._post(queued, isReflection)
            if isReflection:
                return NO_REPLY
            return self._plan(queued.element, queued, response, newID)
        except (DeliveryError, CancelledError):
            return onUnreachable(_parse(queued))
        except Exception:
            return self._crashed(_parse(queued))

    def _crashed(self, stanza: Element) -> ReplyPlan:
        _log.failure(
            "Delivery of {stanza} from {sender} crashed.",
            stanza=withArticle(stanza.name),
            sender=stanza.getAttribute("from"),
        )
        return ReplyPlan(undeliveredReply(stanza, INTERNAL_SERVER_ERROR))

    # --- both ---

    async def _isReflection(self, queued: QueuedStanza) -> bool:
        """
        Check whether a stanza is a message that a room sends back to its author.

        @raise UnparsableStanza: The XML cannot be parsed.
        """
        if not queued.mayReflect or (queued.xml and b"groupchat" not in queued.xml):
            return False
        return await self._reflections.isReflection(queued.element)

    async def _post(self, queued: QueuedStanza, isReflection: bool) -> CallbackResponse:
        """
        Hand a stanza to the subscriber and wait for its response. A large stanza is not
        in memory as a tree meanwhile. To parse it and to make its request takes long,
        so each has a turn of the reactor of its own.
        """
        self._scope.raiseIfCancelled()
        if queued.size >= LARGE:
            await self._scope.run(self._turns.next())
        stanza, id = queued.parse(self._memory), queued.webhookID
        attempt = self._monitor.begin(stanza, id)
        if isReflection:
            posting = self.subscriber.post(stanza, id, isReflection=True)
        else:
            posting = self.subscriber.post(stanza, id, queued.xml)
        del stanza
        try:
            response = await self._scope.run(posting)
        except DeliveryError as reason:
            self._monitor.failed(attempt, reason)
            raise
        self._monitor.responded(attempt, response.status)
        return response

    def _plan(
        self,
        stanza: Element,
        queued: QueuedStanza,
        response: CallbackResponse,
        newID: Callable[[], str],
    ) -> ReplyPlan:
        """Return what follows from a response, within the limit on replies."""
        plan = interpretResponse(stanza, response, newID)
        if plan.complaint is not None:
            self._complain(stanza, queued.webhookID, response.status, plan.complaint)
        if plan.stanzas:
            plan = self._replies.limit(stanza, plan, newID)
        return plan

    def _complain(
        self, stanza: Element, id: str, status: int, complaint: ReplyComplaint
    ) -> None:
        """Log a fault in a response, and tell the operators who watch the events."""
        sender = stanza.getAttribute("from")
        _log.warn(
            "{callback} responded to {stanza} from {sender} ({delivery}) with"
            " {status}; {hint}",
            callback=displayName(self._name),
            delivery=id,
            stanza=withArticle(stanza.name),
            sender=sender,
            status=status,
            hint=complaint.reason,
            key=complaint.key,
        )
        event = ComplaintEvent(
            self._name,
            id,
            stanza.name,
            sender or "",
            status,
            complaint.reason,
            complaint.key,
        )
        self._onComplaint(event)


def _parse(queued: QueuedStanza) -> Element:
    """Return a stanza, without its payload if its XML cannot be parsed."""
    try:
        return queued.element
    except UnparsableStanza:
        kind, attributes = parseStoredHead(queued.xml.decode())
        stanza = Element((None, kind))
        stanza.attributes.update(attributes)
        return stanza
