"""The keys of messages: one row for each."""

from __future__ import annotations

from collections.abc import Mapping

from . import namespaces as ns
from .commonrows import MUC_USER, OOB
from .payloads import Carbon, Markup
from .rows import Row
from .scalars import BOOLEAN, JID, URI, integer
from .shapes import Flag, Inner, Only, Record, Short, Text
from .slots import Attribute, Child, Children, Choice, Content

_RANGE = Record({key: Attribute(key, integer()) for key in ("start", "end")})
_ENCRYPTION = Only("namespace")


def messageRows(forwarded: Record) -> Mapping[str, Row]:
    """
    The keys that only messages have.

    @param forwarded: What a C{<forwarded/>} is; in it, a message may have all of them.
    """
    return {
        "body": Row("RFC 6121 §5.2.3", Child("body", Text())),
        "subject": Row("RFC 6121 §5.2.4", Child("subject", Text())),
        "thread": Row(
            "RFC 6121 §5.2.5",
            Child(
                "thread",
                Short(Record({"id": Content(), "parent": Attribute("parent")}), "id"),
            ),
        ),
        "state": Row(
            "XEP-0085: Chat State Notifications",
            Choice(
                ("active", "composing", "gone", "inactive", "paused"),
                "http://jabber.org/protocol/chatstates",
            ),
        ),
        "html": Row(
            "XEP-0071: XHTML-IM",
            Child("html", Markup(), "http://jabber.org/protocol/xhtml-im"),
        ),
        "oob_url": Row(
            "XEP-0066: Out of Band Data",
            Child("x", Inner("url", Text(URI)), "jabber:x:oob"),
        ),
        "oob": Row("XEP-0066: Out of Band Data", Child("x", OOB, "jabber:x:oob")),
        "replace": Row(
            "XEP-0308: Last Message Correction",
            Child("replace", Only("id"), "urn:xmpp:message-correct:0"),
        ),
        "attach_to": Row(
            "XEP-0367: Message Attaching",
            Child("attach-to", Only("id"), "urn:xmpp:message-attaching:1"),
        ),
        "reactions": Row(
            "XEP-0444: Message Reactions",
            Child(
                "reactions",
                Record(
                    {"id": Attribute("id"), "reactions": Children("reaction", Text())},
                    required=("id",),
                ),
                "urn:xmpp:reactions:0",
            ),
        ),
        "reply": Row(
            "XEP-0461: Message Replies",
            Child(
                "reply",
                Record({"id": Attribute("id"), "to": Attribute("to", JID)}, ("id",)),
                "urn:xmpp:reply:0",
            ),
        ),
        "fallback": Row(
            "XEP-0428: Fallback Indication",
            Child(
                "fallback",
                Short(
                    Record(
                        {"for": Attribute("for")}
                        | {name: Child(name, _RANGE) for name in ("body", "subject")}
                    ),
                    shortens=True,
                ),
                "urn:xmpp:fallback:0",
            ),
        ),
        "reference": Row(
            "XEP-0372: References",
            Child(
                "reference",
                Record(
                    {"type": Attribute("type"), "uri": Attribute("uri", URI)}
                    | {"begin": Attribute("begin", integer())}
                    | {"end": Attribute("end", integer())}
                    | {"anchor": Attribute("anchor", URI)},
                    required=("type", "uri"),
                ),
                "urn:xmpp:reference:0",
            ),
        ),
        "stanza_ids": Row(
            "XEP-0359: Unique and Stable Stanza IDs",
            Children(
                "stanza-id",
                Record(
                    {"id": Attribute("id"), "by": Attribute("by", JID)}, ("id", "by")
                ),
                "urn:xmpp:sid:0",
            ),
        ),
        "origin_id": Row(
            "XEP-0359: Unique and Stable Stanza IDs",
            Child("origin-id", Only("id"), "urn:xmpp:sid:0"),
        ),
        "occupant_id": Row(
            "XEP-0421: Occupant identifiers",
            Child("occupant-id", Only("id"), "urn:xmpp:occupant-id:0"),
        ),
        "markable": Row(
            "XEP-0333: Chat Markers",
            Child("markable", Flag(), "urn:xmpp:chat-markers:0"),
        ),
        "displayed": Row(
            "XEP-0333: Chat Markers",
            Child("displayed", Only("id"), "urn:xmpp:chat-markers:0"),
        ),
        "receipt_request": Row(
            "XEP-0184: Message Delivery Receipts", Child("request", Flag(), ns.RECEIPTS)
        ),
        "received": Row(
            "XEP-0184: Message Delivery Receipts",
            Child("received", Only("id"), ns.RECEIPTS),
        ),
        "encryption": Row(
            "XEP-0380: Explicit Message Encryption",
            Child("encryption", _ENCRYPTION, "urn:xmpp:eme:0"),
        ),
        "hints": Row(
            "XEP-0334: Message Processing Hints",
            Choice(
                ("no-copy", "no-permanent-store", "no-store", "store"),
                "urn:xmpp:hints",
                many=True,
            ),
        ),
        "invite": Row(
            "XEP-0249: Direct MUC Invitations",
            Child(
                "x",
                Record(
                    {
                        "jid": Attribute("jid", JID),
                        "reason": Attribute("reason"),
                        "password": Attribute("password"),
                        "thread": Attribute("thread"),
                        "continue": Attribute("continue", BOOLEAN),
                    },
                    required=("jid",),
                ),
                "jabber:x:conference",
            ),
        ),
        "archive": Row(
            "XEP-0313: Message Archive Management",
            Child(
                "result",
                Record(
                    {"id": Attribute("id"), "queryid": Attribute("queryid")}
                    | {"forward": Child("forwarded", forwarded, ns.FORWARD)}
                ),
                ns.MAM,
            ),
        ),
        "forwarded": Row(
            "XEP-0297: Stanza Forwarding", Child("forwarded", forwarded, ns.FORWARD)
        ),
        "carbon": Row("XEP-0280: Message Carbons", Carbon(forwarded)),
        "muc_user": Row("XEP-0045: Multi-User Chat", Child("x", MUC_USER, ns.MUC_USER)),
        "retract": Row(
            "XEP-0424: Message Retraction",
            Child(
                "retract",
                Short(
                    Record(
                        {
                            "id": Attribute("id"),
                            "moderated": Child(
                                "moderated",
                                Record({"by": Attribute("by", JID)}),
                                "urn:xmpp:message-moderate:1",
                            ),
                            "reason": Child("reason", Text()),
                        }
                    ),
                    "id",
                ),
                "urn:xmpp:message-retract:1",
            ),
        ),
    }
