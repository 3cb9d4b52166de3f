"""
What several kinds of stanzas have in common: the keys of every kind, one row for each,
and the elements that two kinds have a key for.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import namespaces as ns
from .forms import DATA_FORM
from .payloads import ERROR, JSON_PAYLOAD, PAGE
from .rows import Row
from .scalars import DATETIME, JID, URI, integer
from .shapes import Only, Record, Text
from .slots import Attribute, Child, Children

#: Keys of every kind.
COMMON: Mapping[str, Row] = {
    "error": Row("RFC 6120 §8.3", Child("error", ERROR)),
    "delay": Row(
        "XEP-0203: Delayed Delivery",
        Child("delay", Only("stamp", DATETIME), "urn:xmpp:delay"),
    ),
    "nick": Row(
        "XEP-0172: User Nickname",
        Child("nick", Text(), "http://jabber.org/protocol/nick"),
    ),
    "payload": Row(
        "XEP-0432: Simple JSON Messaging",
        Child("payload", JSON_PAYLOAD, ns.JSON_MESSAGE),
    ),
    "dataform": Row("XEP-0004: Data Forms", Child("x", DATA_FORM, ns.DATA)),
    "rsm": Row("XEP-0059: Result Set Management", Child("set", PAGE, ns.RSM)),
}

_INVITATION = Record(
    {"from": Attribute("from", JID), "to": Attribute("to", JID)}
    | {"reason": Child("reason", Text())}
)
#: XEP-0045: what a room says of those in it, and how one is asked in.
MUC_USER = Record(
    {
        "item": Child(
            "item",
            Record(
                {
                    "affiliation": Attribute("affiliation"),
                    "role": Attribute("role"),
                    "jid": Attribute("jid", JID),
                    "nick": Attribute("nick"),
                    "actor": Child(
                        "actor",
                        Record(
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
        "status": Children("status", Only("code", integer(0, 999))),
        "invite": Child("invite", _INVITATION),
        "decline": Child("decline", _INVITATION),
        "password": Child("password", Text()),
    }
)

#: XEP-0066
OOB = Record({"url": Child("url", Text(URI)), "desc": Child("desc", Text())})
