"""
Uptime Kuma's webhook, as JSON or as a form with JSON in it
(https://github.com/louislam/uptime-kuma, server/notification-providers/webhook.js).
"""

from __future__ import annotations

import re

from ..notice import Notice, linkOf
from ..request import HookRequest
from ..text import clean, oneLine, tidy
from .generic import textNotice

#: Uptime Kuma's numbers for the state of a monitor.
_STATES = {0: "DOWN", 1: "UP", 2: "PENDING", 3: "MAINTENANCE"}


def isUptimeKuma(request: HookRequest) -> bool:
    """Return whether a request is from Uptime Kuma."""
    fields = request.fields
    return "heartbeat" in fields and "monitor" in fields


def notice(request: HookRequest) -> Notice:
    """
    Return the facts of a monitor that went up or down; of a message about a
    certificate, and of a test, there is only the text.
    """
    fields = request.fields
    beat, monitor = fields.object("heartbeat"), fields.object("monitor")
    if not beat:
        return textNotice(fields.text("msg"))
    number = beat.number("status")
    state = "" if number is None else _STATES.get(int(number), "")
    url = linkOf(monitor.text("url"))
    isURL = re.fullmatch(r"https?://[^\s/]+.*", url) is not None
    host = oneLine(monitor.text("hostname"))
    port = oneLine(monitor.text("port"), 10)
    place = f"{host}:{port}" if host and port else host
    return Notice(
        event=state.lower(),
        title=oneLine(monitor.text("pathName", "name") or fields.text("msg")),
        state=state,
        where=_placeAndTime(
            place, beat.text("localDateTime", "time"), beat.text("timezone")
        ),
        text=tidy(clean(beat.text("msg")[:2000])),
        link=url if isURL else "",
    )


def _placeAndTime(place: str, time: str, zone: str) -> str:
    """Return the place of a monitor and the time of its last heartbeat."""
    at = " ".join(filter(None, [oneLine(time, 40), oneLine(zone, 40)]))
    return ", ".join(filter(None, [place, f"at {at}" if at else ""]))
