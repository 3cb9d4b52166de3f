"""SQL of memberships in rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from ...core.rooms.values import RoomRecord, SeenMessage
from .operation import Operation, bind, boolean, encodeRows, read, text, write

#: The columns in the order of the fields of a L{RoomRecord}.
_COLUMNS = (
    *("room", "sender", "occupant", "nick", "password", "history", "creates"),
    *("is_removed", "since", "condition", "reason", "actor", "joined_at", "subject"),
    "invited_by",
)
_DECODERS = (
    *(text, text, text, text, text, text, boolean),
    *(boolean, float, text, text, text, float, text),
    text,
)
_NAMES = ", ".join(_COLUMNS)


def rooms() -> Operation[Sequence[RoomRecord]]:
    """Implement L{RoomStore.rooms}."""
    return read(
        f"SELECT {_NAMES} FROM room ORDER BY place".encode(),
        [],
        _DECODERS,
        lambda found: [RoomRecord(*row) for row in found],
    )


def save(record: RoomRecord) -> Operation[None]:
    """Implement L{RoomStore.saveRoom}."""
    places = ", ".join(f"${number + 1}" for number in range(len(_COLUMNS)))
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    return write(
        (
            f"INSERT INTO room ({_NAMES}) VALUES ({places})"
            f" ON CONFLICT (room, sender) DO UPDATE SET {changes}"
        ).encode(),
        *astuple(record),
    )


def delete(room: str, sender: str) -> Operation[None]:
    """Implement L{RoomStore.deleteRoom}."""
    return Operation(
        [
            bind(
                b"DELETE FROM " + table + b" WHERE room = $1 AND sender = $2",
                room,
                sender,
            )
            for table in (b"room", b"room_seen")
        ],
        lambda results: None,
    )


def addSeen(messages: Sequence[SeenMessage]) -> Operation[Sequence[None]]:
    """Implement L{RoomStore.addSeen} for several messages."""
    # The last one of each place counts.
    last = {each[:3]: each for each in messages}.values()
    adding = bind(
        b"INSERT INTO room_seen (room, sender, number, key, at)"
        b" SELECT r, s, n, k, t FROM json_to_recordset($1::json)"
        b" AS given(r text, s text, n bigint, k text, t float8)"
        b" ON CONFLICT (room, sender, number)"
        b" DO UPDATE SET key = excluded.key, at = excluded.at",
        encodeRows("rsnkt", last),
    )
    return Operation([adding], lambda results: [None] * len(messages))


def seen(room: str, sender: str) -> Operation[Sequence[SeenMessage]]:
    """Implement L{RoomStore.seenMessages}."""
    return read(
        b"SELECT room, sender, number, key, at FROM room_seen"
        b" WHERE room = $1 AND sender = $2 ORDER BY number",
        [room, sender],
        [text, text, int, text, float],
        lambda found: [SeenMessage(*row) for row in found],
    )


def trimSeen(room: str, sender: str, before: int) -> Operation[None]:
    """Implement L{RoomStore.trimSeen}."""
    return write(
        b"DELETE FROM room_seen WHERE room = $1 AND sender = $2"
        b" AND number < $3::bigint",
        room,
        sender,
        before,
    )
