"""The tables of a store, with their columns in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

#: The values of a row, as SQLite has them: a truth value is 0 or 1.
Row: TypeAlias = tuple[Any, ...]

TEXT, INTEGER, REAL, BYTES, BOOLEAN = "text", "bigint", "float8", "bytea", "boolean"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column.

    @ivar kind: The type in PostgreSQL.
    """

    sqlite: str
    postgresql: str
    kind: str = TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """
    A table.

    @ivar noun: The rows, for people.
    @ivar order: The column that has the order of the rows: in SQLite, and in
        PostgreSQL.
    """

    sqlite: str
    postgresql: str
    noun: str
    order: tuple[str, str]
    columns: Sequence[Column]


def _columns(*written: str) -> Sequence[Column]:
    """Return columns that are written as C{name}, or as C{name/other name type}."""
    found = []
    for each in written:
        names, _, kind = each.partition(" ")
        sqlite, _, postgresql = names.partition("/")
        found.append(Column(sqlite, postgresql or sqlite, kind or TEXT))
    return found


#: The tables in the order in which they are copied.
TABLES: Sequence[Table] = (
    Table(
        "outgoing",
        "outgoing",
        "messages",
        ("number", "number"),
        _columns(
            *("number bigint", "id", "recipient", "stanza", "state"),
            *("acceptedAt/accepted_at float8", "changedAt/changed_at float8", "error"),
            *("sender", "key", "token", "size bigint", "stanzaID/stanza_id"),
        ),
    ),
    Table(
        "incoming",
        "incoming",
        "stanzas",
        ("number", "number"),
        _columns(
            *("number bigint", "webhookID/webhook_id", "conversation", "stanza"),
            *("state", "receivedAt/received_at float8", "attempts bigint"),
            *("dueAt/due_at float8", "changedAt/changed_at float8", "tries"),
            "position bigint",
        ),
    ),
    Table(
        "answered",
        "answered",
        "idempotency keys",
        ("key", "key"),
        _columns("key", "fingerprint bytea", "answer bytea", "at float8"),
    ),
    Table(
        "bot", "bot", "bots", ("jid", "jid"), _columns("jid", "profile", "avatar bytea")
    ),
    Table(
        "contact",
        "contact",
        "contacts",
        ("bot, jid", "bot, jid"),
        _columns(
            *("bot", "jid", "subscription", "pending"),
            *("isApproved/is_approved boolean", "name"),
        ),
    ),
    Table(
        "room",
        "room",
        "memberships",
        ("rowid", "place"),
        _columns(
            *("room", "sender", "occupant", "nick", "password", "history"),
            *("create/creates boolean", "isRemoved/is_removed boolean"),
            *("since float8", "condition", "reason", "actor"),
            *("joinedAt/joined_at float8", "subject", "invitedBy/invited_by"),
        ),
    ),
    Table(
        "roomSeen",
        "room_seen",
        "seen messages",
        ("room, sender, number", "room, sender, number"),
        _columns("room", "sender", "number bigint", "key", "at float8"),
    ),
)


@dataclass(frozen=True, slots=True)
class Sequences:
    """
    Numbers that belong to no row.

    @ivar identity: The random number that identifies the store to clients.
    @ivar outgoing: The highest number of a message so far; 0 for none.
    @ivar incoming: The highest number or position of a stanza so far; 0 for none.
    """

    identity: int
    outgoing: int
    incoming: int


class End(Protocol):
    """A store that is copied from or to, in one transaction; no gateway uses it."""

    def isEmpty(self) -> bool:
        """Return whether it has no rows."""

    def sequences(self) -> Sequences:
        """Read the numbers that belong to no row."""

    def read(self, table: Table, take: Callable[[Sequence[Row]], object]) -> None:
        """Read all rows of a table, some at a time, in their order."""

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table."""

    def count(self, table: Table) -> int:
        """Count the rows of a table."""

    def commit(self, sequences: Sequences) -> None:
        """Write the numbers that belong to no row, and commit."""

    def close(self) -> None:
        """Close the store; what is not committed is lost."""
