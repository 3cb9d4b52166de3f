"""Lets clients wait for the outcome of a message."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..concurrency import timers
from ..core.records import QUEUED, SENT, Outcome


@dataclass(slots=True)
class _Wait:
    deferred: Deferred[Outcome]
    state: str = QUEUED


class Outcomes:
    """
    The waits for messages to be confirmed, to bounce or to be dropped, by the number
    of the message.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waits: dict[int, _Wait] = {}

    def __len__(self) -> int:
        """Return the number of waits."""
        return len(self._waits)

    def wait(self, number: int, timeout: float) -> Deferred[Outcome]:
        """
        Wait for the outcome of a message.

        @param timeout: Seconds.
        @return: Fires with the outcome, or with the state that the message has when the
            timeout is over.
        """
        wait = self._waits[number] = _Wait(Deferred())
        timer = self._clock.callLater(
            timeout, lambda: wait.deferred.callback(Outcome(wait.state))
        )

        def ended(result: Outcome) -> Outcome:
            timers.cancel(timer)
            self._waits.pop(number, None)
            return result

        return wait.deferred.addBoth(ended)

    def written(self, number: int) -> None:
        """Note that a message was written."""
        if number in self._waits:
            self._waits[number].state = SENT

    def resolve(self, number: int, outcome: Outcome) -> None:
        """End the wait for a message, if there is one."""
        if number in self._waits:
            self._waits[number].deferred.callback(outcome)
