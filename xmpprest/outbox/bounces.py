"""Recognises the error stanzas that say that a message has bounced."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.records import (
    BOUNCED,
    DROPPED,
    QUEUED,
    OutboxRecord,
    Outcome,
    StoreUnavailable,
)
from .bounce_origin import isAnswerFrom
from .interfaces import OutboxStore
from .outcomes import Outcomes
from .sender import OutboxSender

_log = Logger()

#: Error stanzas looked up in the store at a time. Further ones are ignored: a flood of
#: them must not keep new messages from being stored.
MAX_LOOKUPS = 100


class BounceFinder:
    """
    Finds the message that an inbound error stanza is about, and records its bounce.
    """

    def __init__(self, store: OutboxStore, outcomes: Outcomes) -> None:
        """@param outcomes: Tells the clients that wait for a message."""
        self._store = store
        self._outcomes = outcomes
        self._lookups = 0

    def handle(self, stanza: Element, sender: OutboxSender) -> None:
        """
        Record that a message has bounced if an inbound stanza says so.

        @param sender: Has the messages in flight.
        """
        id = stanza.getAttribute("id")
        isError = stanza.getAttribute("type") == "error"
        if stanza.name != "message" or not isError or not id:
            return
        if not sender.bounce(stanza, id) and self._lookups < MAX_LOOKUPS:
            self._lookups += 1
            lookup = Deferred.fromCoroutine(self._lookUp(stanza, id, sender))
            lookup.addErrback(
                lambda reason: _log.failure(
                    "A bounce could not be recorded.", failure=reason
                )
            )

    async def _lookUp(self, error: Element, id: str, sender: OutboxSender) -> None:
        """Record the bounce of a message that is no longer in flight."""
        try:
            with suppress(StoreUnavailable):
                for found in await self._store.outgoingByID(id):
                    written = sender.inFlight(found.number)
                    isToRoom = sender.rooms.isToRoom(found, written)
                    isAbout = isAnswerFrom(error, found.to, isToRoom=isToRoom)
                    if isAbout and _mayBounce(found, sender.lastWritten):
                        settlements = sender.settlements
                        settlements.record([found.number], BOUNCED, error)
                        self._outcomes.resolve(found.number, Outcome(BOUNCED, error))
                        return
        finally:
            self._lookups -= 1


def _mayBounce(found: OutboxRecord, lastWritten: int) -> bool:
    """Whether a message was written: else the error is about an older one."""
    isWritten = found.number <= lastWritten or found.state != QUEUED
    return isWritten and found.state not in (BOUNCED, DROPPED)
