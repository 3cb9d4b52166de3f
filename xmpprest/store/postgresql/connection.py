"""
A connection to PostgreSQL: libpq in pipeline mode, its socket watched by the reactor.

A batch of statements is sent at once and is one transaction: PostgreSQL commits it when
it meets the synchronisation point behind them. No statement is prepared by name and no
setting of the session is changed, so that a batch can run on any session of a pooler.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from psycopg import OperationalError
from psycopg.pq import (
    ConnStatus,
    DiagnosticField,
    ExecStatus,
    PGconn,
    PollingStatus,
    abc,
)
from psycopg.pq.abc import PGresult
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from .errors import ConnectionFailed, ServerError, connectionFailed

#: Seconds that a connection may take to be made.
CONNECT_TIMEOUT = 10.0

Results: TypeAlias = Sequence[PGresult]


class Reactor(Protocol):
    """
    The part of the reactor that the store uses
    (L{IReactorFDSet<twisted.internet.interfaces>} and
    L{IReactorTime<twisted.internet.interfaces>}).

    @ivar running: Whether the reactor runs.
    """

    running: bool

    def addReader(self, reader: Any) -> object:
        """Watch a socket for data."""

    def addWriter(self, writer: Any) -> object:
        """Watch a socket for room to write."""

    def removeReader(self, reader: Any) -> object:
        """Stop watching a socket for data."""

    def removeWriter(self, writer: Any) -> object:
        """Stop watching a socket for room to write."""

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object
    ) -> IDelayedCall:
        """Call a function later."""

    def seconds(self) -> float:
        """Return the time from an arbitrary start."""


class Statement(NamedTuple):
    """
    A statement of SQL, and its parameters as text.
    """

    text: bytes
    values: Sequence[bytes | None] = ()


@implementer(IReadWriteDescriptor)
class Connection:
    """
    A connection, which runs one batch at a time.

    @ivar onLost: Called with the reason when the connection is lost while no batch
        runs.
    """

    def __init__(
        self,
        conninfo: bytes,
        reactor: Reactor,
        onLost: Callable[[ConnectionFailed], object] = lambda reason: None,
    ) -> None:
        """@param conninfo: The parameters of libpq."""
        self._conninfo = conninfo
        self._reactor = reactor
        self.onLost = onLost
        self._libpq: abc.PGconn | None = None
        #: Of the connection, or of the batch that runs.
        self._waiting: Deferred[Results] | None = None
        self._results: list[PGresult] = []
        self._timer: IDelayedCall | None = None
        self._isConnecting = False
        self._isWriting = False
        self._descriptor = -1

    def connect(self) -> Deferred[Results]:
        """
        Connect.

        @return: Fails with L{ConnectionFailed}.
        """
        waiting = self._waiting = Deferred()
        self._isConnecting = True
        try:
            self._libpq = PGconn.connect_start(self._conninfo)
        except OperationalError as error:
            self._lose(connectionFailed(str(error)))
            return waiting
        if self._libpq.status == ConnStatus.BAD:
            self._lose(connectionFailed(self._libpq.get_error_message()))
            return waiting
        self._timer = self._reactor.callLater(
            CONNECT_TIMEOUT,
            lambda: self._lose(
                ConnectionFailed(f"there was no answer within {CONNECT_TIMEOUT:g} s")
            ),
        )
        # libpq has its first packet to write.
        self._watch()
        self._reactor.addWriter(self)
        return waiting

    def run(self, statements: Sequence[Statement]) -> Deferred[Results]:
        """
        Run statements as one transaction, after the batch before has ended.

        @return: The result of each. Fails with L{ServerError} if one of them failed and
            nothing was changed, and with L{ConnectionFailed} if the connection was
            lost, and it is in doubt.
        """
        assert self._waiting is None, "a batch runs already"
        waiting = self._waiting = Deferred()
        libpq = self._libpq
        if libpq is None:
            self._lose(ConnectionFailed("the connection is closed"))
            return waiting
        self._results = []
        try:
            for text, values in statements:
                libpq.send_query_params(text, values)
            libpq.pipeline_sync()
        except OperationalError as error:
            self._lose(connectionFailed(str(error)))
            return waiting
        self._flush()
        return waiting

    def close(self, reason: str = "the connection was closed") -> None:
        """Close the connection; a batch that runs fails with L{ConnectionFailed}."""
        self.onLost = lambda reason: None
        self._lose(ConnectionFailed(reason))

    # --- for the reactor ---

    def fileno(self) -> int:
        """Return the descriptor that the reactor watches; -1 if there is none."""
        return self._descriptor

    def logPrefix(self) -> str:
        """Return the prefix of log lines."""
        return "postgresql"

    def doRead(self) -> None:
        """Read what has arrived."""
        if self._isConnecting:
            self._poll()
            return
        assert self._libpq is not None
        try:
            self._libpq.consume_input()
            if self._isWriting:
                self._flush()
            self._receive()
        except OperationalError as error:
            self._lose(connectionFailed(str(error)))

    def doWrite(self) -> None:
        """Write what did not fit before."""
        if self._isConnecting:
            self._poll()
        else:
            self._flush()

    def connectionLost(self, reason: Failure) -> None:
        """Close the connection because the reactor found its socket broken."""
        if self._libpq is not None:
            self.doRead()  # what the server has said before
        self._lose(ConnectionFailed("the connection was lost"))

    # --- the work ---

    def _poll(self) -> None:
        """Continue to connect; libpq may replace the socket."""
        libpq = self._libpq
        assert libpq is not None
        self._unwatch()
        try:
            status = libpq.connect_poll()
        except OperationalError as error:
            self._lose(connectionFailed(str(error)))
            return
        if status == PollingStatus.FAILED:
            self._lose(connectionFailed(libpq.get_error_message()))
            return
        self._watch()
        if status == PollingStatus.READING:
            self._reactor.addReader(self)
        elif status == PollingStatus.WRITING:
            self._reactor.addWriter(self)
        else:
            self._isConnecting = False
            self._stopTimer()
            libpq.nonblocking = 1
            libpq.enter_pipeline_mode()
            self._reactor.addReader(self)
            self._fire([])

    def _flush(self) -> None:
        """Write to the socket, and watch it if not all has fitted."""
        assert self._libpq is not None
        try:
            isLeft = bool(self._libpq.flush())
        except OperationalError as error:
            self._lose(connectionFailed(str(error)))
            return
        if isLeft != self._isWriting:
            self._isWriting = isLeft
            (self._reactor.addWriter if isLeft else self._reactor.removeWriter)(self)

    def _receive(self) -> None:
        """Take the results that are complete."""
        libpq = self._libpq
        hadNone = False
        while libpq is not None and not libpq.is_busy():
            result = libpq.get_result()
            if result is None:
                # One ends the results of each statement; a second one, all of them.
                if hadNone:
                    break
                hadNone = True
                continue
            hadNone = False
            if result.status == ExecStatus.PIPELINE_SYNC:
                self._finish()
                libpq = self._libpq
            else:
                self._results.append(result)
        if self._libpq is not None and self._libpq.status == ConnStatus.BAD:
            self._lose(connectionFailed(self._libpq.get_error_message()))

    def _finish(self) -> None:
        """Report the batch."""
        results, self._results = self._results, []
        for index, result in enumerate(results):
            if result.status == ExecStatus.FATAL_ERROR:
                code = result.error_field(DiagnosticField.SQLSTATE) or b""
                text = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
                self._fire(
                    Failure(
                        ServerError(
                            code.decode(), text.decode("utf-8", "replace"), index
                        )
                    )
                )
                return
        self._fire(results)

    def _fire(self, result: Results | Failure) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(result)

    def _watch(self) -> None:
        """
        Open a descriptor for the reactor: libpq closes its own when it likes, and a
        reactor cannot stop watching a closed one.
        """
        assert self._libpq is not None
        self._descriptor = os.dup(self._libpq.socket)

    def _unwatch(self) -> None:
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            os.close(self._descriptor)
            self._descriptor = -1

    def _stopTimer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _lose(self, error: ConnectionFailed) -> None:
        """Close the socket, and report the reason once."""
        self._stopTimer()
        wasOpen = self._libpq is not None
        if self._libpq is not None:
            self._unwatch()
            self._libpq.finish()
            self._libpq = None
        self._results = []
        if self._waiting is not None:
            self._fire(Failure(error))
        elif wasOpen:
            self.onLost(error)
