"""
The store, as the gateway sees it: each call is handed to the writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import TypeVar, TypeVarTuple

from twisted.internet.defer import Deferred

from ...core.records import (
    BOUNCED,
    DEAD,
    DELIVERED,
    Answered,
    Attempt,
    Change,
    Depth,
    Incoming,
    Message,
    Outgoing,
)
from ...core.tally import Commits
from . import answers, inbox, outbox
from .schema import TOUCH
from .together import Together
from .writer import Reactor, Writer

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: How many rows are forgotten in one commit, which others wait for.
CHUNK = 200


class SQLiteStore:
    """
    A L{Store<xmpprest.store.interface.Store>} in a file.
    """

    def __init__(
        self,
        path: str,
        reactor: Reactor,
        connect: Callable[..., Connection] = sqlite3.connect,
    ) -> None:
        """
        @param path: Of the file; others will be beside it.
        @param connect: Opens it; for tests.
        """
        self._writer = Writer(path, reactor, connect)

    @property
    def commits(self) -> Commits:
        """See L{Store.commits}."""
        return self._writer.commits

    def open(self) -> Deferred[None]:
        """See L{Store.open}."""
        return self._writer.start()

    def close(self) -> Deferred[None]:
        """See L{Store.close}."""
        return self._writer.stop()

    def check(self) -> Deferred[None]:
        """See L{Store.check}."""
        return self._call(_touch)

    def accept(
        self,
        id: str,
        to: str,
        stanza: str,
        at: float,
        answered: Answered | None = None,
        *,
        sender: str = "",
    ) -> Deferred[int | Answered]:
        """See L{Store.accept}."""
        message = Message(id, to, stanza, at, answered, sender)
        return self._writer.call(Together(outbox.accept, message))

    def acceptAll(
        self, messages: Sequence[Message]
    ) -> Deferred[Sequence[int | Answered]]:
        """See L{Store.acceptAll}."""
        return self._call(outbox.accept, messages)

    def outgoing(self, after: int, limit: int) -> Deferred[Sequence[Outgoing]]:
        """See L{Store.outgoing}."""
        return self._call(outbox.queued, after, limit)

    def change(self, changes: Sequence[Change]) -> Deferred[None]:
        """See L{Store.change}."""
        # An error comes once; what else is lost is found out again, with the same id.
        isTold = any(each.state == BOUNCED for each in changes)
        work = partial(outbox.change, changes=changes)
        return self._writer.call(work, rests=0 if isTold else len(changes))

    def outgoingByID(self, id: str) -> Deferred[Outgoing | None]:
        """See L{Store.outgoingByID}."""
        return self._call(outbox.byID, id)

    def outgoingDepth(self) -> Deferred[Depth]:
        """See L{Store.outgoingDepth}."""
        return self._call(outbox.depth)

    def receive(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> Deferred[int]:
        """See L{Store.receive}."""
        arrived = inbox.Stanza(webhookID, conversation, stanza, at)
        return self._writer.call(Together(inbox.receive, arrived))

    def conversations(self, after: str, limit: int) -> Deferred[Sequence[str]]:
        """See L{Store.conversations}."""
        return self._call(inbox.conversations, after, limit)

    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Deferred[Sequence[Incoming]]:
        """See L{Store.pending}."""
        return self._call(inbox.pending, conversation, after, limit)

    def pendingBetween(self, first: str, last: str | None) -> Deferred[int]:
        """See L{Store.pendingBetween}."""
        return self._call(inbox.pendingBetween, first, last)

    def move(self, numbers: Sequence[int], conversation: str) -> Deferred[None]:
        """See L{Store.move}."""
        return self._call(inbox.move, numbers, conversation)

    def attempted(
        self, number: int, attempt: Attempt, state: str, dueAt: float
    ) -> Deferred[None]:
        """See L{Store.attempted}."""
        tried = inbox.Tried(number, attempt, state, dueAt)
        return self._writer.call(Together(inbox.attempted, tried))

    def incoming(
        self, state: str, before: int | None, limit: int
    ) -> Deferred[Sequence[Incoming]]:
        """See L{Store.incoming}."""
        return self._call(inbox.inState, state, before, limit)

    def incomingByID(
        self, webhookID: str
    ) -> Deferred[tuple[Incoming, Sequence[Attempt]] | None]:
        """See L{Store.incomingByID}."""
        return self._call(inbox.byID, webhookID)

    def redeliver(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Deferred[Sequence[Incoming]]:
        """See L{Store.redeliver}."""
        return self._writer.call(
            partial(
                inbox.redeliver,
                webhookIDs=webhookIDs,
                since=since,
                until=until,
                at=at,
                limit=limit,
            )
        )

    def incomingDepth(self, state: str) -> Deferred[Depth]:
        """See L{Store.incomingDepth}."""
        return self._call(inbox.depth, state)

    def begin(self, request: Answered) -> Deferred[Answered | None]:
        """See L{Store.begin}."""
        return self._call(answers.begin, request)

    def end(self, key: str, answer: bytes | None) -> Deferred[None]:
        """See L{Store.end}."""
        return self._call(answers.end, key, answer)

    def interrupted(self, answer: bytes) -> Deferred[None]:
        """See L{Store.interrupted}."""
        return self._call(answers.interrupted, answer)

    def forget(self, done: float, dead: float, answered: float) -> Deferred[None]:
        """See L{Store.forget}."""
        return Deferred.fromCoroutine(self._forget(done, dead, answered))

    async def _forget(self, done: float, dead: float, answered: float) -> None:
        """Piece by piece, so that nobody waits long."""
        for piece in (
            partial(outbox.forget, before=done, limit=CHUNK),
            partial(inbox.forget, state=DELIVERED, before=done, limit=CHUNK),
            partial(inbox.forget, state=DEAD, before=dead, limit=CHUNK),
            partial(answers.forget, before=answered, limit=CHUNK),
        ):
            while await self._writer.call(piece) == CHUNK:
                pass

    def _call(
        self,
        function: Callable[[Connection, *_Ts], _T],
        *args: *_Ts,
    ) -> Deferred[_T]:
        """Let the writer call a function with the connection, and these."""
        return self._writer.call(lambda connection: function(connection, *args))


def _touch(connection: Connection) -> None:
    """Write something."""
    connection.execute(TOUCH)
