"""Inspects a database without changing it, also while a gateway uses it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from ...core.cluster.role import STREAM
from ...core.records import StoreUnusable
from ...core.rooms.values import RoomRecord
from . import bot_queries, leases, room_queries
from .blocking import BlockingConnection
from .errors import ServerError, describe
from .facts import (
    facts,
    replicaWarning,
    settingsProblem,
    version,
    versionProblem,
)
from .operation import read


@dataclass(frozen=True, slots=True)
class Inspection:
    """
    The content of a database.

    @ivar place: Where it is, to begin sentences with.
    @ivar isStore: Whether it has the tables of a store.
    @ivar holder: The gateway that uses it; C{None} if there is none.
    @ivar warning: The end of a sentence about a drawback; C{None} if there is none.
    @ivar bots: The addresses of the bots.
    @ivar rooms: The memberships in rooms.
    @ivar time: The time of its clock, in seconds since 1970.
    """

    place: str
    isStore: bool
    holder: str | None
    warning: str | None
    bots: Sequence[str]
    rooms: Sequence[RoomRecord]
    time: float


def inspect(where: str, password: str | None, domain: str) -> Inspection:
    """
    Check whether a gateway would start with a database.

    @param where: A URL or keywords of libpq.
    @param domain: The component domain of the gateway.
    @raise StoreUnusable: It would not; the message says what to do.
    """
    connection = BlockingConnection(where, password)
    with closing(connection):
        try:
            return _inspect(connection, domain)
        except ServerError as error:
            words = describe(error) or str(error)
            raise StoreUnusable(
                f"{connection.place} cannot be read: {words}."
            ) from None


def _inspect(connection: BlockingConnection, domain: str) -> Inspection:
    place = connection.place
    found = connection.run(facts())
    problem = settingsProblem(found)
    if problem is None and found.isOurs:
        problem = versionProblem(connection.run(version()), domain)
    if problem is not None:
        raise StoreUnusable(f"{place} {problem}.")
    now = connection.run(
        read(
            b"SELECT extract(epoch FROM clock_timestamp())",
            [],
            [float],
            lambda rows: float(rows[0][0]),
        )
    )
    warning = replicaWarning(found)
    if not found.isOurs:
        return Inspection(place, False, None, warning, (), (), now)
    lease = connection.run(leases.holder(STREAM))
    return Inspection(
        place,
        True,
        None if lease is None else lease.holder,
        warning,
        [each.jid for each in connection.run(bot_queries.bots())],
        connection.run(room_queries.rooms()),
        now,
    )
