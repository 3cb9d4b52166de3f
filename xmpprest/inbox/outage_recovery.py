"""Probes a callback that does not respond, and delivers sooner once it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from math import inf

from twisted.internet.interfaces import IDelayedCall

from ..concurrency import timers
from ..core.policy.health import PROBE_INTERVAL, EndpointHealth
from ..core.policy.retry import RETRY_AFTER_STATUSES, LastAttempt, expeditedRetryAt
from .conversation import Conversation, QueueState
from .options import InboxOptions

#: Number of conversations that one reactor turn handles when very many change.
SLICE = 500


class OutageRecovery:
    """
    The two reactions to an outage of a callback: once a minute one stanza is tried
    before it is due; and once the callback responds, all stanzas that failed meanwhile
    become due soon.

    @ivar isProbing: Whether the timer of the next probe is set.
    """

    def __init__(
        self,
        conversations: Mapping[str, Conversation],
        health: EndpointHealth,
        options: InboxOptions,
        *,
        probe: Callable[[], None],
        reschedule: Callable[[Iterable[Conversation]], None],
    ) -> None:
        """
        @param conversations: Conversations by key, those that were tried last at the
            end.
        @param probe: Tries the conversation that L{candidate} returns.
        @param reschedule: Queues waiting conversations whose time has changed.
        """
        self._conversations = conversations
        self._health = health
        self._clock = options.clock
        self._now = options.steady
        self._random = options.random
        self._probe = probe
        self._reschedule = reschedule
        self._timer: IDelayedCall | None = None
        self._hastened: Iterator[Conversation] = iter(())
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
        isFailing = health.failingSince is not None and bool(self._conversations)
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
        for each in self._conversations.values():
            last = each.last or LastAttempt(-inf, None)
            isWanted = health.isPaused or last.status not in RETRY_AFTER_STATUSES
            if (
                each.state is not QueueState.DELIVERING
                and each.hasStored
                and isWanted
                and last.at + PROBE_INTERVAL <= now
            ):
                return each
        return None

    # --- after the outage ---

    def hastenAll(self) -> None:
        """Try conversations sooner that failed in an outage, a slice in each turn."""
        self._hastened = iter(list(self._conversations.values()))
        timers.cancel(self._hastening)
        self._hastenSome()

    def _hastenSome(self) -> None:
        self._hastening = None
        some = list(islice(self._hastened, SLICE))
        self._reschedule(
            each
            for each in some
            if each.state is QueueState.WAITING and self.hasten(each)
        )
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
