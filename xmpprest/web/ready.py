"""Whether the gateway can do what it is for, for whoever watches it: C{/readyz}."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ..core.errors import Problem
from ..core.records import StoreUnavailable
from ..core.values import Value
from .response import Response, jsonResponse, problemResponse, write

_log = Logger()

#: Seconds for which it is known whether the store can be used.
KNOWN = 1.0
_NO_STREAM = "there is no connection to the XMPP server"
#: Seconds that the store has to show it.
TIMEOUT = 5.0


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


class _Trial:
    """
    Tries the store, once a second at most, however many ask.
    """

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._isRunning = False
        self._knownUntil = float("-inf")
        self._fault: str | None = None
        self._waiters: list[Deferred[str | None]] = []

    def fault(self) -> Deferred[str | None]:
        """Find out why the store cannot be used; C{None}, it can."""
        if not self._isRunning and self._clock.seconds() < self._knownUntil:
            return succeed(self._fault)
        waiter: Deferred[str | None] = Deferred(self._waiters.remove)
        waiter.addTimeout(
            TIMEOUT, self._clock, lambda *_: f"it has not answered within {TIMEOUT:g} s"
        )
        self._waiters.append(waiter)
        if not self._isRunning:
            # One at a time, even if it takes long.
            self._isRunning = True
            self._store.check().addBoth(self._tried)
        return waiter

    def _tried(self, result: Failure | None) -> None:
        self._isRunning = False
        self._knownUntil = self._clock.seconds() + KNOWN
        self._fault = None if result is None else _fault(result)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(self._fault)


def _fault(reason: Failure) -> str:
    if not reason.check(StoreUnavailable):
        _log.failure("The store could not be tried.", failure=reason)
        return "it failed; the log says how"
    return reason.getErrorMessage()


class ReadyResource(Resource):
    """
    Tells whether the gateway is ready, and which part is not; to anybody. To be mounted
    at any path.
    """

    isLeaf = True

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
        self._trial = _Trial(store, clock)
        self._barrier = barrier

    def render(self, request: Request) -> int:
        """Answer C{GET} and C{HEAD}."""
        refused = _refused(request)
        if refused is not None:
            write(problemResponse(refused, request), request)
            return NOT_DONE_YET
        trying = self._trial.fault()
        if not trying.called:
            request.notifyFinish().addErrback(lambda _: trying.cancel())
        trying.addCallback(lambda fault: write(self._answer(fault), request))
        # The client has gone away.
        trying.addErrback(lambda reason: reason.trap(CancelledError))
        return NOT_DONE_YET

    def _answer(self, storeFault: str | None) -> Response:
        streamFault = None if self._stream.ready else _NO_STREAM
        ready = streamFault is None and storeFault is None
        return jsonResponse(
            200 if ready else 503,
            {
                "ready": ready,
                "stream": _part(streamFault),
                "store": _part(storeFault),
                "barrier": self._barrier.means if self._barrier else None,
            },
        )


def _part(fault: str | None) -> dict[str, Value]:
    return {"ready": True} if fault is None else {"ready": False, "reason": fault}


def _refused(request: Request) -> Problem | None:
    """Why a request is none for here."""
    if any(request.postpath or ()):
        text = "There is nothing below this path."
        return Problem(404, "cancel", "unsupported-feature", text)
    if request.method not in (b"GET", b"HEAD"):
        text = "The method is not allowed here; use GET."
        allow = (("Allow", "GET, HEAD"),)
        return Problem(405, "cancel", "unsupported-feature", text, allow)
    return None
