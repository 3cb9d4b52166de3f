"""Whether the gateway can do what it is for, for whoever watches it: C{/readyz}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ...concurrency.single_flight import SingleFlight
from ...core.errors import Refusal
from ...core.media.values import Value
from ...core.records import StoreUnavailable
from ..response import Response, jsonResponse
from .resource import GetResource

_log = Logger()

#: Seconds for which the result of a check is reused.
CACHE_SECONDS = 1.0
#: Seconds that a check may take; a slower one has failed until it ends.
TIMEOUT = 5.0
#: Seconds for which a barrier shows that the server takes what is written.
BARRIER_MAX_AGE = 5.0
_NO_STREAM = "there is no connection to the XMPP server"


class StreamStatus(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""


class StoreStatus(Protocol):
    """What keeps things."""

    def check(self) -> Deferred[None]:
        """Fail with L{StoreUnavailable} if nothing can be kept."""


class BarrierStatus(Protocol):
    """What tells whether the server has taken a message."""

    @property
    def method(self) -> str:
        """How: C{loopback}, C{ping} or C{none}."""

    @property
    def lastSuccessAt(self) -> float | None:
        """When it came back last, on this stream, by the clock."""

    async def wait(self) -> bool:
        """
        Wait until the server has taken all that was written before; C{False}, it
        cannot be found out. Raises L{Refusal}.
        """


class ReadinessResource(GetResource):
    """
    Tells whether the gateway is ready, and which part is not; to anybody.

    All of it is found out when somebody asks, and not before: whoever does, at three
    in the morning, gets the state of things now. Under load a barrier comes back
    all the time, and none is sent for this.
    """

    def __init__(
        self,
        stream: StreamStatus,
        store: StoreStatus,
        barrier: BarrierStatus | None,
        clock: IReactorTime,
    ) -> None:
        """
        @param barrier: C{None} where nobody asks what the server has taken.
        """
        super().__init__()
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
        """Say which part is ready."""
        # Side by side, each within its time.
        trying, crossing = self._storeCheck.get(), self._barrierFault()
        store, barrier = _part(await trying), self._barrierPart(await crossing)
        stream = _part(None if self._stream.ready else _NO_STREAM)
        isReady = all(part["ready"] for part in (stream, store, barrier) if part)
        return jsonResponse(
            200 if isReady else 503,
            {"ready": isReady, "stream": stream, "store": store, "barrier": barrier},
        )

    def _barrierFault(self) -> Deferred[str | None]:
        """Why the server cannot be known to take what is written."""
        if self._barrier is None or self._isFresh(self._barrier):
            return succeed(None)
        return self._barrierCheck.get() if self._stream.ready else succeed(_NO_STREAM)

    def _isFresh(self, barrier: BarrierStatus) -> bool:
        at = barrier.lastSuccessAt
        return at is not None and self._clock.seconds() - at < BARRIER_MAX_AGE

    def _barrierPart(self, fault: str | None) -> dict[str, Value] | None:
        if self._barrier is None:
            return None
        return {**_part(fault), "means": self._barrier.method}

    def _cross(self) -> Deferred[bool]:
        assert self._barrier is not None
        return Deferred.fromCoroutine(self._barrier.wait())


def _reasonOf(failure: Failure) -> str:
    """Return the reason of a failed check; log an unexpected one."""
    if failure.check(Refusal):
        return cast(Refusal, failure.value).problem.text
    if not failure.check(StoreUnavailable):
        _log.failure("Health check failed unexpectedly.", failure=failure)
        return "it failed; the log says how"
    return failure.getErrorMessage()


def _part(fault: str | None) -> dict[str, Value]:
    return {"ready": True} if fault is None else {"ready": False, "reason": fault}
