"""
Gives conversations their turns: when they are due, side by side, one stanza each.

So that one that fails takes no more than its turn, and those that wait cost neither a
timer nor a coroutine.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..core.policy.health import PROBE_INTERVAL
from .conversation import Conversation, QueueState

_log = Logger()

#: Seconds until the next turn after one that broke.
ERROR_BACKOFF = 60.0


class Worker(Protocol):
    """Who does what is done in a turn."""

    @property
    def isPaused(self) -> bool:
        """Whether there are no turns but one a minute."""

    @property
    def isProbing(self) -> bool:
        """Whether there is one a minute, be it beside others."""

    def nextToProbe(self) -> Conversation | None:
        """Whose turn that is, if anybody's; nobody who is busy."""

    async def deliverNext(
        self, conversation: Conversation, isForced: bool
    ) -> float | None:
        """
        Take a turn.

        @param isForced: Whether it is the one of that minute, be it due or not.
        @return: When the next is due, if there is one.
        """


class Scheduler:
    """
    The turns of all conversations.

    @ivar limit: How many may have their turn at once; may be changed.
    """

    def __init__(
        self, taker: Worker, clock: IReactorTime, now: Callable[[], float], limit: int
    ) -> None:
        """@param now: Tells the time that conversations are due by."""
        self._taker = taker
        self._clock = clock
        self._now = now
        self.limit = limit
        self._ready: deque[Conversation] = deque()
        self._later: list[tuple[float, int, Conversation]] = []
        self._ties = count()
        self._alarm: IDelayedCall | None = None
        self._alarmAt = 0.0
        self._probe: IDelayedCall | None = None
        self._busy = 0
        self._isOver = True
        self._ending: Deferred[None] | None = None

    @property
    def ready(self) -> int:
        """How many are due."""
        return len(self._ready)

    def start(self) -> None:
        """Give turns."""
        self._isOver = False
        self.wake()

    def stop(self) -> Deferred[None]:
        """
        Give no more turns, and forget who waits for one.

        @return: Fires once no one has a turn.
        """
        self._isOver = True
        self._ready.clear()
        self._later.clear()
        _cancel(self._alarm)
        self._alarm = None
        _cancel(self._probe)
        self._probe = None
        if not self._busy:
            return succeed(None)
        self._ending = Deferred()
        return self._ending

    def schedule(self, conversation: Conversation, dueAt: float) -> None:
        """
        Let a conversation have its turn at a time, unless it has it now.
        """
        if conversation.place is not QueueState.BUSY and not self._isOver:
            self._place(conversation, dueAt)
            self.wake()

    def reschedule(self, dueAt: Callable[[Conversation], float]) -> None:
        """
        Let all that wait have their turns at other times, be there a hundred thousand.
        """
        later = []
        for entry in self._later:
            if _isValid(entry):
                _, tie, conversation = entry
                conversation.dueAt = dueAt(conversation)
                later.append((conversation.dueAt, tie, conversation))
        heapq.heapify(later)
        self._later = later
        self._setAlarm()

    def wake(self) -> None:
        """Give as many turns as may be."""
        if self._isOver:
            return
        while self._ready and self._busy < self.limit and not self._taker.isPaused:
            self._start()
        if not self._taker.isProbing:
            _cancel(self._probe)
            self._probe = None
        elif self._probe is None:
            self._probe = self._clock.callLater(PROBE_INTERVAL, self._tryOne)

    def _place(self, conversation: Conversation, dueAt: float) -> None:
        if dueAt <= self._now():
            if conversation.place is not QueueState.READY:
                conversation.place = QueueState.READY
                self._ready.append(conversation)
            return
        conversation.place, conversation.dueAt = QueueState.LATER, dueAt
        heapq.heappush(self._later, (dueAt, next(self._ties), conversation))
        if self._alarm is None or dueAt < self._alarmAt:
            self._setAlarm()

    def _setAlarm(self) -> None:
        _cancel(self._alarm)
        self._alarm = None
        while self._later and not _isValid(self._later[0]):
            heapq.heappop(self._later)
        if self._later:
            self._alarmAt = self._later[0][0]
            delay = max(0.0, self._alarmAt - self._now())
            self._alarm = self._clock.callLater(delay, self._ring)

    def _ring(self) -> None:
        """Those that are due are ready."""
        self._alarm = None
        now = self._now()
        while self._later and self._later[0][0] <= now:
            entry = heapq.heappop(self._later)
            if _isValid(entry):
                self._place(entry[2], now)
        self._setAlarm()
        self.wake()

    def _tryOne(self) -> None:
        """A minute is over."""
        self._probe = None
        longest = self._taker.nextToProbe() if self._busy < self.limit else None
        if longest is None:
            self.wake()
        else:
            self._start(longest)

    def _start(self, only: Conversation | None = None) -> None:
        self._busy += 1
        Deferred.fromCoroutine(self._work(only)).addBoth(self._worked)

    def _worked(self, result: Failure | None) -> None:
        self._busy -= 1
        if result is not None:
            _log.failure("Turns were broken off.", failure=result)
        if self._ending is not None and not self._busy:
            ending, self._ending = self._ending, None
            ending.callback(None)
        self.wake()

    async def _work(self, conversation: Conversation | None) -> None:
        """
        Give one turn after the other, as long as somebody is ready.

        @param conversation: Whose turn comes first, be it due or not.
        """
        isForced = conversation is not None
        conversation = conversation or self._next()
        while conversation is not None:
            conversation.place = QueueState.BUSY
            dueAt = await self._turn(conversation, isForced)
            conversation.place = QueueState.NOWHERE
            if dueAt is not None and not self._isOver:
                self._place(conversation, dueAt)
            isForced, conversation = False, self._next()

    def _next(self) -> Conversation | None:
        while self._ready and not self._taker.isPaused:
            conversation = self._ready.popleft()
            # It may have had its turn since, out of turn.
            if conversation.place is QueueState.READY:
                return conversation
        return None

    async def _turn(self, conversation: Conversation, isForced: bool) -> float | None:
        """The outer edge of all that is done in a turn."""
        try:
            return await self._taker.deliverNext(conversation, isForced)
        except CancelledError:
            pass
        except Exception:
            _log.failure("The delivery of a conversation was broken off.")
        return self._now() + ERROR_BACKOFF


def _isValid(entry: tuple[float, int, Conversation]) -> bool:
    """Whether a conversation still waits for that time."""
    dueAt, _, conversation = entry
    return conversation.place is QueueState.LATER and conversation.dueAt == dueAt


def _cancel(timer: IDelayedCall | None) -> None:
    if timer is not None and timer.active():
        timer.cancel()
