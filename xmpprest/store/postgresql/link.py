"""Keeps one connection to a database: opens it, and connects again when it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...concurrency.timers import cancel
from ...core.errors import REPORT_BUG
from ...core.records import StoreUnusable
from .connection import Connection, Reactor, Results, Statement
from .errors import ConnectionFailed, ServerError, describe
from .opening import Opener
from .trouble import Trouble

_log = Logger()

#: Seconds that it may take to open the database over a new connection.
OPEN_TIMEOUT = 30.0
#: Seconds until the next attempts to connect.
BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Link:
    """
    A connection that is made again when it is lost.

    @ivar opener: Prepares the database after each connection.
    @ivar isReady: Whether the database is open.
    @ivar trouble: Why it does not work, if it does not.
    @ivar onReady: Called when the database is open.
    @ivar onDown: Called when it could not be opened, or the connection is lost, with
        the reason, and whether the reason will last until an operator acts. The link
        stays down until L{retry} is called.
    """

    def __init__(
        self,
        place: str,
        nextConninfo: Callable[[], Awaitable[bytes]],
        opener: Opener,
        prepare: Callable[[Connection], Awaitable[None]],
        reactor: Reactor,
    ) -> None:
        """
        @param place: The beginning of sentences about the database.
        @param nextConninfo: Returns what to connect to next.
        @param prepare: Called with each connection once the database is open.
        """
        self.opener = opener
        self.isReady = False
        self.trouble = Trouble(place, reactor.seconds)
        self.onReady: Callable[[], object] = lambda: None
        self.onDown: Callable[[str, bool], object] = lambda reason, isLasting: None
        self._place = place
        self._nextConninfo = nextConninfo
        self._prepare = prepare
        self._reactor = reactor
        self._connection: Connection | None = None
        self._isClosed = True
        self._attempts = 0
        self._retry: IDelayedCall | None = None

    def connect(self) -> None:
        """Connect for the first time."""
        self._isClosed = False
        self._attempts = 0
        self._connect()

    def retry(self) -> None:
        """Connect again after a while, which grows with each failure."""
        delay = BACKOFF[min(self._attempts, len(BACKOFF) - 1)]
        self._attempts += 1
        self._retry = self._reactor.callLater(delay, self._connect)

    def run(self, statements: Sequence[Statement]) -> Deferred[Results]:
        """Run a transaction (L{Connection.run}) while the database is open."""
        assert self._connection is not None
        return self._connection.run(statements)

    def interrupt(self, reason: str) -> None:
        """Close the connection, so that a transaction that runs fails."""
        if self._connection is not None:
            self._connection.close(reason)

    def drop(self, reason: str) -> None:
        """Give the connection up."""
        self._disconnect()
        self.trouble.begin(reason)
        self.onDown(reason, False)

    def close(self) -> None:
        """Close the connection, and do not connect again."""
        self._isClosed = True
        cancel(self._retry)
        self._disconnect()
        self.opener.epoch = 0

    def _disconnect(self) -> None:
        self.isReady = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> None:
        opening = Deferred.fromCoroutine(self._open())
        opening.addCallbacks(self._opened, self._failed)
        opening.addErrback(_crashed)

    async def _open(self) -> Connection:
        """Connect, and open the database."""
        conninfo = await self._nextConninfo()
        connection = self._connection = Connection(conninfo, self._reactor)
        timer = self._reactor.callLater(
            OPEN_TIMEOUT, connection.close, f"no answer within {OPEN_TIMEOUT:g} s"
        )
        try:
            await connection.connect()
            await self.opener.open(connection)
            await self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        finally:
            cancel(timer)
        return connection

    def _opened(self, connection: Connection) -> None:
        if self._isClosed:
            connection.close()
            return
        connection.onLost = lambda reason: self.drop(str(reason))
        self._attempts = 0
        self.isReady = True
        self.trouble.end()
        self.onReady()

    def _failed(self, failure: Failure) -> None:
        if self._isClosed:
            return
        error = failure.value
        isLasting = isinstance(error, StoreUnusable)
        if isinstance(error, StoreUnusable):
            reason = str(error)
        elif isinstance(error, ConnectionFailed):
            reason = str(error)
            isLasting = error.isRefusal
            if isLasting:
                reason = (
                    f"{self._place} refuses the connection: {reason}. Check the role,"
                    " its password and the name of the database."
                )
        elif isinstance(error, ServerError):
            reason = describe(error) or str(error)
        else:
            reason = "the gateway has a bug"
            _crashed(failure)
        self._disconnect()
        self.trouble.begin(reason.rstrip("."))
        self.onDown(reason, isLasting)


def _crashed(failure: Failure) -> None:
    _log.failure("Opening the store crashed. " + REPORT_BUG, failure=failure)
