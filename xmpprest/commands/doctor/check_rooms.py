"""Checks the memberships: bots that cannot be, or are not, in their room."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from twisted.web.http_headers import Headers

from ...config.config import Config
from ...core.records import StoreUnusable
from ...core.rooms.values import JOINING, WAITING, RoomRecord
from ...core.stanza import jid
from ...core.webhook.errors import DeliveryError
from ...store.sqlite import inspection
from ...webhook.http_client import BoundedClient
from .result import CheckResult, warning

#: The time for which a bot may be on its way into a room; the longest wait between two
#: attempts is five minutes.
PATIENCE = timedelta(minutes=10)


def checkRooms(config: Config) -> Sequence[CheckResult]:
    """
    Check the stored memberships.

    @return: A result for each kind of problem.
    """
    kind, _, path = config.store.partition(":")
    try:
        isThere = kind == "sqlite" and inspection.inspect(path)
    except StoreUnusable:
        return ()  # the check of the store says so
    return examine(inspection.roomsOf(path), config.domain) if isThere else ()


def examine(records: Sequence[RoomRecord], domain: str) -> Sequence[CheckResult]:
    """
    Check memberships. Each problem names the first of them.

    @param domain: The component domain.
    """
    foreign = [each for each in records if not _isAt(each, domain)]
    own = [each for each in records if _isAt(each, domain)]
    removed = [each for each in own if each.isRemoved]
    outside = [each for each in own if not each.isRemoved and not each.joinedAt]
    found = (
        (foreign, "cannot be in", _foreignAdvice),
        (removed, "was removed from", _removedAdvice),
        (outside, "has not entered", _outsideAdvice),
    )
    return [
        warning(
            "rooms",
            f"{each[0].sender} {words} {each[0].room}{_others(each)}"
            f"{advise(each[0], domain)}",
        )
        for each, words, advise in found
        if each
    ]


async def checkWaiting(
    config: Config, url: str, client: BoundedClient, now: datetime
) -> CheckResult | None:
    """
    Ask a running gateway for rooms that bots have not been in for long.

    @param url: The URL of the gateway without a path.
    @return: C{None} if there are none, or the gateway cannot be asked: it wants one of
        the credentials, and answers others that it does not share them.
    """
    if not config.credentials:
        return None
    bearer = Headers({"Authorization": [f"Bearer {config.credentials[0]}"]})
    try:
        answer = await client.request(b"GET", f"{url}/rest/rooms".encode(), bearer)
        rooms = json.loads(answer.body) if answer.status == 200 else []
    except (DeliveryError, ValueError):
        return None
    return examineWaiting(rooms, now)


def examineWaiting(
    rooms: Sequence[Mapping[str, Any]], now: datetime
) -> CheckResult | None:
    """
    Check memberships as C{GET /rest/rooms} has them. The first of those that have been
    on their way for long is named.
    """
    late = [
        each
        for each in rooms
        if each["state"] in (JOINING, WAITING)
        and now - datetime.fromisoformat(each["since"]) > PATIENCE
    ]
    if not late:
        return None
    room, sender, since = (late[0][key] for key in ("room", "from", "since"))
    words = ", ".join(filter(None, map(late[0].get, ("condition", "reason"))))
    return warning(
        "rooms",
        f"{sender} has not been in {room} since {since}"
        f"{f' ({words})' if words else ''}{_others(late)}: check that the"
        " room and its service exist, and let the bot in; DELETE"
        f" /rest/rooms/{room}?from={sender} gives it up",
    )


def _isAt(record: RoomRecord, domain: str) -> bool:
    return jid.parseJID(record.sender).domain == domain


def _others(records: Sequence[object]) -> str:
    """Tell how many memberships have the same problem as the first."""
    more = len(records) - 1
    return f" (and {more} more like it)" if more else ""


def _foreignAdvice(record: RoomRecord, domain: str) -> str:
    return (
        f", because the domain is {domain}: set --domain to that of the bot, or let a"
        f" bot at {domain} join with PUT /rest/rooms/{record.room}"
    )


def _removedAdvice(record: RoomRecord, domain: str) -> str:
    said = ", ".join(each for each in (record.condition, record.reason) if each)
    return (
        f"{f' ({said})' if said else ''}: once the room lets it in, PUT"
        f" /rest/rooms/{record.room} with this 'from' lets it join again, and DELETE"
        " with ?from= forgets the room"
    )


def _outsideAdvice(record: RoomRecord, domain: str) -> str:
    return (
        f" yet: 'condition' in GET /rest/rooms/{record.room}?from={record.sender} says"
        " why; check that the domain of the room exists, and that the XMPP server"
        " reaches it"
    )
