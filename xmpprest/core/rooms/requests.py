"""Parses requests about rooms: the address, and the body of a PUT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..codec.scalars import Schema, quoteShort, unknownKey, wrongType
from ..errors import forbidden, unprocessable
from ..media.values import Value
from ..policy.redelivery_request import parseTimestamp
from ..stanza import jid
from ..stanza.annotate import timestamp
from .values import MISSED, NONE, RESOURCE, RoomSettings

#: The longest nick in characters.
MAX_NICK = 255

_HISTORY_NUMBERS = ("maxstanzas", "maxchars", "seconds")
_HISTORY_KEYS = (*_HISTORY_NUMBERS, "since")

#: The schema of the body of C{PUT /rest/rooms/{room}}.
ROOM_REQUEST_SCHEMA: Schema = {
    "title": "membership in a room",
    "type": "object",
    "properties": {
        "nick": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_NICK,
            "description": "The nick; by default the local part of `from`, or else the"
            " gateway's name.",
        },
        "from": {
            "type": "string",
            "format": "xmpp-jid",
            "description": "The address of the bot; by default that of the token.",
        },
        "password": {"type": "string", "description": "The password of the room."},
        "history": {
            "description": "Messages from before a join: `missed`, those since the bot"
            " was in the room last; `none`; or for the first join a request of"
            " XEP-0045.",
            "anyOf": [
                {"type": "string", "enum": [MISSED, NONE]},
                {
                    "type": "object",
                    "properties": {
                        **{
                            key: {"type": "integer", "minimum": 0}
                            for key in _HISTORY_NUMBERS
                        },
                        "since": {"type": "string", "format": "date-time"},
                    },
                    "minProperties": 1,
                    "additionalProperties": False,
                },
            ],
        },
        "create": {
            "type": "boolean",
            "description": "Create an instant room if there is none.",
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class RoomRequest:
    """
    A request that a bot be in a room.

    @ivar sender: The address of the bot, in its normal form.
    @ivar invitedBy: The sender of the invitation that the request stands for; C{None}
        for the request of a client.
    """

    room: str
    sender: jid.JID
    settings: RoomSettings
    invitedBy: str | None = None

    @property
    def occupant(self) -> str:
        """The address from which the bot is in the room."""
        return occupantOf(self.sender)


def occupantOf(sender: jid.JID) -> str:
    """Return the address from which a bot is in its rooms."""
    return str(sender if sender.resource else sender._replace(resource=RESOURCE))


def parseRoom(text: str) -> str:
    """
    Parse the address of a room.

    @raise Refusal: 422, it is not the bare address of a room.
    """
    try:
        address = jid.parseJID(text)
    except ValueError as reason:
        raise unprocessable(
            "improper-addressing",
            f"The room {quoteShort(text)} is not an XMPP address: {reason}.",
        ) from None
    if not address.local or address.resource:
        raise unprocessable(
            "improper-addressing",
            f"{quoteShort(text)} is not the address of a room; write one like"
            " room@rooms.example.org, without a nick.",
        )
    return str(address)


def parseSender(text: str, domain: str) -> jid.JID:
    """
    Parse the address of a bot.

    @raise Refusal: 422, it is not an address; 403, it is at another domain.
    """
    try:
        address = jid.parseJID(text)
    except ValueError as reason:
        raise unprocessable(
            "invalid-from", f"The 'from' is not an XMPP address: {reason}.", "from"
        ) from None
    if address.domain != domain:
        raise forbidden(f"The 'from' must be at {domain}, the domain of this gateway.")
    return address


def parseSettings(value: Value) -> tuple[str | None, RoomSettings]:
    """
    Parse the body of a PUT.

    @return: The address of the bot, C{None} for the default, and the settings.
    @raise Refusal: 422, a key is unknown, or has a wrong value.
    """
    if not isinstance(value, dict):
        raise wrongType("", "an object", value)
    given = {key: inner for key, inner in value.items() if inner is not None}
    for key in given:
        if key not in _KEYS:
            raise unknownKey("", key, _KEYS)
    create = given.get("create")
    if create is not None and not isinstance(create, bool):
        raise wrongType("create", "true or false", create)
    settings = RoomSettings(
        _nick(given),
        _string(given, "password"),
        _history(given.get("history")),
        create,
    )
    return _string(given, "from"), settings


_KEYS = ("nick", "from", "password", "history", "create")


def _string(given: Mapping[str, Value], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise wrongType(key, "a string", value)
    return value


def _nick(given: Mapping[str, Value]) -> str | None:
    nick = _string(given, "nick")
    if nick is None:
        return None
    try:
        address = jid.parseJID(f"room@example.org/{nick}")
    except ValueError as reason:
        raise unprocessable(
            "bad-format", f"The 'nick' cannot be used: {reason}.", "nick"
        ) from None
    if len(nick) > MAX_NICK or nick != nick.strip():
        raise unprocessable(
            "bad-format",
            f"The 'nick' must have at most {MAX_NICK} characters, without spaces around"
            " it.",
            "nick",
        )
    return address.resource


def _history(value: Value) -> str | None:
    if value is None or value in (MISSED, NONE):
        return value if isinstance(value, str) else None
    if not isinstance(value, dict) or not value:
        raise wrongType("history", "'missed', 'none', or an object", value)
    parts = []
    for key, inner in value.items():
        if key not in _HISTORY_KEYS:
            raise unknownKey("history", key, _HISTORY_KEYS)
        parts.append(f"{key}={_limit(key, inner)}")
    return "&".join(parts)


def _limit(key: str, value: Value) -> str:
    """Return an attribute of XEP-0045 §7.2.13."""
    at = f"history.{key}"
    if key in _HISTORY_NUMBERS:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise wrongType(at, "a number that is not negative", value)
        return str(value)
    if not isinstance(value, str):
        raise wrongType(at, "a time as a string", value)
    try:
        return timestamp(parseTimestamp(value))
    except ValueError:
        raise unprocessable(
            "bad-format",
            f"The key {at!r} must be a time like 2026-01-01T00:00:00Z (RFC 3339).",
            at,
        ) from None
