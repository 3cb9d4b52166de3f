"""The keys of presence: one row for each."""

from __future__ import annotations

from collections.abc import Mapping

from . import namespaces as ns
from .commonrows import MUC_USER
from .rows import Row
from .scalars import DATETIME, integer, string
from .shapes import Flag, Only, Record, Text
from .slots import Attribute, Child

#: RFC 6121 §4.7.2.1
SHOWS = ("away", "chat", "dnd", "xa")

#: Those that only presence has.
PRESENCE: Mapping[str, Row] = {
    "show": Row("RFC 6121 §4.7.2.1", Child("show", Text(string(*SHOWS)))),
    "status": Row("RFC 6121 §4.7.2.2", Child("status", Text())),
    "priority": Row("RFC 6121 §4.7.2.3", Child("priority", Text(integer(-128, 127)))),
    "caps": Row(
        "XEP-0115: Entity Capabilities",
        Child(
            "c",
            Record({key: Attribute(key) for key in ("hash", "node", "ver", "ext")}),
            "http://jabber.org/protocol/caps",
        ),
    ),
    "join": Row(
        "XEP-0045: Multi-User Chat",
        Child("x", Flag(), "http://jabber.org/protocol/muc"),
    ),
    "muc": Row(
        "XEP-0045: Multi-User Chat",
        Child(
            "x",
            Record(
                {
                    "password": Child("password", Text()),
                    "history": Child(
                        "history",
                        Record(
                            {
                                "maxchars": Attribute("maxchars", integer()),
                                "maxstanzas": Attribute("maxstanzas", integer()),
                                "seconds": Attribute("seconds", integer()),
                                "since": Attribute("since", DATETIME),
                            }
                        ),
                    ),
                }
            ),
            "http://jabber.org/protocol/muc",
        ),
    ),
    "muc_user": Row("XEP-0045: Multi-User Chat", Child("x", MUC_USER, ns.MUC_USER)),
    "vcard_update": Row(
        "XEP-0153: vCard-Based Avatars",
        Child("x", Record({"photo": Child("photo", Text())}), "vcard-temp:x:update"),
    ),
    "idle_since": Row(
        "XEP-0319: Last User Interaction in Presence",
        Child("idle", Only("since", DATETIME), "urn:xmpp:idle:1"),
    ),
}
