"""
Operations of the store: statements, and a function that reads their results.

Equal operations that follow one another are merged into few statements: each statement
costs PostgreSQL and the client as much as several rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from .connection import Results, Statement

_Argument = TypeVar("_Argument")
_T = TypeVar("_T")
Row: TypeAlias = list[Any]
#: Converts the text of a column.
Decoder: TypeAlias = Callable[[bytes], Any]

text: Decoder = bytes.decode
#: Converts a column that C{encode(…, 'hex')} has made.
octets: Decoder = lambda value: bytes.fromhex(value.decode())  # noqa: E731  # as the others
boolean: Decoder = b"t".__eq__


@dataclass(slots=True, eq=False)
class Operation(Generic[_T]):
    """
    Statements that run within a transaction, also a second time if it is in doubt
    whether the first was committed: the second time has no further effect, and the same
    result.

    @ivar decode: Returns the result from those of the statements; may raise an
        exception, which then is the result.
    """

    statements: Sequence[Statement]
    decode: Callable[[Results], _T]


@dataclass(slots=True, eq=False)
class Coalescable(Generic[_Argument, _T]):
    """
    An operation that is merged with the operations of its kind that follow it.

    @ivar function: Makes one operation for several arguments, whose result is the list
        of their results.
    """

    function: Callable[[Sequence[_Argument]], Operation[Sequence[_T]]]
    argument: _Argument


#: An operation as the queue has it. A function is called when its turn comes.
Queued: TypeAlias = Coalescable[Any, Any] | Callable[[], Operation[Any]]


def compose(queued: Sequence[Queued]) -> Iterator[tuple[Operation[Any], int | None]]:
    """
    Merge operations.

    @return: Each operation, and of how many its result is a list; C{None} for one that
        was not merged.
    """
    for function, alike in groupby(queued, _kind):
        if function is None:
            for each in alike:
                assert not isinstance(each, Coalescable)
                yield each(), None
        else:
            arguments = [*map(_argument, alike)]
            yield function(arguments), len(arguments)


def _kind(queued: Queued) -> Callable[..., Operation[Any]] | None:
    return queued.function if isinstance(queued, Coalescable) else None


_argument = attrgetter("argument")


def write(statement: bytes, *values: object) -> Operation[None]:
    """Return an operation of one statement without a result."""
    return Operation([bind(statement, *values)], lambda results: None)


def read(
    statement: bytes,
    values: Sequence[object],
    decoders: Sequence[Decoder],
    make: Callable[[list[Row]], _T],
) -> Operation[_T]:
    """
    Return an operation that reads rows.

    @param decoders: Convert the columns.
    @param make: Makes the result of the rows.
    """
    return Operation(
        [bind(statement, *values)], lambda results: make(rows(results[0], decoders))
    )


def bind(statement: bytes, *values: object) -> Statement:
    """Return a statement with its parameters."""
    return Statement(statement, [*map(_encode, values)])


def _encode(value: object) -> bytes | None:
    """Encode a parameter."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return repr(value).encode()  # a number or a truth value


def array(numbers: Iterable[int]) -> str:
    """Return numbers as an array of PostgreSQL."""
    return f"{{{','.join(map(str, numbers))}}}"


def encodeRows(names: Sequence[str], given: Iterable[Sequence[object]]) -> str:
    """
    Return rows as one parameter for C{json_to_recordset}, whose text is the same for
    any number of rows.

    @param names: The names of the columns.
    """
    return json.dumps(
        [dict(zip(names, row, strict=True)) for row in given],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def rows(result: Any, decoders: Sequence[Decoder]) -> list[Row]:
    """Return the rows of a result; SQL's NULL is C{None}."""
    get = result.get_value
    columns = [*enumerate(decoders)]
    return [
        [
            None if (value := get(number, column)) is None else decode(value)
            for column, decode in columns
        ]
        for number in range(result.ntuples)
    ]
