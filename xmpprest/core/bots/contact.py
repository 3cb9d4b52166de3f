"""The contacts of a bot, and what is known of the devices they are logged in with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..codec.fields_presence import SHOWS
from ..codec.scalars import BOOLEAN, Schema, string, unknownKey
from ..errors import unprocessable
from ..media.values import Value
from ..stanza.annotate import timestamp
from .subscription import NO_SUBSCRIPTION, Subscription


@dataclass(frozen=True, slots=True)
class Contact:
    """
    A contact of a bot.

    @ivar jid: The bare address, in its normal form.
    @ivar subscription: The state of both directions.
    @ivar isApproved: Whether a client has approved the contact, perhaps before it asks
        (RFC 6121 §3.4).
    @ivar name: The name that a client has given the contact, or empty.
    """

    jid: str
    subscription: Subscription = NO_SUBSCRIPTION
    isApproved: bool = False
    name: str = ""

    @property
    def isStored(self) -> bool:
        """Whether there is anything to store; a contact without is forgotten."""
        return self.isApproved or self.subscription != NO_SUBSCRIPTION


class ContactRecord(NamedTuple):
    """A contact and the bare address of its bot, as the store has them."""

    bot: str
    contact: Contact


class Resource(NamedTuple):
    """
    A resource of a contact that is available (RFC 6121 §4.7.2).

    @ivar show: C{away}, C{chat}, C{dnd}, C{xa}, or empty.
    @ivar status: The text of the contact, or empty.
    @ivar since: The time of the presence, in seconds since 1970.
    """

    show: str
    status: str
    since: float


#: Resources of one contact that are remembered, and characters of their texts.
MAX_RESOURCES = 20
MAX_TEXT = 1023


#: The keys of a contact that a client may set, and the highest length of its name.
_NAME = string(maxLength=MAX_TEXT)
_KEYS = ("name", "subscribe")


class ContactRequest(NamedTuple):
    """
    The body of a request to approve a contact.

    @ivar name: The new name; C{None} to leave it.
    @ivar subscribes: Whether the bot also asks for the contact's presence.
    """

    name: str | None = None
    subscribes: bool = False


def parseContactRequest(body: Value) -> ContactRequest:
    """
    Parse the body of a request to approve a contact.

    @raise Refusal: 422 if it is malformed.
    """
    if not isinstance(body, dict):
        raise unprocessable(
            "bad-format", 'The body must be an object, such as {"subscribe": true}.'
        )
    for key in body:
        if key not in _KEYS:
            raise unknownKey("", key, _KEYS)
    name = None if body.get("name") is None else _NAME.toText(body["name"], "name")
    if name is not None and len(name) > MAX_TEXT:
        raise unprocessable(
            "bad-format", f"The 'name' is longer than {MAX_TEXT} characters.", "name"
        )
    subscribes = body.get("subscribe")
    if subscribes is not None:
        BOOLEAN.toText(subscribes, "subscribe")
    return ContactRequest(name, bool(subscribes))


_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT}
_JID: Schema = {"type": "string", "format": "xmpp-jid"}

#: The schema of a request to approve a contact.
CONTACT_REQUEST_SCHEMA: Schema = {
    "type": "object",
    "title": "approval of a contact",
    "properties": {
        "name": {
            "type": ["string", "null"],
            "maxLength": MAX_TEXT,
            "description": "A name for the contact; null or nothing leaves it.",
        },
        "subscribe": {
            "type": ["boolean", "null"],
            "description": "Whether the bot also asks for the contact's presence.",
        },
    },
    "additionalProperties": False,
}

#: The schema of a contact, as L{contactToJSON} returns it.
CONTACT_SCHEMA: Schema = {
    "type": "object",
    "title": "contact of a bot",
    "properties": {
        "jid": _JID,
        "name": _TEXT,
        "subscription": {
            "type": "string",
            "enum": ["none", "to", "from", "both"],
            "description": "`from`: the contact sees the bot; `to`: the bot sees the"
            " contact.",
        },
        "pending": {
            "type": "array",
            "items": {"type": "string", "enum": ["in", "out"]},
            "description": "`in`: the contact has asked to see the bot; `out`: the bot"
            " has asked to see the contact.",
        },
        "approved": {
            "type": "boolean",
            "description": "Whether a request of the contact needs no decision.",
        },
        "resources": {
            "type": "array",
            "description": "The devices with which the contact is online, if the bot"
            " sees it.",
            "items": {
                "type": "object",
                "properties": {
                    "resource": {"type": "string"},
                    "show": {"enum": [*SHOWS, None]},
                    "status": {"type": ["string", "null"]},
                    "since": {"type": "string", "format": "date-time"},
                },
                "required": ["resource", "show", "status", "since"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["jid", "subscription", "pending", "approved", "resources"],
    "additionalProperties": False,
}


def contactToJSON(
    contact: Contact, resources: Mapping[str, Resource]
) -> dict[str, Value]:
    """
    Return a contact in JSON.

    @param resources: The available resources by name.
    """
    value: dict[str, Value] = {"jid": contact.jid}
    if contact.name:
        value["name"] = contact.name
    value |= {
        "subscription": contact.subscription.name,
        "pending": [*contact.subscription.pending],
        "approved": contact.isApproved,
        "resources": [
            {
                "resource": name,
                "show": each.show or None,
                "status": each.status or None,
                "since": timestamp(each.since),
            }
            for name, each in resources.items()
        ],
    }
    return value
