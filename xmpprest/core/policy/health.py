"""
Health of a callback: whether it responds, is in an outage or is paused, and which of
its failures are worth a line in the log.

Times are in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .retry import GONE, MAX_BACKOFF

#: Seconds without a response after which failures count as an outage.
OUTAGE_AFTER = 60.0
#: Seconds without a response after which the callback is paused.
PAUSE_AFTER = 5 * 86400.0
#: Seconds between the attempts while the callback is paused, or does not respond.
PROBE_INTERVAL = 60.0
#: Seconds since the last response within which the callback counts as healthy: twice
#: the longest backoff. In an outage the stanza is not to blame for its failures.
HEALTHY_WINDOW = 2 * MAX_BACKOFF

#: The number of different failure reasons that the log throttle remembers.
MAX_LOGGED_REASONS = 32


@dataclass(slots=True)
class EndpointHealth:
    """
    How the callback is, as far as it shows in what was posted to it.

    @ivar monitoredSince: Since when it is watched.
    @ivar isPaused: Nothing that is kept is posted but a try now and then.
    @ivar answeredAt: When it last answered, if it ever has.
    @ivar failingSince: When its failures began, if it has not answered since.
    @ivar recoveredAt: Until when a failure says nothing any more: the callback was
        out, and has answered since.
    """

    monitoredSince: float = 0.0
    isPaused: bool = False
    answeredAt: float | None = None
    failingSince: float | None = None
    recoveredAt: float | None = None

    def answered(self, status: int, now: float) -> None:
        """It has given an answer, of any status."""
        wasPaused, self.isPaused = self.isPaused, status == GONE
        if not self.isPaused:
            if wasPaused or self.isInOutage(now):
                self.recoveredAt = now
            elif self.answeredAt is None:
                # What has failed before may have been of an outage, for all we know.
                self.recoveredAt = self.monitoredSince
            self.answeredAt = now
        self.failingSince = None

    def isInOutage(self, now: float) -> bool:
        """Whether it has given nothing but failures for long."""
        return self.failingSince is not None and now - self.failingSince >= OUTAGE_AFTER

    def failed(self, now: float) -> None:
        """It has given none."""
        if self.failingSince is None:
            self.failingSince = now
        if now - self.failingSince >= PAUSE_AFTER:
            self.isPaused = True

    def isHealthy(self, now: float) -> bool:
        """Whether it takes stanzas: one that it does not take is at fault itself."""
        isRecent = (
            self.answeredAt is not None and now - self.answeredAt <= HEALTHY_WINDOW
        )
        return isRecent and not self.isPaused


@dataclass(slots=True)
class FailureLogThrottle:
    """
    What the log is told of a callback's failures: each reason once, and again only
    after a long time without it, or if it has become an outage. Else one stanza that
    always fails would be told of each time, between others that do not.
    """

    _reasons: dict[str, float] = field(default_factory=dict)
    _isTold: bool = False
    _since: float | None = None

    def failed(self, reason: str, now: float) -> bool:
        """There is no answer: whether to tell."""
        if self._since is None:
            self._since = now
        self._reasons = {
            known: at
            for known, at in self._reasons.items()
            if now - at <= HEALTHY_WINDOW
        }
        isNew = reason not in self._reasons and len(self._reasons) < MAX_LOGGED_REASONS
        if isNew or reason in self._reasons:
            self._reasons[reason] = now
        isOutage = not self._isTold and now - self._since > OUTAGE_AFTER
        self._isTold = self._isTold or isNew or isOutage
        return isNew or isOutage

    def answered(self) -> bool:
        """There is one: whether to tell that there is again."""
        wasTold, self._isTold, self._since = self._isTold, False, None
        return wasTold
