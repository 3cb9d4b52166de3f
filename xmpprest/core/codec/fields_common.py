"""The fields of every kind of stanza, and shapes that several kinds use."""

from __future__ import annotations

from collections.abc import Mapping

from ..stanza import namespaces as ns
from .data_form import DATA_FORM
from .field import Field
from .payloads import ERROR, JSON_PAYLOAD, PAGE
from .scalars import DATETIME, JID, URI, integer
from .shapes import AttributeValue, ObjectShape, Text
from .slots import Attribute, Child, Children

#: The fields of every kind.
COMMON: Mapping[str, Field] = {
    "error": Field("RFC 6120 §8.3", Child("error", ERROR)),
    "delay": Field(
        "XEP-0203: Delayed Delivery",
        Child("delay", AttributeValue("stamp", DATETIME), "urn:xmpp:delay"),
    ),
    "nick": Field(
        "XEP-0172: User Nickname",
        Child("nick", Text(), "http://jabber.org/protocol/nick"),
    ),
    "payload": Field(
        "XEP-0432: Simple JSON Messaging",
        Child("payload", JSON_PAYLOAD, ns.JSON_MESSAGE),
    ),
    "dataform": Field("XEP-0004: Data Forms", Child("x", DATA_FORM, ns.DATA)),
    "rsm": Field("XEP-0059: Result Set Management", Child("set", PAGE, ns.RSM)),
}

_INVITATION = ObjectShape(
    {"from": Attribute("from", JID), "to": Attribute("to", JID)}
    | {"reason": Child("reason", Text())}
)
#: The occupant data and invitations of a room (XEP-0045).
MUC_USER = ObjectShape(
    {
        "item": Child(
            "item",
            ObjectShape(
                {
                    "affiliation": Attribute("affiliation"),
                    "role": Attribute("role"),
                    "jid": Attribute("jid", JID),
                    "nick": Attribute("nick"),
                    "actor": Child(
                        "actor",
                        ObjectShape(
                            {
                                "jid": Attribute("jid", JID),
                                "nick": Attribute("nick"),
                            }
                        ),
                    ),
                    "reason": Child("reason", Text()),
                }
            ),
        ),
        "status": Children("status", AttributeValue("code", integer(0, 999))),
        "invite": Child("invite", _INVITATION),
        "decline": Child("decline", _INVITATION),
        "password": Child("password", Text()),
        "destroy": Child(
            "destroy",
            ObjectShape(
                {
                    "jid": Attribute("jid", JID),
                    "reason": Child("reason", Text()),
                    "password": Child("password", Text()),
                }
            ),
        ),
    }
)

#: The identifier of an occupant, which stays the same when the nick changes.
OCCUPANT_ID = Field(
    "XEP-0421: Occupant identifiers",
    Child("occupant-id", AttributeValue("id"), "urn:xmpp:occupant-id:0"),
)

#: XEP-0066
OOB = ObjectShape({"url": Child("url", Text(URI)), "desc": Child("desc", Text())})
