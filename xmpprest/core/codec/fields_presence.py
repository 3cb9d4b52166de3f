"""The fields of presence."""

from __future__ import annotations

from collections.abc import Mapping

from ..stanza import namespaces as ns
from ..stanza.build import LANG
from .field import Field
from .fields_common import MUC_USER, OCCUPANT_ID
from .raw_xml import OtherChildren
from .scalars import DATETIME, NUMBER, URI, integer, string
from .shapes import AttributeValue, Flag, ObjectShape, Text
from .slots import Attribute, Child, ListShape, LocalizedChild

#: RFC 6121 §4.7.2.1
SHOWS = ("away", "chat", "dnd", "xa")

#: The fields that only presence has.
PRESENCE: Mapping[str, Field] = {
    "show": Field("RFC 6121 §4.7.2.1", Child("show", Text(string(*SHOWS)))),
    "status": Field("RFC 6121 §4.7.2.2", LocalizedChild("status", Text())),
    "priority": Field("RFC 6121 §4.7.2.3", Child("priority", Text(integer(-128, 127)))),
    "caps": Field(
        "XEP-0115: Entity Capabilities",
        Child(
            "c",
            ObjectShape(
                {key: Attribute(key) for key in ("hash", "node", "ver", "ext")}
            ),
            "http://jabber.org/protocol/caps",
        ),
    ),
    "join": Field(
        "XEP-0045: Multi-User Chat",
        Child("x", Flag(), "http://jabber.org/protocol/muc"),
    ),
    "muc": Field(
        "XEP-0045: Multi-User Chat",
        Child(
            "x",
            ObjectShape(
                {
                    "password": Child("password", Text()),
                    "history": Child(
                        "history",
                        ObjectShape(
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
    "muc_user": Field("XEP-0045: Multi-User Chat", Child("x", MUC_USER, ns.MUC_USER)),
    "occupant_id": OCCUPANT_ID,
    "vcard_update": Field(
        "XEP-0153: vCard-Based Avatars",
        Child(
            "x", ObjectShape({"photo": Child("photo", Text())}), "vcard-temp:x:update"
        ),
    ),
    "idle_since": Field(
        "XEP-0319: Last User Interaction in Presence",
        Child("idle", AttributeValue("since", DATETIME), "urn:xmpp:idle:1"),
    ),
    "hats": Field(
        "XEP-0317: Hats",
        Child(
            "hats",
            ListShape(
                "hat",
                ObjectShape(
                    {
                        "title": Attribute("title"),
                        "uri": Attribute("uri", URI),
                        "hue": Attribute("hue", NUMBER),
                        "lang": Attribute(LANG),
                        "xml": OtherChildren(),
                    },
                    required=("title", "uri"),
                ),
            ),
            "urn:xmpp:hats:0",
        ),
    ),
}
