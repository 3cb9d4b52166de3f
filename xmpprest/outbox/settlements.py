"""Records what has become of messages, and tells everybody who waits for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.errors import REPORT_BUG
from ..core.records import CONFIRMED, SENT, Outcome
from ..core.stanza.serializer import toXML
from .backlog import QueuedMessage
from .capacity import OutboxCapacity
from .outcomes import Outcomes
from .recorder import Recorder
from .room_messages import RoomMessages

_log = Logger()


class Settlements:
    """
    The outcomes of messages.
    """

    def __init__(
        self,
        capacity: OutboxCapacity,
        outcomes: Outcomes,
        recorder: Recorder,
        rooms: RoomMessages,
        *,
        now: Callable[[], float],
        recorded: Callable[[], None],
    ) -> None:
        """
        @param capacity: Counts the messages that are settled here.
        @param outcomes: Tells the clients that wait for them.
        @param rooms: Stops waiting for reflections.
        @param now: Returns seconds since 1970.
        @param recorded: Called when a change is stored.
        """
        self._capacity = capacity
        self._outcomes = outcomes
        self._recorder = recorder
        self._rooms = rooms
        self._now = now
        self._recorded = recorded

    def conclude(
        self,
        messages: Sequence[QueuedMessage],
        state: str,
        report: Element | None = None,
        *,
        isFinal: bool = False,
    ) -> None:
        """
        Record the outcome of messages, and tell the clients that wait.

        @param isFinal: Whether the clients are also told that a message is only sent.
        """
        self._capacity.release(messages)
        if self._rooms.hasWritten:
            self._rooms.forget(messages)
        numbers = [each.number for each in messages]
        # A message that is only sent may still bounce.
        if state != SENT or isFinal:
            for number in numbers:
                self._outcomes.resolve(number, Outcome(state, report))
        self.record(numbers, state, report)

    def reflected(self, message: QueuedMessage, stanzaID: str) -> None:
        """
        Record that a room has sent a message back, and tell the clients that wait.

        @param stanzaID: The id that the room has given to it; empty without one.
        """
        self._capacity.release([message])
        self._outcomes.resolve(message.number, Outcome(CONFIRMED))
        self._follow(self._recorder.reflect(message.number, stanzaID, self._now()))

    def record(
        self, numbers: Sequence[int], state: str, report: Element | None = None
    ) -> None:
        """Record the states of messages."""
        if numbers:
            xml = toXML(report) if report else None
            self._follow(self._recorder.record(numbers, state, self._now(), xml))

    def _follow(self, recording: Deferred[None]) -> None:
        recording.addCallbacks(lambda _: self._recorded(), _recordFailed)


def _recordFailed(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Storing the states of messages crashed; it is tried again. " + REPORT_BUG,
            failure=reason,
        )
