"""The queries whose parts may be given in short: of archives, and commands."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.words.xish.domish import Element

from . import namespaces as ns
from .compactforms import CompactForm, submit
from .errors import unprocessable
from .forms import DATA_FORM
from .payloads import BEFORE, PAGE
from .scalars import (
    STRING,
    QName,
    integer,
    string,
)
from .shapes import Flag, Record
from .slots import Attribute, Child, Content, Names, Nowhere
from .values import Value

#: XEP-0313 §4.1: what an archive may be asked for.
_FILTERS: Mapping[str, Nowhere] = {
    "with": Nowhere(string(format="xmpp-jid")),
    "start": Nowhere(string(format="date-time")),
    "end": Nowhere(string(format="date-time")),
    "before-id": Nowhere(STRING),
    "after-id": Nowhere(STRING),
    "ids": Nowhere(Names()),
}
#: XEP-0313 §4.2: which page of it.
_PAGING: Mapping[str, Nowhere] = {
    "after": Nowhere(STRING),
    "before": Nowhere(BEFORE),
    "max": Nowhere(integer()),
}


class _ArchiveQuery(Record):
    """A query of an archive (XEP-0313 §4), its form and its page also in short."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """In full."""
        if not isinstance(value, dict):
            return super().write(name, value, at)
        if isinstance(limit := value.get("max"), str):  # as mod_rest takes it
            value = {**value, "max": integer().fromText(limit, f"{at}.max")}
        filters = _taken(value, _FILTERS, at)
        paging = _taken(value, _PAGING, at)
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
        assert made is not None  # a record always makes one
        if filters:
            made.children.insert(0, submit(ns.MAM, filters, at))
        return made


def _taken(
    value: Mapping[str, Value], keys: Mapping[str, Nowhere], at: str
) -> dict[str, Value]:
    """Those of the keys that are there, each of its type."""
    taken = {key: value[key] for key in keys if value.get(key) is not None}
    for key, inner in taken.items():
        keys[key].check(inner, f"{at}.{key}")
    return taken


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


class _Command(Record):
    """An ad-hoc command (XEP-0050); its form may be given in short, as data."""

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """The form counts, if there are both."""
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
            Record(
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
            Record(
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
