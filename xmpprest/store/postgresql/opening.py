"""
Checks and prepares a database after each connection: its settings, its tables, and that
no other gateway uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import randbits
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..._version import __version__
from ...core.cluster.role import STREAM, TTL
from ...core.records import StoreUnusable
from . import leases
from .connection import Connection, Statement
from .errors import ServerError
from .facts import facts, replicaWarning, settingsProblem, version, versionProblem
from .migrations import EMPTY, LOCK_TIMEOUT, MIGRATIONS
from .operation import Operation, bind

_log = Logger()
_T = TypeVar("_T")

#: Errors of two gateways that create the same tables at the same time.
_TWICE = ("42P07", "23505", "42710", "22012", "55P03")


class Opener:
    """
    Prepares a database over a new connection.

    @ivar epoch: The epoch of this instance; 0 if it has none.
    @ivar url: Names this instance to others.
    @ivar isAlone: Whether no other instance may use the database.
    """

    def __init__(
        self,
        place: str,
        domain: str | None,
        url: str,
        clock: Any,  # IReactorTime
        *,
        isAlone: bool = True,
    ) -> None:
        """
        @param place: The beginning of sentences about the database.
        @param domain: The component domain of the gateway; C{None} for any.
        """
        self._place = place
        self._domain = domain
        self.url = url
        self._clock = clock
        self.isAlone = isAlone
        self._warned: str | None = None
        self.epoch = 0

    async def open(self, connection: Connection) -> None:
        """
        Check and migrate the database, and take it for this instance.

        @raise StoreUnusable: The database cannot be used; the message says what to do.
        @raise ServerError: It cannot be used at the moment.
        @raise ConnectionFailed: The connection was lost.
        """
        found = await run(connection, facts())
        self._refuse(settingsProblem(found))
        warning = replicaWarning(found)
        if warning is not None and warning != self._warned:
            _log.warn("{place} {problem}.", place=self._place, problem=warning)
        self._warned = warning
        await self._migrate(connection, found.isOurs)
        await self._claimDomain(connection)
        if self.isAlone:
            await self._takeOver(connection)

    def _refuse(self, problem: str | None) -> None:
        if problem is not None:
            raise StoreUnusable(f"{self._place} {problem}.")

    async def _migrate(self, connection: Connection, isOurs: bool) -> None:
        number = EMPTY
        if isOurs:
            found = await run(connection, version())
            self._refuse(versionProblem(found, self._domain))
            number = found.number
        for each in range(number, len(MIGRATIONS)):
            try:
                await connection.run(migration(each))
            except ServerError as error:
                if error.code not in _TWICE:
                    raise
                # Another instance migrates, or a backup holds a lock.
                raise ServerError("55P03", str(error), error.index) from None

    async def _claimDomain(self, connection: Connection) -> None:
        if self._domain is None:
            return
        claim = bind(
            b"UPDATE xmpprest_schema SET domain = $1 WHERE domain IS NULL",
            self._domain,
        )
        await connection.run([claim])
        found = await run(connection, version())
        self._refuse(versionProblem(found, self._domain))

    async def _takeOver(self, connection: Connection) -> None:
        """Take the lease of the only gateway; wait for that of a killed one to end."""
        if self.epoch:
            view = await run(connection, leases.beat(self.epoch, TTL))
            if view.hasInstance(self.epoch) and await self._take(connection):
                return
        seen = await run(connection, leases.holder(STREAM))
        if seen is not None:
            _log.info(
                "{place} was used by {holder} a moment ago. Waiting until its lease"
                " ends.",
                place=self._place,
                holder=seen.holder,
            )
            await deferLater(self._clock, min(seen.until, TTL) + 0.1)
            again = await run(connection, leases.holder(STREAM))
            if again is not None:
                self._refuse(_usedBy(again.holder))
        self.epoch = await run(connection, leases.register(self.url, __version__, TTL))
        if not await self._take(connection):
            await run(connection, leases.resign(self.epoch))
            self.epoch = 0
            self._refuse(_usedBy("another process"))

    async def _take(self, connection: Connection) -> bool:
        taking = leases.take([STREAM], self.epoch, TTL)
        won = await run(connection, taking)
        return bool(won)


def _usedBy(holder: str) -> str:
    return (
        f"is in use by another gateway ({holder}): stop that, or give this one a"
        " database of its own"
    )


def migration(number: int) -> Sequence[Statement]:
    """Return the statements that migrate from a version to the next."""
    if number == EMPTY:
        tell = bind(
            b"INSERT INTO xmpprest_schema (version, oldest, identity)"
            b" VALUES ($1::integer, 1, $2::bigint)",
            number + 1,
            randbits(62),
        )
        lock = []
    else:
        lock = [
            bind(
                # Fails if another instance was faster.
                b"SELECT 1 / (SELECT count(*) FROM (SELECT FROM xmpprest_schema"
                b" WHERE version = $1::integer FOR UPDATE) AS found)",
                number,
            )
        ]
        tell = bind(b"UPDATE xmpprest_schema SET version = $1::integer", number + 1)
    return [
        Statement(b"BEGIN"),
        Statement(LOCK_TIMEOUT),
        *lock,
        *(Statement(each.encode()) for each in MIGRATIONS[number]),
        tell,
        Statement(b"COMMIT"),
    ]


def run(connection: Connection, operation: Operation[_T]) -> Deferred[_T]:
    """Run an operation alone."""
    return connection.run(operation.statements).addCallback(operation.decode)
