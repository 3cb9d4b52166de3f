"""One try to deliver a stanza that is kept, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ...core import rules, schedule
from ...core.errors import Refusal, errorFromStatus
from ...core.records import DEAD, DELIVERED, PENDING, Attempt
from ...core.rules import Answer
from ..httpclient import NoAnswer
from ..ids import idsFrom
from .answers import Answers
from .asking import Asker, Watch, judged
from .conversations import Unreadable, Waiting
from .keeping import Keeping, Waits

_log = Logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What has come of a try.

    @ivar state: Of the stanza, from now on.
    @ivar dueAt: When to try again, if it is pending.
    """

    attempt: Attempt
    state: str
    dueAt: float


class Attempts:
    """
    Tries to deliver stanzas.
    """

    def __init__(
        self,
        asker: Asker,
        answers: Answers,
        watch: Watch,
        waits: Waits,
        keeping: Keeping,
    ) -> None:
        self._asker = asker
        self._answers = answers
        self._watch = watch
        self._waits = waits
        self._now = keeping.now
        self._random = keeping.random

    async def attempt(self, waiting: Waiting, asked: int) -> Outcome:
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
        except Unreadable as error:
            return self._dead(waiting, f"It cannot be read from the store: {error}.")
        except Exception as error:
            _log.failure("The delivery of {id} failed.", id=waiting.webhookID)
            name = type(error).__name__
            return self._dead(waiting, f"The gateway failed ({name}); see its log.")

    async def _attempt(self, waiting: Waiting, stanza: Element, asked: int) -> Outcome:
        self._waits.check()
        asking = Deferred.fromCoroutine(self._asker.ask(stanza, waiting.webhookID))
        try:
            said = await self._waits.of(asking)
        except NoAnswer as reason:
            return self._failed(waiting, stanza, None, f"No answer: {reason}.")
        now = self._now()
        wait = schedule.retryAfter(said.status, said.retryAfter, now)
        if wait is not None:
            wait = schedule.postponed(wait, asked + 1, self._random())
        if said.status == schedule.GONE or wait is not None:
            return self._failed(waiting, stanza, said.status, _fault(said), wait)
        verdict = judged(stanza, waiting.webhookID, said, idsFrom(waiting.webhookID))
        try:
            await self._answers.send(stanza, verdict.stanzas)
        except Refusal as refusal:
            error = f"What follows from it could not be sent: {refusal.problem.text}"
            return self._failed(waiting, stanza, said.status, error)
        return Outcome(Attempt(now, said.status, _fault(said)), DELIVERED, now)

    def _failed(
        self,
        waiting: Waiting,
        stanza: Element,
        status: int | None,
        error: str | None,
        wait: float | None = None,
    ) -> Outcome:
        """
        Try again, unless it was tried for too long.

        @param wait: For how long; C{None}, as the schedule has it.
        """
        now, attempts = self._now(), waiting.attempts + 1
        isWell = self._watch.health.isWell(now)
        if schedule.isExhausted(attempts, waiting.receivedAt, now, isWell):
            _log.error(
                "The callback did not take {stanza} from {sender} in {attempts} tries;"
                " {id} is given up, until it is redelivered. The last time: {error}",
                stanza=rules.a(stanza.name),
                sender=stanza.getAttribute("from"),
                attempts=attempts,
                id=waiting.webhookID,
                error=error,
            )
            return Outcome(Attempt(now, status, error), DEAD, now)
        if wait is None:
            wait = schedule.delay(attempts, self._random())
        return Outcome(Attempt(now, status, error), PENDING, now + wait)

    def _dead(self, waiting: Waiting, error: str) -> Outcome:
        """No other try would do better."""
        _log.error(
            "{id} cannot be delivered, and is given up: {error}",
            id=waiting.webhookID,
            error=error,
        )
        now = self._now()
        return Outcome(Attempt(now, None, error), DEAD, now)


def _fault(said: Answer) -> str | None:
    """Why an answer is no success, as in C{"404 Not Found"}."""
    return None if said.isSuccess else errorFromStatus(said.status).text
