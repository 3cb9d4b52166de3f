"""
The JSON form of a stanza: one table of keys, each with the specification that it comes
from and the element that it stands for.

A key that cannot say all of an element is there all the same, but then the element
stands in C{xml}, too, and counts there, so that nothing is ever lost. The keys are
mod_rest's. What C{/rest/openapi.json} says of them is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import namespaces as ns
from .disco import INFO, ITEMS
from .forms import DATA_FORM
from .forwarding import forwarded
from .mapping import StanzaMapping
from .payloads import ERROR, JSON_PAYLOAD, PAGE, Carbon, Markup
from .queries import ARCHIVE_QUERY, COMMAND
from .rows import Row
from .scalars import (
    BOOLEAN,
    DATETIME,
    JID,
    NUMBER,
    URI,
    integer,
    string,
)
from .shapes import Flag, Inner, Only, Record, Short, Text
from .slots import Attribute, Child, Children, Choice, Content, ListOf

_FORWARDED = forwarded(lambda: STANZAS)

_INVITATION = Record(
    {"from": Attribute("from", JID), "to": Attribute("to", JID)}
    | {"reason": Child("reason", Text())}
)
_MUC_USER = Record(
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

_URL = {"url": Child("url", Text(URI)), "desc": Child("desc", Text())}

_RANGE = Record({key: Attribute(key, integer()) for key in ("start", "end")})
_ENCRYPTION = Only("namespace")


_SERVICE = Record(
    {
        "type": Attribute("type"),
        "host": Attribute("host"),
        "port": Attribute("port", integer(0, 65535)),
        "transport": Attribute("transport"),
        "name": Attribute("name"),
        "username": Attribute("username"),
        "password": Attribute("password"),
        "restricted": Attribute("restricted", BOOLEAN),
        "expires": Attribute("expires", DATETIME),
        "action": Attribute("action", string("add", "delete", "modify")),
    },
    required=("type", "host"),
)
_REGISTER = (
    *("instructions", "username", "nick", "password", "name", "first", "last"),
    *("email", "address", "city", "state", "zip", "phone", "url", "date"),
    *("misc", "text", "key"),
)
_HEADER = Record(
    {"name": Attribute("name"), "value": Content()}, required=("name", "value")
)

#: RFC 6121 §4.7.2.1
SHOWS = ("away", "chat", "dnd", "xa")

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

#: Keys of messages.
MESSAGE: Mapping[str, Row] = {
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
    "oob": Row("XEP-0066: Out of Band Data", Child("x", Record(_URL), "jabber:x:oob")),
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
            Record({"id": Attribute("id"), "by": Attribute("by", JID)}, ("id", "by")),
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
        "XEP-0333: Chat Markers", Child("markable", Flag(), "urn:xmpp:chat-markers:0")
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
                | {"forward": Child("forwarded", _FORWARDED, ns.FORWARD)}
            ),
            ns.MAM,
        ),
    ),
    "forwarded": Row(
        "XEP-0297: Stanza Forwarding", Child("forwarded", _FORWARDED, ns.FORWARD)
    ),
    "carbon": Row("XEP-0280: Message Carbons", Carbon(_FORWARDED)),
    "muc_user": Row("XEP-0045: Multi-User Chat", Child("x", _MUC_USER, ns.MUC_USER)),
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

#: Keys of presence.
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
    "muc_user": Row("XEP-0045: Multi-User Chat", Child("x", _MUC_USER, ns.MUC_USER)),
    "vcard_update": Row(
        "XEP-0153: vCard-Based Avatars",
        Child("x", Record({"photo": Child("photo", Text())}), "vcard-temp:x:update"),
    ),
    "idle_since": Row(
        "XEP-0319: Last User Interaction in Presence",
        Child("idle", Only("since", DATETIME), "urn:xmpp:idle:1"),
    ),
}

#: Keys of iqs.
IQ: Mapping[str, Row] = {
    "ping": Row("XEP-0199: XMPP Ping", Child("ping", Flag(), ns.PING)),
    "version": Row(
        "XEP-0092: Software Version",
        Child(
            "query",
            Record({key: Child(key, Text()) for key in ("name", "version", "os")}),
            ns.VERSION,
        ),
    ),
    "disco": Row(
        "XEP-0030: Service Discovery",
        Child("query", INFO, ns.DISCO_INFO),
    ),
    "items": Row(
        "XEP-0030: Service Discovery",
        Child(
            "query",
            ITEMS,
            ns.DISCO_ITEMS,
        ),
        emptyResult=[],
    ),
    "command": Row(
        "XEP-0050: Ad-Hoc Commands",
        Child("command", Short(COMMAND, "node"), "http://jabber.org/protocol/commands"),
    ),
    "stats": Row(
        "XEP-0039: Statistics Gathering",
        Child(
            "query",
            ListOf(
                "stat",
                Record(
                    {
                        "name": Attribute("name"),
                        "unit": Attribute("units"),
                        "value": Attribute("value", NUMBER),
                    },
                    required=("name",),
                ),
            ),
            "http://jabber.org/protocol/stats",
        ),
    ),
    "lastactivity": Row(
        "XEP-0012: Last Activity",
        Child(
            "query",
            Record({"seconds": Attribute("seconds", integer()), "status": Content()}),
            ns.LAST,
        ),
    ),
    "oob": Row(
        "XEP-0066: Out of Band Data", Child("query", Record(_URL), "jabber:iq:oob")
    ),
    "extdisco": Row(
        "XEP-0215: External Service Discovery",
        Child(
            "services",
            Record(
                {
                    "type": Attribute("type"),
                    "services": Children("service", _SERVICE),
                }
            ),
            "urn:xmpp:extdisco:2",
        ),
    ),
    "register": Row(
        "XEP-0077: In-Band Registration",
        Child(
            "query",
            Record(
                {
                    "registered": Child("registered", Flag()),
                    "remove": Child("remove", Flag()),
                }
                | {key: Child(key, Text()) for key in _REGISTER}
                | {"form": Child("x", DATA_FORM, ns.DATA)}
            ),
            "jabber:iq:register",
        ),
    ),
    "gateway": Row(
        "XEP-0100: Gateway Interaction",
        Child(
            "query",
            Record({key: Child(key, Text()) for key in ("desc", "prompt", "jid")}),
            "jabber:iq:gateway",
        ),
    ),
    "upload_request": Row(
        "XEP-0363: HTTP File Upload",
        Child(
            "request",
            Record(
                {
                    "filename": Attribute("filename"),
                    "size": Attribute("size", integer(1)),
                    "content-type": Attribute("content-type"),
                },
                required=("filename", "size"),
            ),
            "urn:xmpp:http:upload:0",
        ),
    ),
    "upload_slot": Row(
        "XEP-0363: HTTP File Upload",
        Child(
            "slot",
            Record(
                {
                    "put": Child(
                        "put",
                        Record(
                            {
                                "url": Attribute("url", URI),
                                "headers": Children("header", _HEADER),
                            }
                        ),
                    ),
                    "get": Child("get", Record({"url": Attribute("url", URI)})),
                }
            ),
            "urn:xmpp:http:upload:0",
        ),
    ),
    "archive": Row(
        "XEP-0313: Message Archive Management", Child("query", ARCHIVE_QUERY, ns.MAM)
    ),
    "result": Row(
        "XEP-0313: Message Archive Management",
        Child(
            "fin",
            Record(
                {
                    "complete": Attribute("complete", BOOLEAN),
                    "stable": Attribute("stable", BOOLEAN),
                    "page": Child("set", PAGE, ns.RSM),
                }
            ),
            ns.MAM,
        ),
    ),
    "time": Row(
        "XEP-0202: Entity Time",
        Child(
            "time",
            Record({"tzo": Child("tzo", Text()), "utc": Child("utc", Text(DATETIME))}),
            ns.TIME,
        ),
    ),
    "moderate": Row(
        "XEP-0425: Moderated Message Retraction",
        Child(
            "moderate",
            Record(
                {
                    "id": Attribute("id"),
                    "retract": Child("retract", Flag(), "urn:xmpp:message-retract:1"),
                    "reason": Child("reason", Text()),
                },
                required=("id",),
            ),
            "urn:xmpp:message-moderate:1",
        ),
    ),
}

#: Every key, by the kind of stanza.
KEYS: Mapping[str, Mapping[str, Row]] = {
    "message": {**COMMON, **MESSAGE},
    "presence": {**COMMON, **PRESENCE},
    "iq": {**COMMON, **IQ},
}

#: The payloads of an iq: what a path may name (behaviour.md §1.1).
PAYLOADS = (*IQ, "payload")

#: The table at work.
STANZAS = StanzaMapping(
    KEYS, likely={"archive": "iq"}, sets=("archive", "command", "moderate")
)
