"""Operations that share a transaction, and the Deferreds of their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .connection import Results, Statement
from .operation import Operation, Queued, compose

Call: TypeAlias = tuple[Queued, Deferred[Any]]


class Batch:
    """
    Operations that run as one transaction.

    @ivar calls: The operations, with their Deferreds.
    @ivar attempts: How often it was run.
    @ivar startedAt: When it was sent, by the reactor's clock.
    @ivar guard: The last statement, which fails if the instance must not commit;
        C{None} for the leases themselves.
    """

    def __init__(self, calls: Sequence[Call], guard: Statement | None) -> None:
        """
        Compose the statements. They stay the same when the batch is repeated, so that
        it has no further effect.
        """
        self.calls = calls
        self.guard = guard
        self.attempts = 0
        self.startedAt = 0.0
        self._operations: list[tuple[Operation[Any], int | None]] = [
            *compose([queued for queued, _ in calls])
        ]
        self.statements: Sequence[Statement] = [
            statement
            for operation, _ in self._operations
            for statement in operation.statements
        ]

    def split(self) -> Sequence[Batch]:
        """
        Return a batch for each operation. Each is composed anew, so this may only be
        called once the batch was rolled back.
        """
        return [Batch([each], self.guard) for each in self.calls]

    def succeed(self, results: Results) -> None:
        """
        Fire the Deferreds.

        @param results: The results of the statements.
        """
        first, number = 0, 0
        for operation, count in self._operations:
            after = first + len(operation.statements)
            for result in _decode(operation, count, results[first:after]):
                self.calls[number][1].callback(result)
                number += 1
            first = after

    def fail(self, error: Exception) -> None:
        """Fail all Deferreds."""
        for _, deferred in self.calls:
            deferred.errback(Failure(error))


def _decode(
    operation: Operation[Any], count: int | None, results: Results
) -> Sequence[Any]:
    """Return the results of one or of several merged operations."""
    try:
        result = operation.decode(results)
    except Exception:
        return [Failure()] * (1 if count is None else count)
    return [result] if count is None else result
