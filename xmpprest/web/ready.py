"""Whether the gateway can do what it is for, for whoever watches it: C{/readyz}."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ..core.values import Value
from .look import LookResource
from .response import Response, jsonResponse
from .trial import Trial

#: Seconds for which a barrier shows that the server takes what is written.
FRESH = 5.0
_NO_STREAM = "there is no connection to the XMPP server"


class Stream(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""


class Store(Protocol):
    """What keeps things."""

    def check(self) -> Deferred[None]:
        """Fail with L{StoreUnavailable} if nothing can be kept."""


class Barrier(Protocol):
    """What tells whether the server has taken a message."""

    @property
    def means(self) -> str:
        """How: C{loopback}, C{ping} or C{none}."""

    @property
    def crossedAt(self) -> float | None:
        """When it came back last, on this stream, by the clock."""

    async def cross(self) -> bool:
        """
        Wait until the server has taken all that was written before; C{False}, it
        cannot be found out. Raises L{Refusal}.
        """


class ReadyResource(LookResource):
    """
    Tells whether the gateway is ready, and which part is not; to anybody.

    All of it is found out when somebody asks, and not before: whoever does, at three
    in the morning, gets the state of things now. Under load a barrier comes back
    all the time, and none is sent for this.
    """

    def __init__(
        self,
        stream: Stream,
        store: Store,
        barrier: Barrier | None,
        clock: IReactorTime,
    ) -> None:
        """
        @param barrier: C{None} where nobody asks what the server has taken.
        """
        super().__init__()
        self._stream = stream
        self._barrier = barrier
        self._clock = clock
        self._storeTrial = Trial(store.check, clock)
        self._barrierTrial = Trial(self._cross, clock)

    async def look(self, request: Request) -> Response:
        """Say which part is ready."""
        # Side by side, each within its time.
        trying, crossing = self._storeTrial.fault(), self._barrierFault()
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
        return self._barrierTrial.fault() if self._stream.ready else succeed(_NO_STREAM)

    def _isFresh(self, barrier: Barrier) -> bool:
        at = barrier.crossedAt
        return at is not None and self._clock.seconds() - at < FRESH

    def _barrierPart(self, fault: str | None) -> dict[str, Value] | None:
        if self._barrier is None:
            return None
        return {**_part(fault), "means": self._barrier.means}

    def _cross(self) -> Deferred[bool]:
        assert self._barrier is not None
        return Deferred.fromCoroutine(self._barrier.cross())


def _part(fault: str | None) -> dict[str, Value]:
    return {"ready": True} if fault is None else {"ready": False, "reason": fault}
