"""SQL of memberships in rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from sqlite3 import Connection

from ...core.rooms.values import RoomRecord, SeenMessage
from .coalesce import execute

_NAMES = [each.name for each in fields(RoomRecord)]
#: Quoted, since "create" is a word of SQL.
_COLUMNS = [f'"{name}"' for name in _NAMES]
_FLAGS = {"create", "isRemoved"}


def rooms(connection: Connection) -> Sequence[RoomRecord]:
    """Implement L{RoomStore.rooms}."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM room ORDER BY rowid")
    return [_record(row) for row in rows]


def _record(row: Sequence[object]) -> RoomRecord:
    values = {
        name: bool(value) if name in _FLAGS else value
        for name, value in zip(_NAMES, row, strict=True)
    }
    return RoomRecord(**values)  # type: ignore[arg-type]  # as the table declares


def save(connection: Connection, record: RoomRecord) -> None:
    """Implement L{RoomStore.saveRoom}."""
    places = ", ".join("?" * len(_NAMES))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    connection.execute(
        f"INSERT INTO room ({', '.join(_COLUMNS)}) VALUES ({places})"
        f" ON CONFLICT (room, sender) DO UPDATE SET {changes}",
        astuple(record),
    )


def delete(connection: Connection, room: str, sender: str) -> None:
    """Implement L{RoomStore.deleteRoom}."""
    for table in ("room", "roomSeen"):
        connection.execute(
            f"DELETE FROM {table} WHERE room = ? AND sender = ?", (room, sender)
        )


def addSeen(connection: Connection, messages: Sequence[SeenMessage]) -> Sequence[None]:
    """Implement L{RoomStore.addSeen} for several messages."""
    for _ in execute(connection, "INSERT OR REPLACE INTO roomSeen VALUES %s", messages):
        pass
    return [None] * len(messages)


def seen(connection: Connection, room: str, sender: str) -> Sequence[SeenMessage]:
    """Implement L{RoomStore.seenMessages}."""
    rows = connection.execute(
        "SELECT room, sender, number, key, at FROM roomSeen"
        " WHERE room = ? AND sender = ? ORDER BY number",
        (room, sender),
    )
    return [SeenMessage(*row) for row in rows]


def trimSeen(connection: Connection, room: str, sender: str, before: int) -> None:
    """Implement L{RoomStore.trimSeen}."""
    connection.execute(
        "DELETE FROM roomSeen WHERE room = ? AND sender = ? AND number < ?",
        (room, sender, before),
    )
