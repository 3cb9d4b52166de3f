"""A store in SQLite that is copied from or to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence

from ...core.records import DEAD, DELIVERED, PENDING, StoreUnusable
from ..sqlite.database_file import DatabaseFile, DiskFull
from .tables import TABLES, Row, Sequences, Table

#: Rows that are read at a time.
_CHUNK = 500


class SQLiteEnd:
    """
    A store in a file, as an L{End<xmpprest.store.transfer.tables.End>}.
    """

    def __init__(self, path: str, isNew: bool) -> None:
        """
        Lock and open the file.

        @param isNew: Whether the file is created if there is none.
        @raise StoreUnusable: It cannot be used; the message says what to do.
        """
        if not isNew and not os.path.exists(path):
            raise StoreUnusable(f"There is no store {path}: give the path of the file.")
        self._file = DatabaseFile(path, lambda *args, **fields: None, sqlite3.connect)
        try:
            self._connection = self._file.open()
        except DiskFull:
            raise StoreUnusable(
                f"The store {path} cannot be opened: the disk is full."
            ) from None
        self._connection.execute("BEGIN IMMEDIATE")

    def isEmpty(self) -> bool:
        return not any(map(self.count, TABLES))

    def sequences(self) -> Sequences:
        found = dict(self._connection.execute("SELECT name, seq FROM sqlite_sequence"))
        ((identity,),) = self._connection.execute(
            "SELECT count FROM depth WHERE of = 'store'"
        )
        return Sequences(identity, found.get("outgoing", 0), found.get("incoming", 0))

    def read(self, table: Table, take: Callable[[Sequence[Row]], object]) -> None:
        names = ", ".join(f'"{each.sqlite}"' for each in table.columns)
        cursor = self._connection.execute(
            f"SELECT {names} FROM {table.sqlite} ORDER BY {table.order[0]}"
        )
        while rows := cursor.fetchmany(_CHUNK):
            take(rows)

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        names = ", ".join(f'"{each.sqlite}"' for each in table.columns)
        places = ", ".join("?" * len(table.columns))
        self._connection.executemany(
            f"INSERT INTO {table.sqlite} ({names}) VALUES ({places})", rows
        )

    def count(self, table: Table) -> int:
        ((count,),) = self._connection.execute(f"SELECT count(*) FROM {table.sqlite}")
        assert isinstance(count, int)
        return count

    def commit(self, sequences: Sequences) -> None:
        for name, last in (
            ("outgoing", sequences.outgoing),
            ("incoming", sequences.incoming),
        ):
            self._connection.execute(
                "DELETE FROM sqlite_sequence WHERE name = ?", (name,)
            )
            self._connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last)
            )
        self._setDepth("store", sequences.identity)
        states = dict(
            self._connection.execute("SELECT state, count(*) FROM incoming GROUP BY 1")
        )
        # New stanzas are counted by their sequence; see the migrations.
        self._setDepth(PENDING, states.get(PENDING, 0) - sequences.incoming)
        for state in (DELIVERED, DEAD):
            self._setDepth(state, states.get(state, 0))
        self._connection.execute("COMMIT")

    def _setDepth(self, of: str, count: int) -> None:
        self._connection.execute("UPDATE depth SET count = ? WHERE of = ?", (count, of))

    def close(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._connection.close()
        self._file.release()
