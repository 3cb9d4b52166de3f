"""Health of a callback: pauses deliveries to it and notices when it recovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

from ..core.policy.health import PAUSE_AFTER, EndpointHealth
from ..core.policy.retry import GONE
from ..core.webhook.conversation_key import DEFAULT

_log = Logger()


class HealthObserver(Protocol):
    """A delivery scheduler."""

    def pauseChanged(self) -> None:
        """React to the beginning or the end of a pause."""

    def recovered(self) -> None:
        """React to the first response after an outage."""


def displayName(name: str) -> str:
    """Return the name of a callback for the beginning of a sentence."""
    return "The callback" if name == DEFAULT else f"The callback {name}"


class HealthMonitor:
    """
    Keeps the health of a callback and tells observers of changes.

    @ivar health: The health, as far as requests have shown it.
    """

    def __init__(self, now: Callable[[], float], name: str = DEFAULT) -> None:
        """
        @param now: Returns the time, in seconds; steps of the system clock must not
            change it.
        @param name: Name of the callback.
        """
        self._now = now
        self._title = displayName(name)
        self._observers: list[HealthObserver] = []
        self.health = EndpointHealth(now())

    def addObserver(self, observer: HealthObserver) -> None:
        """Tell an observer of changes from now on."""
        self._observers.append(observer)

    def responded(self, status: int) -> None:
        """Note a response of the callback."""
        wasPaused, recoveredAt = self.health.isPaused, self.health.recoveredAt
        self.health.answered(status, self._now())
        if self.health.recoveredAt != recoveredAt:
            for each in self._observers:
                each.recovered()
        self._tell(
            wasPaused, f"it responded with status {GONE}, which means that it is gone"
        )

    def failed(self) -> None:
        """Note a request without a response."""
        wasPaused = self.health.isPaused
        self.health.failed(self._now())
        days = PAUSE_AFTER / 86400
        self._tell(wasPaused, f"it has not responded for {days:g} days")

    def _tell(self, wasPaused: bool, reason: str) -> None:
        if self.health.isPaused == wasPaused:
            return
        if wasPaused:
            _log.info(
                "{callback} is no longer paused; its stored stanzas are delivered.",
                callback=self._title,
            )
        else:
            _log.error(
                "{callback} is paused: {reason}. Messages for it stay in the store, and"
                " it gets one request a minute. Any response other than {gone} ends the"
                " pause.",
                callback=self._title,
                reason=reason,
                gone=GONE,
            )
        for each in self._observers:
            each.pauseChanged()
