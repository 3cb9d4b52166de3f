"""Copies a store to another one, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.records import StoreUnusable
from .tables import TABLES, End


def transfer(source: End, target: End, name: str) -> Sequence[tuple[str, int]]:
    """
    Copy all records of a store to an empty one.

    @param name: The location of the target, for messages.
    @return: The nouns of the records, and how many were copied.
    @raise StoreUnusable: The target is not empty.
    """
    if not target.isEmpty():
        raise StoreUnusable(
            f"{name} has records already, and would have those of two stores: give an"
            " empty store."
        )
    copied = []
    for table in TABLES:
        source.read(table, lambda rows, table=table: target.write(table, rows))  # type: ignore[misc]  # the loop's variable
        count = target.count(table)
        assert count == source.count(table), table.sqlite
        copied.append((table.noun, count))
    target.commit(source.sequences())
    return copied
