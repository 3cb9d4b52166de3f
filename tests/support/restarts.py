"""Restarts of PostgreSQL while a store writes to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from xmpprest.core.records import NewMessage, StoreUnavailable
from xmpprest.store.interface import Store

from .postgresql import PostgreSQL
from .stores import addOutgoing

#: Callers that write at the same time, and messages between two restarts.
CALLERS, BETWEEN = 16, 200
PAUSE = 0.02


@dataclass
class Restarts:
    """
    A store that writes while its server restarts as after a crash.

    @ivar reported: The ids of the messages whose storing was reported.
    @ivar refused: How many times a message was refused.
    """

    store: Store
    server: PostgreSQL
    reactor: Any
    reported: list[str] = field(default_factory=list)
    refused: int = 0

    async def run(self, restarts: int) -> None:
        """Write, and restart the server some times."""
        isOver = False
        ids = map(str, count())

        async def send() -> None:
            while not isOver:
                id = next(ids)
                try:
                    message = NewMessage(id, "u@x", "<message/>", 1.0)
                    await addOutgoing(self.store, message)
                    self.reported.append(id)
                except StoreUnavailable:
                    self.refused += 1
                    await deferLater(self.reactor, PAUSE)

        senders = [Deferred.fromCoroutine(send()) for _ in range(CALLERS)]
        for number in range(restarts):
            while len(self.reported) < BETWEEN * (number + 1):
                await deferLater(self.reactor, PAUSE)
            await deferToThread(self.server.restartAtOnce)
            await recover(self.store, self.reactor)
        isOver = True
        await gatherResults(senders)

    def difference(self, database: str) -> tuple[Counter[str], Counter[str]]:
        """Return the ids that were lost, and those that are stored too often."""
        stored = Counter(
            self.server.execute("SELECT id FROM outgoing", database).split()
        )
        reported = Counter(self.reported)
        return reported - stored, stored - reported


async def recover(store: Store, reactor: Any) -> None:
    """Wait until a store works."""
    while True:
        try:
            return await store.check()
        except StoreUnavailable:
            await deferLater(reactor, PAUSE)
