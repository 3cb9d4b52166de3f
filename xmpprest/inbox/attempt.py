"""One try to deliver a stanza that is kept, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..concurrency.cancel_scope import CancelScope
from ..core.errors import Refusal, errorFromStatus
from ..core.policy import retry
from ..core.policy.callback_response import CallbackResponse
from ..core.records import DEAD, DELIVERED, PENDING, DeliveryAttempt
from ..core.stanza.build import withArticle
from ..core.stanza.stored import UnparsableStanza
from ..core.webhook.errors import DeliveryError
from ..ids import deriveIDs
from .conversation import QueuedStanza
from .options import DurabilityOptions
from .replies import ReplySender
from .webhook_caller import HealthMonitor, WebhookCaller, interpretAndLog

_log = Logger()


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """
    What has come of a try.

    @ivar state: Of the stanza, from now on.
    @ivar dueAt: When to try again, if it is pending.
    """

    attempt: DeliveryAttempt
    state: str
    dueAt: float


class DeliveryAttempter:
    """
    Tries to deliver stanzas.
    """

    def __init__(
        self,
        asker: WebhookCaller,
        answers: ReplySender,
        watch: HealthMonitor,
        waits: CancelScope,
        keeping: DurabilityOptions,
    ) -> None:
        self._asker = asker
        self._answers = answers
        self._watch = watch
        self._waits = waits
        self._now = keeping.now
        self._random = keeping.random

    async def attempt(self, waiting: QueuedStanza, asked: int) -> AttemptResult:
        """
        Try to deliver a stanza. What follows from the answer has been sent once this
        returns, so that it is not lost if the gateway ends; sent again, it has the
        same ids.

        @param asked: How often in a row the callback has asked to wait with it.
        @raise CancelledError: The gateway ends; nothing has come of it.
        """
        try:
            return await self._attempt(waiting, waiting.element, asked)
        except CancelledError:
            raise
        except UnparsableStanza as error:
            return self._dead(waiting, f"It cannot be read from the store: {error}.")
        except Exception as error:
            _log.failure("The delivery of {id} failed.", id=waiting.webhookID)
            name = type(error).__name__
            return self._dead(waiting, f"The gateway failed ({name}); see its log.")

    async def _attempt(
        self, waiting: QueuedStanza, stanza: Element, asked: int
    ) -> AttemptResult:
        self._waits.raiseIfCancelled()
        asking = Deferred.fromCoroutine(self._asker.call(stanza, waiting.webhookID))
        try:
            said = await self._waits.run(asking)
        except DeliveryError as reason:
            return self._failed(waiting, stanza, None, f"No answer: {reason}.")
        now = self._now()
        wait = retry.parseRetryAfter(said.status, said.retryAfter, now)
        if wait is not None:
            wait = retry.deferralDelay(wait, asked + 1, self._random())
        if said.status == retry.GONE or wait is not None:
            return self._failed(waiting, stanza, said.status, _fault(said), wait)
        verdict = interpretAndLog(
            stanza, waiting.webhookID, said, deriveIDs(waiting.webhookID)
        )
        try:
            await self._answers.send(stanza, verdict.stanzas)
        except Refusal as refusal:
            error = f"What follows from it could not be sent: {refusal.problem.text}"
            return self._failed(waiting, stanza, said.status, error)
        return AttemptResult(
            DeliveryAttempt(now, said.status, _fault(said)), DELIVERED, now
        )

    def _failed(
        self,
        waiting: QueuedStanza,
        stanza: Element,
        status: int | None,
        error: str | None,
        wait: float | None = None,
    ) -> AttemptResult:
        """
        Try again, unless it was tried for too long.

        @param wait: For how long; C{None}, as the schedule has it.
        """
        now, attempts = self._now(), waiting.attempts + 1
        isWell = self._watch.health.isHealthy(now)
        if retry.isExpired(attempts, waiting.receivedAt, now, isWell):
            _log.error(
                "The callback did not take {stanza} from {sender} in {attempts} tries;"
                " {id} is given up, until it is redelivered. The last time: {error}",
                stanza=withArticle(stanza.name),
                sender=stanza.getAttribute("from"),
                attempts=attempts,
                id=waiting.webhookID,
                error=error,
            )
            return AttemptResult(DeliveryAttempt(now, status, error), DEAD, now)
        if wait is None:
            wait = retry.backoffDelay(attempts, self._random())
        return AttemptResult(DeliveryAttempt(now, status, error), PENDING, now + wait)

    def _dead(self, waiting: QueuedStanza, error: str) -> AttemptResult:
        """No other try would do better."""
        _log.error(
            "{id} cannot be delivered, and is given up: {error}",
            id=waiting.webhookID,
            error=error,
        )
        now = self._now()
        return AttemptResult(DeliveryAttempt(now, None, error), DEAD, now)


def _fault(said: CallbackResponse) -> str | None:
    """Why an answer is no success, as in C{"404 Not Found"}."""
    return None if said.isSuccess else errorFromStatus(said.status).text
