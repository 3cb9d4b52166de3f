"""Lets clients wait for the outcome of a message."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.words.xish.domish import Element

from ..concurrency import timers


class Outcomes:
    """
    The waits for messages to be confirmed or to bounce, by the number of the message.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[int, Deferred[Element | None]] = {}

    def wait(self, number: int, timeout: float) -> Deferred[Element | None]:
        """
        Wait for the outcome of a message.

        @param timeout: Seconds.
        @return: Fires with the error stanza of a bounce; with C{None} if the message is
            confirmed, or when the timeout is over.
        """
        outcome: Deferred[Element | None] = Deferred()
        self._waiting[number] = outcome
        timer = self._clock.callLater(timeout, outcome.callback, None)

        def ended(result: object) -> object:
            timers.cancel(timer)
            self._waiting.pop(number, None)
            return result

        outcome.addBoth(ended)
        return outcome

    def resolve(self, number: int, error: Element | None) -> None:
        """End the wait for a message, if there is one."""
        if number in self._waiting:
            self._waiting[number].callback(error)
