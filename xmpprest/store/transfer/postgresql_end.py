"""A store in PostgreSQL that is copied from or to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.records import StoreUnusable
from ..postgresql.blocking import BlockingConnection
from ..postgresql.errors import ServerError, describe
from ..postgresql.facts import facts, settingsProblem, version, versionProblem
from ..postgresql.migrations import EMPTY, MIGRATIONS
from ..postgresql.opening import migration
from ..postgresql.operation import Decoder, encodeRows, octets, rows, text
from .tables import BOOLEAN, BYTES, INTEGER, REAL, TABLES, TEXT, Row, Sequences, Table

#: Rows that are read at a time.
_CHUNK = 500
_DECODERS: dict[str, Decoder] = {
    TEXT: text,
    INTEGER: int,
    REAL: float,
    BYTES: octets,
    BOOLEAN: lambda value: int(value == b"t"),
}
#: Columns of the outbox that SQLite has not. The writer 0 is no instance.
_WRITER = "writer, n, "


class PostgreSQLEnd:
    """
    A store in a database, as an L{End<xmpprest.store.transfer.tables.End>}.
    """

    def __init__(self, where: str, password: str | None, isNew: bool) -> None:
        """
        Connect, and keep gateways away until the end.

        @param where: A URL or keywords of libpq.
        @param isNew: Whether the tables are created if there are none.
        @raise StoreUnusable: It cannot be used; the message says what to do.
        """
        self._connection = BlockingConnection(where, password)
        self._place = self._connection.place
        try:
            self._open(isNew)
        except ServerError as error:
            self.close()
            words = describe(error) or str(error)
            raise StoreUnusable(f"{self._place} cannot be used: {words}.") from None
        except BaseException:
            self.close()
            raise

    def _open(self, isNew: bool) -> None:
        found = self._connection.run(facts())
        problem = settingsProblem(found)
        if problem is None and not found.isOurs and not isNew:
            problem = "has no store: give the location of one"
        number = EMPTY
        if problem is None and found.isOurs:
            state = self._connection.run(version())
            number, problem = state.number, versionProblem(state, None)
        if problem is not None:
            raise StoreUnusable(f"{self._place} {problem}.")
        for each in range(number, len(MIGRATIONS)):
            for statement in migration(each):
                self._connection.perform(statement)
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        # A gateway that starts now waits.
        self._connection.execute("SET LOCAL lock_timeout = '1s'")
        self._connection.execute("LOCK TABLE instance, lease IN EXCLUSIVE MODE")
        for url, *_ in self._rows(
            "SELECT url FROM instance WHERE until > clock_timestamp()", [text]
        ):
            raise StoreUnusable(
                f"{self._place} is in use by a gateway ({url}): stop it; if it was"
                " killed, wait 5 seconds."
            )

    def isEmpty(self) -> bool:
        return not any(map(self.count, TABLES))

    def sequences(self) -> Sequences:
        last = "(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {})"
        ((identity, outgoing, incoming),) = self._rows(
            f"SELECT identity, {last.format('outgoing_number_seq')},"
            f" {last.format('incoming_place')} FROM xmpprest_schema",
            [int, int, int],
        )
        return Sequences(identity, outgoing, incoming)

    def read(self, table: Table, take: Callable[[Sequence[Row]], object]) -> None:
        names = ", ".join(
            f"encode({each.postgresql}, 'hex')"
            if each.kind == BYTES
            else each.postgresql
            for each in table.columns
        )
        self._connection.execute(
            f"DECLARE moved NO SCROLL CURSOR FOR SELECT {names}"
            f" FROM {table.postgresql} ORDER BY {table.order[1]}"
        )
        decoders = [_DECODERS[each.kind] for each in table.columns]
        while found := self._rows(f"FETCH {_CHUNK} FROM moved", decoders):
            take([tuple(row) for row in found])
        self._connection.execute("CLOSE moved")

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        keys = [f"c{number}" for number in range(len(table.columns))]
        names = ", ".join(each.postgresql for each in table.columns)
        types = ", ".join(
            f"{key} {TEXT if each.kind == BYTES else each.kind}"
            for key, each in zip(keys, table.columns, strict=True)
        )
        values = ", ".join(
            f"decode({key}, 'hex')" if each.kind == BYTES else key
            for key, each in zip(keys, table.columns, strict=True)
        )
        isOutbox = table.postgresql == "outgoing"
        self._connection.execute(
            f"INSERT INTO {table.postgresql} ({_WRITER if isOutbox else ''}{names})"
            f" SELECT {'0, c0, ' if isOutbox else ''}{values}"
            f" FROM json_to_recordset($1::json) AS given({types})",
            encodeRows(keys, [_forJSON(table, row) for row in rows]),
        )

    def count(self, table: Table) -> int:
        query = f"SELECT count(*) FROM {table.postgresql}"
        ((count,),) = self._rows(query, [int])
        return int(count)

    def commit(self, sequences: Sequences) -> None:
        for name, last in (
            ("outgoing_number_seq", sequences.outgoing),
            ("incoming_place", sequences.incoming),
        ):
            self._connection.execute(
                f"SELECT setval('{name}', greatest($1::bigint, 1), $1::bigint > 0)",
                last,
            )
        self._connection.execute(
            "UPDATE xmpprest_schema SET identity = $1::bigint", sequences.identity
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def _rows(self, query: str, decoders: Sequence[Decoder]) -> list[list[Any]]:
        return rows(self._connection.execute(query), decoders)


def _forJSON(table: Table, row: Row) -> Row:
    """Return a row without bytes and numbers in the place of truth values."""
    return tuple(
        value
        if value is None
        else value.hex()
        if column.kind == BYTES
        else bool(value)
        if column.kind == BOOLEAN
        else value
        for column, value in zip(table.columns, row, strict=True)
    )
