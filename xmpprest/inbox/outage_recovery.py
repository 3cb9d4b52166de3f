"""Probes a callback that does not respond, and delivers sooner once it is back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from ..concurrency import timers
from ..core.policy.health import EndpointHealth
from ..core.policy.retry import RETRY_AFTER_STATUSES, expeditedRetryAt
from .conversation import Conversation
from .options import InboxOptions
from .turns import SLICE, ConversationTurns


class OutageRecovery:
    """
    The two reactions to an outage of a callback: now and then one stanza is tried
    before it is due; and once the callback responds, all stanzas that failed meanwhile
    are due, those whose last attempt is the oldest first.

    @ivar isProbing: Whether the timer of the next probe is set.
    """

    def __init__(
        self,
        turns: ConversationTurns,
        health: EndpointHealth,
        options: InboxOptions,
        *,
        probe: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        """
        @param probe: Tries the conversation that L{candidate} returns.
        @param wake: Starts workers, which call L{next}.
        """
        self._turns = turns
        self._health = health
        self._clock = options.clock
        self._now = options.steady
        self._probe = probe
        self._timer: IDelayedCall | None = None
        self._wake = wake
        #: Conversations that may have failed in the outage.
        self._left: deque[str] = deque()
        self._searching: IDelayedCall | None = None

    def stop(self) -> None:
        """Cancel all timers."""
        self.stopProbing()
        self._left.clear()
        timers.cancel(self._searching)
        self._searching = None

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
            delay = health.probeInterval(self._now())
            self._timer = self._clock.callLater(delay, self._ring)

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
        attempt, at least for the interval of probes. In an outage, conversations that
        the callback has asked to wait with do not count.
        """
        health, now = self._health, self._now()
        if not (health.isPaused or health.isInOutage(now)):
            return None
        latest = now - health.probeInterval(now)
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
        """Let L{next} return the conversations that failed in the outage."""
        self._left = deque(self._turns.table.keys())
        self._wake()

    def next(self) -> Conversation | None:
        """
        Return the next conversation that failed in an outage that is over, and has
        waited for its time since; C{None} if there is none at the moment.

        If the callback fails again, all others wait for their own times.
        """
        if not self._left:
            return None
        if self._health.isInOutage(self._now()):
            self._left.clear()
            return None
        for _ in range(min(SLICE, len(self._left))):
            key = self._left.popleft()
            if self._turns.queue.isWaiting(key):
                conversation = self._turns.table.get(key)
                assert conversation is not None  # it waits
                if self.hasten(conversation) and conversation.retryAt <= self._now():
                    self._turns.queue.discard(key)
                    self._turns.setAlarm()
                    return conversation
                self._turns.place(conversation)
        if self._left and self._searching is None:
            self._searching = self._clock.callLater(0, self._search)
        return None

    def _search(self) -> None:
        """Go on to look for conversations in another reactor turn."""
        self._searching = None
        self._wake()

    def hasten(self, conversation: Conversation) -> bool:
        """
        Make the next attempt earlier if the last one failed in an outage that is over.

        @return: Whether it is earlier now.
        """
        last, recoveredAt = conversation.last, self._health.recoveredAt
        if last is None or recoveredAt is None or last.at >= recoveredAt:
            return False
        dueAt = conversation.retryAt
        soon = expeditedRetryAt(last, dueAt, self._now())
        conversation.retryAt = soon
        return soon < dueAt
