"""The fields of messages."""

from __future__ import annotations

from collections.abc import Mapping

from ..stanza import namespaces as ns
from .field import Field
from .fields_common import MUC_USER, OCCUPANT_ID, OOB
from .files import FILES
from .payloads import Carbon, XHTMLBody
from .pubsub import DISPLAYED, DISPLAYED_SYNC, EVENT, PUBSUB_EVENT
from .scalars import BOOLEAN, JID, URI, integer
from .shapes import AttributeValue, ChildValue, Flag, ObjectShape, Shorthand, Text
from .slots import Attribute, Child, Children, Content, LocalizedChild, NamedChild

MARKUP = "urn:xmpp:markup:0"

_RANGE = ObjectShape({key: Attribute(key, integer()) for key in ("start", "end")})
_SPAN = {key: Attribute(key, integer()) for key in ("start", "end")}
_MENTION = ObjectShape(
    {
        "begin": Attribute("begin", integer()),
        "end": Attribute("end", integer()),
        "occupant_id": Attribute("occupantid"),
        "jid": Attribute("jid", JID),
        "mentions": Attribute("mentions", URI),
        "uri": Attribute("uri", URI),
        "lang": Attribute("hreflang"),
        "active": Child("active", Flag()),
        "noping": Child("noping", Flag()),
    }
)
_MARKUP = ObjectShape(
    {
        "spans": Children(
            "span",
            ObjectShape(
                {
                    **_SPAN,
                    "styles": NamedChild(
                        ("code", "deleted", "emphasis", "strong"), MARKUP, many=True
                    ),
                },
                ("start", "end"),
            ),
        ),
        "code_blocks": Children(
            "bcode",
            ObjectShape({**_SPAN, "language": Attribute("language")}, ("start", "end")),
        ),
        "lists": Children(
            "list",
            ObjectShape(
                {
                    **_SPAN,
                    "ordered": Attribute("ordered", BOOLEAN),
                    "items": Children("li", AttributeValue("start", integer())),
                },
                ("start", "end"),
            ),
        ),
        "quotes": Children("bquote", ObjectShape(_SPAN, ("start", "end"))),
    }
)
_ENCRYPTION = AttributeValue("namespace")


def messageFields(forwarded: ObjectShape) -> Mapping[str, Field]:
    """
    Return the fields that only messages have.

    @param forwarded: The shape of C{<forwarded/>}, whose message may have all of these
        fields.
    """
    return {
        "body": Field("RFC 6121 §5.2.3", LocalizedChild("body", Text())),
        "subject": Field("RFC 6121 §5.2.4", LocalizedChild("subject", Text())),
        "thread": Field(
            "RFC 6121 §5.2.5",
            Child(
                "thread",
                Shorthand(
                    ObjectShape({"id": Content(), "parent": Attribute("parent")}), "id"
                ),
            ),
        ),
        "state": Field(
            "XEP-0085: Chat State Notifications",
            NamedChild(
                ("active", "composing", "gone", "inactive", "paused"),
                "http://jabber.org/protocol/chatstates",
            ),
        ),
        "html": Field(
            "XEP-0071: XHTML-IM",
            Child("html", XHTMLBody(), "http://jabber.org/protocol/xhtml-im"),
        ),
        "oob_url": Field(
            "XEP-0066: Out of Band Data",
            Child("x", ChildValue("url", Text(URI)), "jabber:x:oob"),
        ),
        "oob": Field("XEP-0066: Out of Band Data", Child("x", OOB, "jabber:x:oob")),
        "files": Field("XEP-0447: Stateless file sharing", FILES),
        "replace": Field(
            "XEP-0308: Last Message Correction",
            Child("replace", AttributeValue("id"), "urn:xmpp:message-correct:0"),
        ),
        "attach_to": Field(
            "XEP-0367: Message Attaching",
            Child("attach-to", AttributeValue("id"), "urn:xmpp:message-attaching:1"),
        ),
        "reactions": Field(
            "XEP-0444: Message Reactions",
            Child(
                "reactions",
                ObjectShape(
                    {"id": Attribute("id"), "reactions": Children("reaction", Text())},
                    required=("id",),
                ),
                "urn:xmpp:reactions:0",
            ),
        ),
        "reply": Field(
            "XEP-0461: Message Replies",
            Child(
                "reply",
                ObjectShape(
                    {"id": Attribute("id"), "to": Attribute("to", JID)}, ("id",)
                ),
                "urn:xmpp:reply:0",
            ),
        ),
        "fallback": Field(
            "XEP-0428: Fallback Indication",
            Child(
                "fallback",
                Shorthand(
                    ObjectShape(
                        {"for": Attribute("for")}
                        | {name: Child(name, _RANGE) for name in ("body", "subject")}
                    ),
                    shortens=True,
                ),
                "urn:xmpp:fallback:0",
            ),
        ),
        "reference": Field(
            "XEP-0372: References",
            Child(
                "reference",
                ObjectShape(
                    {"type": Attribute("type"), "uri": Attribute("uri", URI)}
                    | {"begin": Attribute("begin", integer())}
                    | {"end": Attribute("end", integer())}
                    | {"anchor": Attribute("anchor", URI)},
                    required=("type", "uri"),
                ),
                "urn:xmpp:reference:0",
            ),
        ),
        "stanza_ids": Field(
            "XEP-0359: Unique and Stable Stanza IDs",
            Children(
                "stanza-id",
                ObjectShape(
                    {"id": Attribute("id"), "by": Attribute("by", JID)}, ("id", "by")
                ),
                "urn:xmpp:sid:0",
            ),
        ),
        "origin_id": Field(
            "XEP-0359: Unique and Stable Stanza IDs",
            Child("origin-id", AttributeValue("id"), "urn:xmpp:sid:0"),
        ),
        "occupant_id": OCCUPANT_ID,
        "markable": Field(
            "XEP-0333: Chat Markers",
            Child("markable", Flag(), "urn:xmpp:chat-markers:0"),
        ),
        "displayed": Field(
            "XEP-0333: Chat Markers",
            Child("displayed", AttributeValue("id"), "urn:xmpp:chat-markers:0"),
        ),
        "receipt_request": Field(
            "XEP-0184: Message Delivery Receipts", Child("request", Flag(), ns.RECEIPTS)
        ),
        "received": Field(
            "XEP-0184: Message Delivery Receipts",
            Child("received", AttributeValue("id"), ns.RECEIPTS),
        ),
        "encryption": Field(
            "XEP-0380: Explicit Message Encryption",
            Child("encryption", _ENCRYPTION, "urn:xmpp:eme:0"),
        ),
        "hints": Field(
            "XEP-0334: Message Processing Hints",
            NamedChild(
                ("no-copy", "no-permanent-store", "no-store", "store"),
                "urn:xmpp:hints",
                many=True,
            ),
        ),
        "invite": Field(
            "XEP-0249: Direct MUC Invitations",
            Child(
                "x",
                ObjectShape(
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
        "archive": Field(
            "XEP-0313: Message Archive Management",
            Child(
                "result",
                ObjectShape(
                    {"id": Attribute("id"), "queryid": Attribute("queryid")}
                    | {"forward": Child("forwarded", forwarded, ns.FORWARD)}
                ),
                ns.MAM,
            ),
        ),
        "forwarded": Field(
            "XEP-0297: Stanza Forwarding", Child("forwarded", forwarded, ns.FORWARD)
        ),
        "carbon": Field("XEP-0280: Message Carbons", Carbon(forwarded)),
        "muc_user": Field(
            "XEP-0045: Multi-User Chat", Child("x", MUC_USER, ns.MUC_USER)
        ),
        "retract": Field(
            "XEP-0424: Message Retraction",
            Child(
                "retract",
                Shorthand(
                    ObjectShape(
                        {
                            "id": Attribute("id"),
                            "moderated": Child(
                                "moderated",
                                ObjectShape({"by": Attribute("by", JID)}),
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
        "unstyled": Field(
            "XEP-0393: Message Styling",
            Child("unstyled", Flag(), "urn:xmpp:styling:0"),
        ),
        "markup": Field("XEP-0394: Message Markup", Child("markup", _MARKUP, MARKUP)),
        "mentions": Field(
            "XEP-0513: Explicit Mentions",
            Children("mention", _MENTION, "urn:xmpp:mentions:0"),
        ),
        "displayed_sync": Field(
            "XEP-0490: Message Displayed Synchronization",
            Child("displayed", DISPLAYED_SYNC, DISPLAYED),
        ),
        "pubsub_event": Field(
            "XEP-0060: Publish-Subscribe", Child("event", EVENT, PUBSUB_EVENT)
        ),
    }
