"""Probes a callback that does not respond, and delivers sooner once it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from twisted.internet.interfaces import IDelayedCall

from ..concurrency import timers
from ..core.policy.health import PROBE_INTERVAL, EndpointHealth
from ..core.policy.retry import RETRY_AFTER_STATUSES, expeditedRetryAt
from .conversation import Conversation
from .options import InboxOptions
from .turns import SLICE, ConversationTurns


class OutageRecovery:
    """
    The two reactions to an outage of a callback: once a minute one stanza is tried
    before it is due; and once the callback responds, all stanzas that failed meanwhile
    become due soon.

    @ivar isProbing: Whether the timer of the next probe is set.
    """

    def __init__(
        self,
        turns: ConversationTurns,
        health: EndpointHealth,
        options: InboxOptions,
        *,
        probe: Callable[[], None],
    ) -> None:
        """@param probe: Tries the conversation that L{candidate} returns."""
        self._turns = turns
        self._health = health
        self._clock = options.clock
        self._now = options.steady
        self._random = options.random
        self._probe = probe
        self._timer: IDelayedCall | None = None
        self._hastened: Iterator[str] = iter(())
        self._hastening: IDelayedCall | None = None

    def stop(self) -> None:
        """Cancel all timers."""
        self.stopProbing()
        timers.cancel(self._hastening)
        self._hastening = None

    # --- probes ---

    @property
    def isProbing(self) -> bool:
        """Whether the timer of the next probe is set."""
        return self._timer is not None

    def watch(self, isOpen: bool) -> None:
        """
        Set or cancel the timer of the next probe.

        @param isOpen: Whether stored stanzas may be delivered, apart from pauses.
        """
        health = self._health
        isFailing = health.failingSince is not None and bool(self._turns.table)
        if not (isOpen and (health.isPaused or isFailing)):
            self.stopProbing()
        elif self._timer is None:
            self._timer = self._clock.callLater(PROBE_INTERVAL, self._ring)

    def stopProbing(self) -> None:
        """Cancel the timer of the next probe."""
        timers.cancel(self._timer)
        self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._probe()

    def candidate(self) -> Conversation | None:
        """
        Return the conversation that has waited longest since its arrival or its last
        attempt, at least a minute. In an outage, conversations that the callback has
        asked to wait with do not count.
        """
        health, now = self._health, self._now()
        if not (health.isPaused or health.isInOutage(now)):
            return None
        latest = now - PROBE_INTERVAL
        for key, last in self._turns.table.lastAttempts():
            isWanted = last is None or (
                last[0] <= latest
                and (health.isPaused or last[1] not in RETRY_AFTER_STATUSES)
            )
            if isWanted:
                return self._turns.table.get(key)
        return None

    # --- after the outage ---

    def hastenAll(self) -> None:
        """Try conversations sooner that failed in an outage, a slice in each turn."""
        self._hastened = iter(self._turns.table.keys())
        timers.cancel(self._hastening)
        self._hastenSome()

    def _hastenSome(self) -> None:
        self._hastening = None
        some = list(islice(self._hastened, SLICE))
        for key in filter(self._turns.queue.isWaiting, some):
            conversation = self._turns.table.get(key)
            if conversation is not None:
                if self.hasten(conversation):
                    self._turns.queue.addLater(key, conversation.retryAt)
                self._turns.table.park(conversation)
        self._turns.setAlarm()
        if len(some) == SLICE:
            self._hastening = self._clock.callLater(0, self._hastenSome)

    def hasten(self, conversation: Conversation) -> bool:
        """
        Make the next attempt earlier if the last one failed in an outage that is over.

        @return: Whether it is earlier now.
        """
        last, recoveredAt = conversation.last, self._health.recoveredAt
        if last is None or recoveredAt is None or last.at >= recoveredAt:
            return False
        dueAt = conversation.retryAt
        soon = expeditedRetryAt(last, dueAt, self._now(), self._random())
        conversation.retryAt = soon
        return soon < dueAt
