"""The JSON form of memberships, of their occupants, and of their events."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ..codec.scalars import Schema
from ..media import values as json
from ..media.values import Value
from ..stanza.annotate import timestamp
from ..stanza.build import META, element, make
from .membership import Membership
from .values import STATES, Occupant

#: The namespace of the content of an event; it never leaves the gateway.
ROOM_EVENT = "urn:xmpprest:room:0"


_TEXT: Schema = {"type": "string"}
_OPTIONAL: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}

#: The schema of L{roomToJSON}.
ROOM_SCHEMA: Schema = {
    "type": "object",
    "title": "room of a bot",
    "properties": {
        "room": {**_TEXT, "format": "xmpp-jid"},
        "from": {**_TEXT, "description": "The bare address of the bot."},
        "occupant": {
            **_TEXT,
            "format": "xmpp-jid",
            "description": "The full address from which the bot is in the room. As"
            " `from` of a PUT it keeps that address; the bare one stands for"
            " `/xmpprest`.",
        },
        "nick": _TEXT,
        "state": {
            **_TEXT,
            "enum": [*STATES],
            "description": "`joining`: on the way in; `joined`; `waiting`: tries again"
            " later; `removed`: out until the next PUT.",
        },
        "since": {
            **_TIME,
            "description": "The time since which the bot is in this"
            " state; for `joining` and `waiting`, since which it is not in the room.",
        },
        "condition": {
            **_OPTIONAL,
            "description": "Why the bot is not in the room: `banned`, `destroyed`,"
            " `dropped`, `full`, `kicked`, `members-only`, `nick`, `nick-in-use`,"
            " `no-answer`, `no-room`, `no-service`, `not-allowed`, `offline`,"
            " `password`, `refused`, `shutdown`, `technical`, `unavailable`.",
        },
        "reason": {**_OPTIONAL, "description": "The words of the room."},
        "actor": {**_OPTIONAL, "description": "The occupant who removed the bot."},
        "nextTryAt": {"type": ["string", "null"], "format": "date-time"},
        "affiliation": _OPTIONAL,
        "role": _OPTIONAL,
        "occupants": {"type": "integer", "minimum": 0},
        "subject": _OPTIONAL,
    },
    "required": ["room", "from", "occupant", "nick", "state", "since"],
    "additionalProperties": False,
}

#: The schema of L{occupantToJSON}.
OCCUPANT_SCHEMA: Schema = {
    "type": "object",
    "title": "occupant of a room",
    "properties": {
        "nick": _TEXT,
        "affiliation": _TEXT,
        "role": _TEXT,
        "jid": {**_TEXT, "description": "The real address, if the room shows it."},
        "occupant_id": {**_TEXT, "description": "By XEP-0421, if the room assigns it."},
        "show": _OPTIONAL,
        "status": _OPTIONAL,
    },
    "required": ["nick", "affiliation", "role"],
    "additionalProperties": False,
}


def roomToJSON(membership: Membership) -> dict[str, Value]:
    """Return a membership as C{GET /rest/rooms} shows it."""
    next = membership.nextTryAt
    return {
        **_identity(membership),
        "occupant": membership.record.occupant,
        "since": timestamp(membership.since),
        "nextTryAt": None if next is None else timestamp(next),
        "occupants": len(membership.occupants),
        "subject": membership.record.subject,
    }


def _identity(membership: Membership) -> dict[str, Value]:
    record, own = membership.record, membership.own
    return {
        "room": record.room,
        "from": record.sender,
        "nick": membership.nick,
        "state": membership.state,
        "condition": membership.condition,
        "reason": membership.reason,
        "actor": record.actor,
        "affiliation": None if own is None else own.affiliation,
        "role": None if own is None else own.role,
    }


def occupantToJSON(nick: str, occupant: Occupant) -> dict[str, Value]:
    """Return an occupant as C{GET /rest/rooms/{room}/occupants} shows it."""
    value: dict[str, Value] = {
        "nick": nick,
        "affiliation": occupant.affiliation,
        "role": occupant.role,
        "show": occupant.show,
        "status": occupant.status,
    }
    if occupant.jid is not None:
        value["jid"] = occupant.jid
    if occupant.occupantID is not None:
        value["occupant_id"] = occupant.occupantID
    return value


def roomEvent(membership: Membership, change: str) -> Element:
    """
    Make the event of a change, as a stanza for the inbox; see
    L{metaToJSON<xmpprest.core.codec.meta.metaToJSON>}.

    @param change: C{joined}, C{returned} or C{removed}.
    """
    value: Value = {"event": change, **_identity(membership)}
    record = membership.record
    return make(
        META,
        {"type": "room", "from": record.room, "to": record.occupant},
        [element(ROOM_EVENT, "json", None, [json.toJSON(value).decode()])],
    )
