"""
Health of a callback: whether it responds, is in an outage or is paused, and which of
its failures are worth a line in the log.

Times are in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .retry import GONE, MAX_BACKOFF

#: Number of failures in a row from which they count as an outage, and seconds after
#: which a single one does.
OUTAGE_FAILURES = 2
OUTAGE_AFTER = 60.0
#: Seconds without a response after which the callback is paused.
PAUSE_AFTER = 5 * 86400.0
#: Seconds between the attempts while the callback is paused, or does not respond.
PROBE_INTERVAL = 60.0
#: Seconds of an outage in which there are more of them, and the seconds between these:
#: most outages are restarts.
SHORT_OUTAGE, SHORT_PROBE_INTERVAL = 300.0, 15.0
#: Seconds since the last response within which the callback counts as healthy: twice
#: the longest backoff. In an outage the stanza is not to blame for its failures.
HEALTHY_WINDOW = 2 * MAX_BACKOFF

#: The number of different failure reasons that the log throttle remembers.
MAX_LOGGED_REASONS = 32


@dataclass(slots=True)
class EndpointHealth:
    """
    The health of a callback, as its responses show it. It is a circuit breaker: open
    while paused, with probes.

    @ivar monitoredSince: The time since which responses are observed.
    @ivar isPaused: Whether stored stanzas wait, except for a probe now and then.
    @ivar answeredAt: The time of the last response, or C{None}.
    @ivar failingSince: The time of the first failure since the last response, or
        C{None}.
    @ivar recoveredAt: The time up to which failures count as those of an outage that
        has ended, or C{None}.
    @ivar failures: The number of failures in a row.
    """

    monitoredSince: float = 0.0
    isPaused: bool = False
    answeredAt: float | None = None
    failingSince: float | None = None
    recoveredAt: float | None = None
    failures: int = 0

    def answered(self, status: int, now: float) -> None:
        """Record a response of any status."""
        wasPaused, self.isPaused = self.isPaused, status == GONE
        if not self.isPaused:
            if wasPaused or self.isInOutage(now):
                self.recoveredAt = now
            elif self.answeredAt is None:
                # Failures before the first response may be those of an outage.
                self.recoveredAt = self.monitoredSince
            self.answeredAt = now
        self.failingSince = None
        self.failures = 0

    def isInOutage(self, now: float) -> bool:
        """
        Whether the callback responds to nothing: several attempts in a row have failed,
        or the last response is long ago. The failure of one stanza that it responds to
        by a crash is no outage.
        """
        return self.failures >= OUTAGE_FAILURES or (
            self.failingSince is not None and now - self.failingSince >= OUTAGE_AFTER
        )

    def probeInterval(self, now: float) -> float:
        """Return the seconds from one probe to the next."""
        since = self.failingSince
        isShort = since is not None and now - since < SHORT_OUTAGE
        return SHORT_PROBE_INTERVAL if isShort and not self.isPaused else PROBE_INTERVAL

    def failed(self, now: float, beganAt: float | None = None) -> None:
        """
        Record that an attempt got no response.

        @param beganAt: When the attempt began; C{None} for now. If others got a
            response since, it does not count as one in a row.
        """
        began = now if beganAt is None else beganAt
        if self.answeredAt is None or began >= self.answeredAt:
            self.failures += 1
        if self.failingSince is None:
            self.failingSince = now
        if now - self.failingSince >= PAUSE_AFTER:
            self.isPaused = True

    def isHealthy(self, now: float) -> bool:
        """
        Whether the callback accepts stanzas, so that a stanza that it does not accept
        is at fault itself.
        """
        isRecent = (
            self.answeredAt is not None and now - self.answeredAt <= HEALTHY_WINDOW
        )
        return isRecent and not self.isPaused


@dataclass(slots=True)
class FailureLogThrottle:
    """
    Limits the log lines about failures of a callback: one for each reason, another
    after a long time without that reason, and one when an outage begins. Otherwise one
    stanza that always fails would be logged at each attempt.
    """

    _reasons: dict[str, float] = field(default_factory=dict)
    _isLogged: bool = False
    _since: float | None = None

    def failed(self, reason: str, now: float) -> bool:
        """Record a failure; return whether to log it."""
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
        isOutage = not self._isLogged and now - self._since > OUTAGE_AFTER
        self._isLogged = self._isLogged or isNew or isOutage
        return isNew or isOutage

    def answered(self) -> bool:
        """Record a response; return whether to log the recovery."""
        wasLogged, self._isLogged, self._since = self._isLogged, False, None
        return wasLogged
