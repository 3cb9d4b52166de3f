"""Watches a callback: measures and logs attempts, and pauses deliveries to it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple, Protocol

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.policy.health import PAUSE_AFTER, EndpointHealth, FailureLogThrottle
from ..core.policy.retry import GONE
from ..core.stanza.build import withArticle
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.errors import DeliveryError

_log = Logger()

#: Results of an attempt: the class of the response's status, or no response.
RESULTS = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
OTHER, NO_ANSWER = "other", "none"


class HealthObserver(Protocol):
    """A delivery scheduler."""

    def pauseChanged(self) -> None:
        """React to the beginning or the end of a pause."""

    def recovered(self) -> None:
        """React to the first response after an outage."""


def displayName(name: str) -> str:
    """Return the name of a callback for the beginning of a sentence."""
    return "The callback" if name == DEFAULT else f"The callback {name}"


class AttemptStart(NamedTuple):
    """
    An attempt to deliver a stanza that is under way.

    @ivar kind: Name of the stanza's element.
    @ivar sender: Address that it is from.
    @ivar id: Its id in requests to the callback.
    @ivar began: In seconds from an arbitrary start.
    @ivar at: The same time, by the clock of the inbox.
    """

    kind: str
    sender: str | None
    id: str
    began: float
    at: float


class CallbackMonitor:
    """
    Learns the result of each attempt to deliver to a callback, and tells an observer
    when the callback is paused or is back.

    @ivar health: The health, as far as attempts have shown it.
    @ivar isLogged: Whether each attempt has a line in the log; may be replaced.
    @ivar attemptLatencies: Seconds that each attempt took, by its result.
    """

    def __init__(
        self,
        now: Callable[[], float],
        name: str = DEFAULT,
        *,
        isLogged: bool = False,
        canPause: bool = True,
    ) -> None:
        """
        @param now: Returns the time, in seconds; steps of the system clock must not
            change it.
        @param name: Name of the callback.
        @param canPause: Whether deliveries may be paused. Without a store there is
            nothing to pause.
        """
        self._now = now
        self._name = name
        self._title = displayName(name)
        self._canPause = canPause
        self._observer: HealthObserver | None = None
        self._failures = FailureLogThrottle()
        #: Whether the last attempt got no response.
        self._isFailing = False
        self.isLogged = isLogged
        self.health = EndpointHealth(now())
        self.attemptLatencies = {
            result: Histogram(LATENCY_BUCKETS)
            for result in (*RESULTS.values(), OTHER, NO_ANSWER)
        }

    def observe(self, observer: HealthObserver) -> None:
        """Tell an observer of changes from now on."""
        self._observer = observer

    def begin(self, stanza: Element, id: str) -> AttemptStart:
        """Note the begin of an attempt to deliver a stanza."""
        sender = stanza.attributes.get("from")
        return AttemptStart(stanza.name, sender, id, perf_counter(), self._now())

    def responded(self, attempt: AttemptStart, status: int) -> None:
        """Note a response of the callback."""
        result = RESULTS.get(status // 100, OTHER)
        seconds = perf_counter() - attempt.began
        self.attemptLatencies[result].observe(seconds)
        if self.isLogged:
            self._logAttempt(attempt, seconds, str(status))
        if self._isFailing:
            self._isFailing = False
            if self._failures.answered():
                _log.info("{callback} responds again.", callback=self._title)
        if self._canPause:
            health = self.health
            wasPaused, recoveredAt = health.isPaused, health.recoveredAt
            health.answered(status, self._now())
            if health.recoveredAt != recoveredAt and self._observer is not None:
                self._observer.recovered()
            if health.isPaused != wasPaused:
                self._pauseChanged(
                    f"it responded with status {GONE}, which means that it is gone"
                )

    def failed(self, attempt: AttemptStart, reason: DeliveryError) -> None:
        """Note an attempt without a response."""
        seconds = perf_counter() - attempt.began
        self.attemptLatencies[NO_ANSWER].observe(seconds)
        if self.isLogged:
            self._logAttempt(attempt, seconds, f"no response, {reason}")
        self._isFailing = True
        now = self._now()
        if self._failures.failed(str(reason), now):
            _log.error(
                "{callback} does not respond: {reason}.",
                callback=self._title,
                reason=reason,
            )
        if self._canPause:
            wasPaused = self.health.isPaused
            self.health.failed(now, attempt.at)
            if self.health.isPaused != wasPaused:
                days = PAUSE_AFTER / 86400
                self._pauseChanged(f"it has not responded for {days:g} days")

    def _pauseChanged(self, reason: str) -> None:
        if self.health.isPaused:
            _log.error(
                "{callback} is paused: {reason}. Messages for it stay in the store, and"
                " it gets one request a minute. Any response other than {gone} ends the"
                " pause.",
                callback=self._title,
                reason=reason,
                gone=GONE,
            )
        else:
            _log.info(
                "{callback} is no longer paused; its stored stanzas are delivered.",
                callback=self._title,
            )
        if self._observer is not None:
            self._observer.pauseChanged()

    def _logAttempt(self, attempt: AttemptStart, seconds: float, outcome: str) -> None:
        _log.info(
            "Delivery {delivery}: {stanza} from {sender} to callback {callback},"
            " {result} in {milliseconds} ms",
            delivery=attempt.id,
            stanza=withArticle(attempt.kind),
            sender=attempt.sender,
            callback=self._name,
            result=outcome,
            milliseconds=round(seconds * 1000, 1),
        )
