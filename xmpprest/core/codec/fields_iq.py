"""The fields of iqs, which are their payloads."""

from __future__ import annotations

from collections.abc import Mapping

from ..stanza import namespaces as ns
from .data_form import DATA_FORM
from .disco import INFO, ITEMS
from .field import Field
from .fields_common import OOB
from .payloads import PAGE
from .pubsub import PUBSUB, PUBSUB_REQUEST
from .queries import ARCHIVE_QUERY, COMMAND
from .scalars import BOOLEAN, DATETIME, JID, NUMBER, URI, integer, string
from .shapes import Flag, ObjectShape, Shorthand, Text
from .slots import Attribute, Child, Children, Content, ListShape, LocalizedChild
from .vcard import VCARD

_SERVICE = ObjectShape(
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
BLOCKING = "urn:xmpp:blocking"

#: XEP-0377: what is reported about a blocked address.
_REPORT = ObjectShape(
    {
        "reason": Attribute("reason", URI),
        "stanza_ids": Children(
            "stanza-id",
            ObjectShape(
                {"id": Attribute("id"), "by": Attribute("by", JID)}, ("id", "by")
            ),
            ns.SID,
        ),
        "text": LocalizedChild("text", Text()),
        "report_origin": Child("report-origin", Flag()),
        "third_party": Child("third-party", Flag()),
    },
    required=("reason",),
)
_BLOCKED = ObjectShape(
    {
        "jid": Attribute("jid", JID),
        "report": Child("report", _REPORT, "urn:xmpp:reporting:1"),
    },
    required=("jid",),
)
_REGISTER = (
    *("instructions", "username", "nick", "password", "name", "first", "last"),
    *("email", "address", "city", "state", "zip", "phone", "url", "date"),
    *("misc", "text", "key"),
)
_HEADER = ObjectShape(
    {"name": Attribute("name"), "value": Content()}, required=("name", "value")
)

#: The fields that only iqs have.
IQ: Mapping[str, Field] = {
    "ping": Field("XEP-0199: XMPP Ping", Child("ping", Flag(), ns.PING)),
    "version": Field(
        "XEP-0092: Software Version",
        Child(
            "query",
            ObjectShape({key: Child(key, Text()) for key in ("name", "version", "os")}),
            ns.VERSION,
        ),
    ),
    "disco": Field(
        "XEP-0030: Service Discovery",
        Child("query", INFO, ns.DISCO_INFO),
    ),
    "items": Field(
        "XEP-0030: Service Discovery",
        Child(
            "query",
            ITEMS,
            ns.DISCO_ITEMS,
        ),
        emptyResult=[],
    ),
    "command": Field(
        "XEP-0050: Ad-Hoc Commands",
        Child(
            "command", Shorthand(COMMAND, "node"), "http://jabber.org/protocol/commands"
        ),
    ),
    "stats": Field(
        "XEP-0039: Statistics Gathering",
        Child(
            "query",
            ListShape(
                "stat",
                ObjectShape(
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
    "lastactivity": Field(
        "XEP-0012: Last Activity",
        Child(
            "query",
            ObjectShape(
                {"seconds": Attribute("seconds", integer()), "status": Content()}
            ),
            ns.LAST,
        ),
    ),
    "oob": Field("XEP-0066: Out of Band Data", Child("query", OOB, "jabber:iq:oob")),
    "extdisco": Field(
        "XEP-0215: External Service Discovery",
        Child(
            "services",
            ObjectShape(
                {
                    "type": Attribute("type"),
                    "services": Children("service", _SERVICE),
                }
            ),
            "urn:xmpp:extdisco:2",
        ),
    ),
    "register": Field(
        "XEP-0077: In-Band Registration",
        Child(
            "query",
            ObjectShape(
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
    "gateway": Field(
        "XEP-0100: Gateway Interaction",
        Child(
            "query",
            ObjectShape({key: Child(key, Text()) for key in ("desc", "prompt", "jid")}),
            "jabber:iq:gateway",
        ),
    ),
    "upload_request": Field(
        "XEP-0363: HTTP File Upload",
        Child(
            "request",
            ObjectShape(
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
    "upload_slot": Field(
        "XEP-0363: HTTP File Upload",
        Child(
            "slot",
            ObjectShape(
                {
                    "put": Child(
                        "put",
                        ObjectShape(
                            {
                                "url": Attribute("url", URI),
                                "headers": Children("header", _HEADER),
                            }
                        ),
                    ),
                    "get": Child("get", ObjectShape({"url": Attribute("url", URI)})),
                }
            ),
            "urn:xmpp:http:upload:0",
        ),
    ),
    "archive": Field(
        "XEP-0313: Message Archive Management", Child("query", ARCHIVE_QUERY, ns.MAM)
    ),
    "result": Field(
        "XEP-0313: Message Archive Management",
        Child(
            "fin",
            ObjectShape(
                {
                    "complete": Attribute("complete", BOOLEAN),
                    "stable": Attribute("stable", BOOLEAN),
                    "page": Child("set", PAGE, ns.RSM),
                }
            ),
            ns.MAM,
        ),
    ),
    "time": Field(
        "XEP-0202: Entity Time",
        Child(
            "time",
            ObjectShape(
                {"tzo": Child("tzo", Text()), "utc": Child("utc", Text(DATETIME))}
            ),
            ns.TIME,
        ),
    ),
    "moderate": Field(
        "XEP-0425: Moderated Message Retraction",
        Child(
            "moderate",
            ObjectShape(
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
    "block": Field(
        "XEP-0191: Blocking Command",
        Child("block", ListShape("item", Shorthand(_BLOCKED, "jid")), BLOCKING),
    ),
    "unblock": Field(
        "XEP-0191: Blocking Command",
        Child("unblock", ListShape("item", Shorthand(_BLOCKED, "jid")), BLOCKING),
    ),
    "blocklist": Field(
        "XEP-0191: Blocking Command",
        Child("blocklist", ListShape("item", Shorthand(_BLOCKED, "jid")), BLOCKING),
        emptyResult=[],
    ),
    "pubsub": Field(
        "XEP-0060: Publish-Subscribe", Child("pubsub", PUBSUB_REQUEST, PUBSUB)
    ),
    "vcard": Field("XEP-0054: vcard-temp", Child("vCard", VCARD, "vcard-temp")),
}
