"""The readiness probe (C{/readyz})."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ...concurrency.single_flight import SingleFlight
from ...core.errors import REPORT_BUG, Refusal
from ...core.media.values import Value
from ...core.records import StoreUnavailable
from ..response import Response, jsonResponse
from ..standby import InstanceStatus
from .resource import GetResource

_log = Logger()

#: Seconds for which the result of a check is reused.
CACHE_SECONDS = 1.0
#: Seconds that a check may take; a slower one has failed until it ends.
TIMEOUT = 5.0
#: Maximum age in seconds of a barrier that proves that the server processes stanzas.
BARRIER_MAX_AGE = 5.0
_NO_STREAM = "there is no connection to the XMPP server"


class StreamStatus(Protocol):
    """
    The state of the stream to the XMPP server.
    """

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""

    @property
    def fault(self) -> str | None:
        """The reason why they cannot, with advice; C{None} if it is unknown."""


class StoreStatus(Protocol):
    """
    The part of the store that is checked.
    """

    def check(self) -> Deferred[None]:
        """Fail with L{StoreUnavailable} if nothing can be stored."""


class BarrierStatus(Protocol):
    """
    The state of the barrier, which tells whether the server processes stanzas.
    """

    @property
    def method(self) -> str:
        """The method in use: C{loopback}, C{ping} or C{none}."""

    @property
    def lastSuccessAt(self) -> float | None:
        """
        The time at which the last barrier on this stream returned; C{None} before.
        """

    def wait(self) -> Deferred[bool]:
        """
        Wait until the server has processed everything written before. Returns C{False}
        if this cannot be found out; raises L{Refusal}.
        """


class ReadinessResource(GetResource):
    """
    Reports whether the gateway is ready, and which part is not. It needs no
    credentials.

    The parts are checked when a request arrives, not in advance, so that the response
    describes the present. Under load barriers return all the time, and no further one
    is sent.
    """

    def __init__(
        self,
        stream: StreamStatus,
        store: StoreStatus,
        barrier: BarrierStatus | None,
        clock: IReactorTime,
        instance: InstanceStatus | None = None,
    ) -> None:
        """
        @param barrier: C{None} without a store, where no barriers are sent.
        @param instance: The role of this instance; C{None} if there can be no others.
        """
        super().__init__()
        self._instance = instance
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._storeCheck = self._singleFlight(store.check)
        self._barrierCheck = self._singleFlight(self._cross)

    def _singleFlight(
        self,
        check: Callable[[], Deferred[Any]],  # any result means success
    ) -> SingleFlight[str | None]:
        return SingleFlight(
            lambda: check().addCallbacks(lambda _: None, _reasonOf),
            self._clock,
            timeout=TIMEOUT,
            fallback=f"it has not answered within {TIMEOUT:g} s",
            maxAge=CACHE_SECONDS,
        )

    async def respond(self, request: Request) -> Response:
        """Check all parts."""
        # Both checks run concurrently, each with its timeout.
        trying, crossing = self._storeCheck.get(), self._barrierFault()
        store, barrier = _part(await trying), self._barrierPart(await crossing)
        stream = _part(self._streamFault())
        isReady = all(part["ready"] for part in (stream, store, barrier) if part)
        report: dict[str, Value] = {
            "stream": stream,
            "store": store,
            "barrier": barrier,
        }
        if self._instance is not None:
            isReady = isReady and self._instance.isActive
            report["instance"] = {**self._instance.report}
        return jsonResponse(200 if isReady else 503, {"ready": isReady, **report})

    def _barrierFault(self) -> Deferred[str | None]:
        """Check the barrier; return the reason of a failure."""
        if self._barrier is None or self._isFresh(self._barrier):
            return succeed(None)
        fault = self._streamFault()
        return self._barrierCheck.get() if fault is None else succeed(_NO_STREAM)

    def _streamFault(self) -> str | None:
        if self._stream.ready:
            return None
        if self._instance is not None and not self._instance.isActive:
            return f"{_NO_STREAM}: only the active instance has one"
        fault = self._stream.fault
        return _NO_STREAM if fault is None else f"{_NO_STREAM}: {fault}"

    def _isFresh(self, barrier: BarrierStatus) -> bool:
        at = barrier.lastSuccessAt
        return at is not None and self._clock.seconds() - at < BARRIER_MAX_AGE

    def _barrierPart(self, fault: str | None) -> dict[str, Value] | None:
        if self._barrier is None:
            return None
        return {**_part(fault), "means": self._barrier.method}

    def _cross(self) -> Deferred[bool]:
        assert self._barrier is not None
        return self._barrier.wait()


def _reasonOf(failure: Failure) -> str:
    """Return the reason of a failed check; log an unexpected one."""
    if failure.check(Refusal):
        return cast(Refusal, failure.value).problem.text
    if not failure.check(StoreUnavailable):
        _log.failure(
            "A health check crashed, and was reported as failed. " + REPORT_BUG,
            failure=failure,
        )
        return "it failed; the log says how"
    return failure.getErrorMessage()


def _part(fault: str | None) -> dict[str, Value]:
    return {"ready": True} if fault is None else {"ready": False, "reason": fault}
