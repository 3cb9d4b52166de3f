"""The keys of iqs, which are their payloads: one row for each."""

from __future__ import annotations

from collections.abc import Mapping

from . import namespaces as ns
from .commonrows import OOB
from .disco import INFO, ITEMS
from .forms import DATA_FORM
from .payloads import PAGE
from .queries import ARCHIVE_QUERY, COMMAND
from .rows import Row
from .scalars import BOOLEAN, DATETIME, NUMBER, URI, integer, string
from .shapes import Flag, Record, Short, Text
from .slots import Attribute, Child, Children, Content, ListOf

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

#: Those that only iqs have.
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
    "oob": Row("XEP-0066: Out of Band Data", Child("query", OOB, "jabber:iq:oob")),
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
