"""Asks the callback, and keeps an eye on how it is."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    interpretResponse,
)
from ..core.policy.health import PAUSE_AFTER, EndpointHealth, FailureLogThrottle
from ..core.policy.retry import GONE
from ..core.stanza.build import withArticle
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.errors import DeliveryError

_log = Logger()


class Webhook(Protocol):
    """Where stanzas are posted."""

    async def post(self, stanza: Element, id: str) -> CallbackResponse:
        """
        Deliver one; raises L{DeliveryError}.

        @param id: What the callback knows it by, the same each time.
        """


def displayName(name: str) -> str:
    """A callback, at the beginning of a sentence."""
    return "The callback" if name == DEFAULT else f"The callback {name}"


class HealthMonitor:
    """
    Keeps an eye on a callback for those that keep stanzas for it.

    @ivar health: How it is.
    @ivar onPauseChanged: Called when it is paused, and when it no longer is.
    @ivar onRecovered: Called when it has answered after an outage.
    """

    def __init__(self, now: Callable[[], float], name: str = DEFAULT) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        @param name: The callback's.
        """
        self._now = now
        self._title = displayName(name)
        self.health = EndpointHealth(now())
        self.onPauseChanged: Callable[[], None] = lambda: None
        self.onRecovered: Callable[[], None] = lambda: None

    def answered(self, status: int) -> None:
        """The callback has answered."""
        wasPaused, recoveredAt = self.health.isPaused, self.health.recoveredAt
        self.health.answered(status, self._now())
        if self.health.recoveredAt != recoveredAt:
            self.onRecovered()
        self._tell(
            wasPaused, f"It has answered {GONE}, which is to say that it is gone"
        )

    def failed(self) -> None:
        """It has not."""
        wasPaused = self.health.isPaused
        self.health.failed(self._now())
        days = PAUSE_AFTER / 86400
        self._tell(wasPaused, f"It has given no answer for {days:g} days")

    def _tell(self, wasPaused: bool, reason: str) -> None:
        if self.health.isPaused == wasPaused:
            return
        if wasPaused:
            _log.info(
                "{callback} is no longer paused; what waits is delivered.",
                callback=self._title,
            )
        else:
            _log.error(
                "{callback} is paused: {reason}. Messages are kept, and it is tried"
                " once a minute; let it answer anything but {gone}, and all of them"
                " are delivered.",
                callback=self._title,
                reason=reason,
                gone=GONE,
            )
        self.onPauseChanged()


#: What comes of a try: by the class of the status; or there is no answer.
RESULTS = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
OTHER, NO_ANSWER = "other", "none"


class WebhookCaller:
    """
    Asks a callback.

    @ivar callback: May be replaced; what it is being asked stays with the old one.
    @ivar attemptLatencies: How many seconds it took each time, by its result.
    """

    def __init__(
        self,
        callback: Webhook,
        now: Callable[[], float],
        watch: HealthMonitor | None,
        name: str = DEFAULT,
    ) -> None:
        """
        @param now: Tells the time, in seconds.
        @param watch: Learns what becomes of it.
        @param name: The callback's.
        """
        self.callback = callback
        self._title = displayName(name)
        self._now = now
        self._watch = watch
        self._complaints = FailureLogThrottle()
        self.attemptLatencies = {
            result: Histogram(LATENCY_BUCKETS)
            for result in (*RESULTS.values(), OTHER, NO_ANSWER)
        }

    async def call(self, stanza: Element, id: str) -> CallbackResponse:
        """
        What the callback says to a stanza.

        @raise NoAnswer: Nothing.
        """
        began = perf_counter()
        try:
            said = await self.callback.post(stanza, id)
        except DeliveryError as reason:
            self.attemptLatencies[NO_ANSWER].observe(perf_counter() - began)
            if self._complaints.failed(str(reason), self._now()):
                _log.error(
                    "{callback} gives no answer: {reason}.",
                    callback=self._title,
                    reason=reason,
                )
            if self._watch is not None:
                self._watch.failed()
            raise
        result = RESULTS.get(said.status // 100, OTHER)
        self.attemptLatencies[result].observe(perf_counter() - began)
        if self._complaints.answered():
            _log.info("{callback} answers again.", callback=self._title)
        if self._watch is not None:
            self._watch.answered(said.status)
        return said


def interpretAndLog(
    stanza: Element, id: str, said: CallbackResponse, newID: Callable[[], str]
) -> ReplyPlan:
    """
    What an answer means; the log tells what is wrong with it.

    @param id: What the callback knows the stanza by.
    """
    verdict = interpretResponse(stanza, said, newID)
    if verdict.complaint is not None:
        _log.warn(
            "The callback answered {stanza} from {sender} ({delivery}) with {status};"
            " {hint}",
            delivery=id,
            stanza=withArticle(stanza.name),
            sender=stanza.getAttribute("from"),
            status=said.status,
            hint=verdict.complaint.reason,
        )
    return verdict
