"""Calls a callback: posts a stanza, measures and logs the attempt."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple, Protocol

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.codec.events import ComplaintEvent
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    interpretResponse,
)
from ..core.policy.health import FailureLogThrottle
from ..core.stanza.build import withArticle
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.errors import DeliveryError
from .health_monitor import HealthMonitor, displayName

_log = Logger()


class Webhook(Protocol):
    """Posts stanzas to a callback."""

    async def post(
        self, stanza: Element, id: str, *, isReflection: bool = False
    ) -> CallbackResponse:
        """
        Post a stanza.

        @param id: Its id in requests to the callback, the same in each attempt.
        @param isReflection: Whether it is marked as a reflection.
        @return: The callback's response.
        @raise DeliveryError: The callback gave no valid response.
        """


def _ignore(complaint: ComplaintEvent) -> None:
    """Tell no one of a fault in a response."""


#: Results of an attempt: the class of the response's status, or no response.
RESULTS = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
OTHER, NO_ANSWER = "other", "none"


class _Attempt(NamedTuple):
    """An attempt to deliver a stanza, as the log names it."""

    kind: str
    sender: str | None
    id: str
    began: float


class WebhookCaller:
    """
    Calls a callback.

    @ivar callback: May be replaced; requests under way stay with the old one.
    @ivar isLogged: Whether each attempt has a line in the log; may be replaced.
    @ivar attemptLatencies: Seconds that each attempt took, by its result.
    """

    def __init__(
        self,
        callback: Webhook,
        now: Callable[[], float],
        monitor: HealthMonitor | None,
        name: str = DEFAULT,
        *,
        isLogged: bool = False,
        onComplaint: Callable[[ComplaintEvent], None] = _ignore,
    ) -> None:
        """
        @param now: Returns the time, in seconds.
        @param monitor: Learns of each response and of each failure.
        @param name: Name of the callback.
        @param onComplaint: Is told of faults in responses.
        """
        self._onComplaint = onComplaint
        self.callback = callback
        self.isLogged = isLogged
        self._name = name
        self._title = displayName(name)
        self._now = now
        self._monitor = monitor
        self._failures = FailureLogThrottle()
        self.attemptLatencies = {
            result: Histogram(LATENCY_BUCKETS)
            for result in (*RESULTS.values(), OTHER, NO_ANSWER)
        }

    async def call(
        self, stanza: Element, id: str, *, isReflection: bool = False
    ) -> CallbackResponse:
        """
        Post a stanza.

        @param id: Its id in requests to the callback.
        @param isReflection: Whether it is marked as a reflection.
        @raise DeliveryError: The callback gave no valid response.
        """
        attempt = _Attempt(stanza.name, stanza.getAttribute("from"), id, perf_counter())
        if isReflection:
            posting = self.callback.post(stanza, id, isReflection=True)
        else:
            posting = self.callback.post(stanza, id)
        # A large tree must not stay in memory as long as the request takes.
        del stanza
        try:
            response = await posting
        except DeliveryError as reason:
            self._ended(attempt, NO_ANSWER, f"no response, {reason}")
            if self._failures.failed(str(reason), self._now()):
                _log.error(
                    "{callback} does not respond: {reason}.",
                    callback=self._title,
                    reason=reason,
                )
            if self._monitor is not None:
                self._monitor.failed()
            raise
        status = response.status
        result = RESULTS.get(status // 100, OTHER)
        self._ended(attempt, result, str(status))
        if self._failures.answered():
            _log.info("{callback} responds again.", callback=self._title)
        if self._monitor is not None:
            self._monitor.responded(status)
        return response

    def interpret(
        self,
        stanza: Element,
        id: str,
        response: CallbackResponse,
        newID: Callable[[], str],
    ) -> ReplyPlan:
        """
        Return what follows from a response, and log what is wrong with it.

        @param id: The stanza's id in requests to the callback.
        @param newID: Makes ids for replies without one.
        """
        plan = interpretResponse(stanza, response, newID)
        if plan.complaint is not None:
            sender, reason = stanza.getAttribute("from"), plan.complaint.reason
            _log.warn(
                "{callback} responded to {stanza} from {sender} ({delivery}) with"
                " {status}; {hint}",
                callback=self._title,
                delivery=id,
                stanza=withArticle(stanza.name),
                sender=sender,
                status=response.status,
                hint=reason,
                key=plan.complaint.key,
            )
            event = ComplaintEvent(
                self._name,
                id,
                stanza.name,
                sender or "",
                response.status,
                reason,
                plan.complaint.key,
            )
            self._onComplaint(event)
        return plan

    def _ended(self, attempt: _Attempt, result: str, outcome: str) -> None:
        seconds = perf_counter() - attempt.began
        self.attemptLatencies[result].observe(seconds)
        if self.isLogged:
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
