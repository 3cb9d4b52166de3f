"""Shapes of Publish-Subscribe (XEP-0060) and of the items that bots publish."""

from __future__ import annotations

from collections.abc import Mapping

from ..stanza import namespaces as ns
from .data_form import DATA_FORM
from .payloads import JSON_VALUE, PAGE
from .raw_xml import OtherChildren
from .scalars import BOOLEAN, DATETIME, JID, URI, integer
from .shapes import AttributeValue, ChildValue, ObjectShape, Shorthand, Slot, Text
from .slots import Attribute, Child, Children

PUBSUB = "http://jabber.org/protocol/pubsub"
PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event"
BOOKMARKS = "urn:xmpp:bookmarks:1"
DISPLAYED = "urn:xmpp:mds:displayed:0"

#: The keys that change something, so that an iq with one of them is a set.
PUBSUB_SETS = ("create", "publish", "retract", "subscribe", "unsubscribe")

#: A form that is the only child of an element.
_FORM = ChildValue("x", DATA_FORM, ns.DATA)

_BOOKMARK = ObjectShape(
    {
        "name": Attribute("name"),
        "autojoin": Attribute("autojoin", BOOLEAN),
        "nick": Child("nick", Text()),
        "password": Child("password", Text()),
        "extensions": Child("extensions", ObjectShape({"xml": OtherChildren()})),
    }
)

#: The last displayed message of a chat (XEP-0490).
DISPLAYED_SYNC = ChildValue(
    "stanza-id",
    ObjectShape({"id": Attribute("id"), "by": Attribute("by", JID)}, ("id", "by")),
    ns.SID,
)

_ITEM = ObjectShape(
    {
        "id": Attribute("id"),
        "publisher": Attribute("publisher", JID),
        "bookmark": Child("conference", _BOOKMARK, BOOKMARKS),
        "displayed_sync": Child("displayed", DISPLAYED_SYNC, DISPLAYED),
        "json": Child("json", JSON_VALUE, ns.JSON),
        "xml": OtherChildren(
            ((BOOKMARKS, "conference"), (DISPLAYED, "displayed"), (ns.JSON, "json"))
        ),
    }
)

_NODE: Mapping[str, Slot] = {"node": Attribute("node")}
_ITEMS: Mapping[str, Slot] = {"items": Children("item", Shorthand(_ITEM, "id"))}
_SUBSCRIBER: Mapping[str, Slot] = {**_NODE, "jid": Attribute("jid", JID)}
_SUBSCRIBED: Mapping[str, Slot] = {**_SUBSCRIBER, "subid": Attribute("subid")}
_SUBSCRIPTION = ObjectShape(
    {
        **_SUBSCRIBED,
        "subscription": Attribute("subscription"),
        "expiry": Attribute("expiry", DATETIME),
    }
)
_AFFILIATION = ObjectShape({**_NODE, "affiliation": Attribute("affiliation")})

#: The content of an iq (XEP-0060 §5 to §7).
PUBSUB_REQUEST = ObjectShape(
    {
        "create": Child("create", Shorthand(ObjectShape({**_NODE}), "node")),
        "configure": Child("configure", _FORM),
        "subscribe": Child("subscribe", ObjectShape(_SUBSCRIBER)),
        "options": Child(
            "options",
            ObjectShape({**_SUBSCRIBED, "form": Child("x", DATA_FORM, ns.DATA)}),
        ),
        "unsubscribe": Child("unsubscribe", ObjectShape(_SUBSCRIBED)),
        "subscription": Child("subscription", _SUBSCRIPTION),
        "subscriptions": Child(
            "subscriptions",
            ObjectShape(
                {**_NODE, "subscriptions": Children("subscription", _SUBSCRIPTION)}
            ),
        ),
        "affiliations": Child(
            "affiliations",
            ObjectShape(
                {**_NODE, "affiliations": Children("affiliation", _AFFILIATION)}
            ),
        ),
        "items": Child(
            "items",
            Shorthand(
                ObjectShape(
                    {
                        **_NODE,
                        "max_items": Attribute("max_items", integer(1)),
                        "subid": Attribute("subid"),
                        **_ITEMS,
                    }
                ),
                "node",
            ),
        ),
        "publish": Child("publish", ObjectShape({**_NODE, **_ITEMS}, ("node",))),
        "publish_options": Child("publish-options", _FORM),
        "retract": Child(
            "retract",
            ObjectShape(
                {**_NODE, "notify": Attribute("notify", BOOLEAN), **_ITEMS}, ("node",)
            ),
        ),
        "rsm": Child("set", PAGE, ns.RSM),
    }
)

#: The content of a notification (XEP-0060 §7.1.2, §8, §12).
EVENT = ObjectShape(
    {
        "items": Child(
            "items",
            ObjectShape(
                {
                    **_NODE,
                    **_ITEMS,
                    "retracted": Children("retract", AttributeValue("id")),
                }
            ),
        ),
        "purge": Child("purge", Shorthand(ObjectShape({**_NODE}), "node")),
        "delete": Child(
            "delete",
            ObjectShape(
                {**_NODE, "redirect": Child("redirect", AttributeValue("uri", URI))}
            ),
        ),
        "configuration": Child(
            "configuration",
            ObjectShape({**_NODE, "form": Child("x", DATA_FORM, ns.DATA)}),
        ),
        "subscription": Child("subscription", _SUBSCRIPTION),
    }
)
