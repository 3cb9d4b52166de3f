"""Shapes of archive queries and ad-hoc commands, which have short forms."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza import namespaces as ns
from .data_form import DATA_FORM
from .data_form_compact import CompactForm, toSubmitForm
from .payloads import BEFORE, PAGE
from .scalars import STRING, QName, integer, string
from .shapes import Flag, ObjectShape
from .slots import Attribute, Child, CommaSeparated, Content, VirtualSlot

#: The filters of an archive query (XEP-0313 §4.1).
_FILTERS: Mapping[str, VirtualSlot] = {
    "with": VirtualSlot(string(format="xmpp-jid")),
    "start": VirtualSlot(string(format="date-time")),
    "end": VirtualSlot(string(format="date-time")),
    "before-id": VirtualSlot(STRING),
    "after-id": VirtualSlot(STRING),
    "ids": VirtualSlot(CommaSeparated()),
}
#: The page of an archive query (XEP-0313 §4.2).
_PAGING: Mapping[str, VirtualSlot] = {
    "after": VirtualSlot(STRING),
    "before": VirtualSlot(BEFORE),
    "max": VirtualSlot(integer()),
}


class _ArchiveQuery(ObjectShape):
    """
    An archive query (XEP-0313 §4), whose form and page may be given by short keys.
    """

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the query, with the form and the page that the short keys stand for."""
        if not isinstance(value, dict):
            return super().write(name, value, at)
        if isinstance(limit := value.get("max"), str):  # as mod_rest takes it
            value = {**value, "max": integer().fromText(limit, f"{at}.max")}
        filters = _shortKeys(value, _FILTERS, at)
        paging = _shortKeys(value, _PAGING, at)
        for short, long in ((filters, "form"), (paging, "page")):
            if short and value.get(long) is not None:
                raise unprocessable(
                    "bad-format",
                    f"The key {at!r} has both {long!r} and its short form"
                    f" {next(iter(short))!r}; leave one of them out.",
                )
        rest = {k: v for k, v in value.items() if k not in filters | paging}
        if paging:
            rest["page"] = paging
        made = super().write(name, rest, at)
        assert made is not None  # an object shape always makes one
        if filters:
            made.children.insert(0, toSubmitForm(ns.MAM, filters, at))
        return made


def _shortKeys(
    value: Mapping[str, Value], keys: Mapping[str, VirtualSlot], at: str
) -> dict[str, Value]:
    """Return the short keys that are present, after a check of their types."""
    present = {key: value[key] for key in keys if value.get(key) is not None}
    for key, inner in present.items():
        keys[key].check(inner, f"{at}.{key}")
    return present


ARCHIVE_QUERY = _ArchiveQuery(
    {
        "queryid": Attribute("queryid"),
        "node": Attribute("node"),
        "form": Child("x", DATA_FORM, ns.DATA),
        "page": Child("set", PAGE, ns.RSM),
        **_FILTERS,
        **_PAGING,
    }
)


class _Command(ObjectShape):
    """
    An ad-hoc command (XEP-0050), whose form may be given in compact form as C{data}.
    """

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """Make the command; C{form} counts if C{data} is there, too."""
        if isinstance(value, dict) and value.get("form") is not None:
            value = {key: inner for key, inner in value.items() if key != "data"}
        return super().write(name, value, at)


_ACTIONS = ("cancel", "complete", "execute", "next", "prev")

COMMAND = _Command(
    {
        "node": Attribute("node"),
        "action": Attribute("action", string(*_ACTIONS)),
        "sessionid": Attribute("sessionid"),
        "status": Attribute("status", string("canceled", "completed", "executing")),
        "actions": Child(
            "actions",
            ObjectShape(
                {
                    "execute": Attribute("execute", string(*_ACTIONS)),
                    "prev": Child("prev", Flag()),
                    "next": Child("next", Flag()),
                    "complete": Child("complete", Flag()),
                }
            ),
        ),
        "note": Child(
            "note",
            ObjectShape(
                {
                    "type": Attribute("type", string("error", "info", "warn")),
                    "text": Content(),
                }
            ),
        ),
        "form": Child("x", DATA_FORM, ns.DATA),
        "data": CompactForm(),
    },
    required=("node",),
)
