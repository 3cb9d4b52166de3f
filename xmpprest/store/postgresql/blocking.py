"""
A connection that blocks, for commands: they run no gateway, so nothing waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from psycopg import OperationalError
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, PGconn

from ...core.records import StoreUnusable
from .connection import Statement
from .conninfo import Conninfos
from .errors import ServerError, connectionFailed
from .operation import Operation, bind

_T = TypeVar("_T")


class BlockingConnection:
    """
    A connection that blocks.

    @ivar place: Where the database is, to begin sentences with.
    """

    def __init__(self, where: str, password: str | None = None) -> None:
        """
        Connect.

        @param where: A URL or keywords of libpq.
        @raise StoreUnusable: There is no connection; the message says what to do.
        """
        try:
            conninfos = Conninfos(where, password, None)
        except ValueError as error:
            words = f"The location of the database is wrong: {error}."
            raise StoreUnusable(words) from None
        self.place = conninfos.place
        self._libpq = PGconn.connect(conninfos.make())
        self._libpq.notice_handler = None
        if self._libpq.status != ConnStatus.OK:
            failure = connectionFailed(self._libpq.get_error_message())
            self._libpq.finish()
            advice = (
                "check the role, its password and the name of the database"
                if failure.isRefusal
                else "start it, or correct its address"
            )
            raise StoreUnusable(
                f"{self.place} cannot be reached ({failure}): {advice}."
            )

    def close(self) -> None:
        """Close the connection."""
        self._libpq.finish()

    def run(self, operation: Operation[_T]) -> _T:
        """
        Run the statements of an operation, each in a transaction of its own unless one
        has begun.

        @raise ServerError: One of them failed.
        @raise StoreUnusable: The connection was lost.
        """
        results = [
            self.perform(each, index) for index, each in enumerate(operation.statements)
        ]
        return operation.decode(results)

    def execute(self, statement: str, *values: object) -> Any:
        """Run a statement, and return its result."""
        return self.perform(bind(statement.encode(), *values))

    def perform(self, statement: Statement, index: int = 0) -> Any:
        """Run a statement with its parameters, and return its result."""
        values: Sequence[bytes | None] = statement.values
        try:
            result = self._libpq.exec_params(statement.text, values)
        except OperationalError as error:
            raise StoreUnusable(f"{self.place} does not answer: {error}.") from None
        if result.status == ExecStatus.FATAL_ERROR:
            code = result.error_field(DiagnosticField.SQLSTATE)
            text = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b""
            if code is None:
                raise StoreUnusable(
                    f"{self.place} does not answer: {result.get_error_message()}"
                )
            raise ServerError(code.decode(), text.decode("utf-8", "replace"), index)
        return result
