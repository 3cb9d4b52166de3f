"""
Coalesces equal operations into few statements. After each statement the writer thread
has to wait for the interpreter lock, which the reactor holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, groupby
from sqlite3 import Connection, Cursor
from typing import Any, Generic, TypeAlias, TypeVar

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

#: An operation within a transaction; called again if that is rolled back.
Operation: TypeAlias = Callable[[Connection], object]

#: Rows per statement: the first as long as possible, then its halves and quarters, then
#: any number up to the last. So few statements exist, and SQLite keeps them prepared.
MANY, FEW = 64, 16


@dataclass(slots=True, eq=False)
class Coalescable(Generic[_Argument, _Result]):
    """
    An operation that may run together with others of its kind. It may also run before
    or after others of this class that are called with it: they change other rows.

    @ivar function: Runs them together, and returns the result of each.
    """

    function: Callable[[Connection, Sequence[_Argument]], Sequence[_Result]]
    argument: _Argument

    def __call__(self, connection: Connection) -> _Result:
        """Run this operation without merging it with others."""
        (result,) = self.function(connection, [self.argument])
        return result


@dataclass(slots=True, eq=False)
class Standalone(Generic[_Result]):
    """
    An operation that cannot run within a transaction with others, and makes its own.

    @ivar function: Runs it.
    """

    function: Callable[[Connection], _Result]

    def __call__(self, connection: Connection) -> _Result:
        """Run this operation."""
        return self.function(connection)


def runAll(connection: Connection, works: Sequence[Operation]) -> list[object]:
    """
    Run operations, and return the result of each. They run in their order, but of those
    that follow each other and may be merged, all of one kind run together.
    """
    results: list[object] = []
    for isMerged, run in groupby(works, _isCoalescable):
        if isMerged:
            results += _runMerged(connection, [*run])
        else:
            results += [work(connection) for work in run]
    return results


def _isCoalescable(work: Operation) -> bool:
    return type(work) is Coalescable


def _runMerged(connection: Connection, works: Sequence[Any]) -> list[object]:
    """
    Run operations of any kinds, those of each kind together.

    @param works: Each a L{Coalescable}.
    """
    kinds: dict[Callable[..., Sequence[object]], list[int]] = {}
    for place, work in enumerate(works):
        kinds.setdefault(work.function, []).append(place)
    results: list[object] = [None] * len(works)
    for function, places in kinds.items():
        found = function(connection, [works[place].argument for place in places])
        for place, result in zip(places, found, strict=True):
            results[place] = result
    return results


def execute(
    connection: Connection, statement: str, rows: Sequence[Sequence[object]]
) -> Iterator[tuple[Cursor, int]]:
    """
    Execute a statement for many rows, in parts.

    @param statement: SQL with C{%s} in the place of the rows, after C{VALUES}.
    @return: The cursor of each part, and its number of rows.
    """
    done, size = 0, MANY
    while left := len(rows) - done:
        while size > max(left, FEW):
            size //= 2
        part = rows[done : done + size]
        text = _forMany(statement, len(part[0]), len(part))
        yield connection.execute(text, [*chain.from_iterable(part)]), len(part)
        done += len(part)


@cache
def _forMany(statement: str, width: int, count: int) -> str:
    row = f"({', '.join('?' * width)})"
    return statement % ", ".join([row] * count)


def insert(
    connection: Connection, statement: str, rows: Sequence[Sequence[object]]
) -> list[int]:
    """Insert many rows with L{execute}, and return their numbers."""
    numbers: list[int] = []
    for cursor, size in execute(connection, statement, rows):
        last = cursor.lastrowid
        assert last is not None
        numbers += range(last - size + 1, last + 1)
    return numbers
