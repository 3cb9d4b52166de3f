"""Checks the stored memberships: bots that cannot be, or are not, in their room."""

from __future__ import annotations

from collections.abc import Sequence

from ...config.config import Config
from ...core.records import StoreUnusable
from ...core.rooms.values import RoomRecord
from ...core.stanza import jid
from ...store.sqlite import inspection
from .result import CheckResult, warning


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


def _isAt(record: RoomRecord, domain: str) -> bool:
    return jid.parseJID(record.sender).domain == domain


def _others(records: Sequence[RoomRecord]) -> str:
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
