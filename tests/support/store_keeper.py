"""
A program that stores messages and reports each one:
C{python -m tests.support.store_keeper FILE CALLERS}.

It prints C{open}; then C{kept ID} for each message, once that is committed, or
C{failed ID: REASON}, until it is killed. If there is a third argument, that is a file
it removes once C{failed} was printed, to make room; then it goes on until it could keep
a hundred more, ends, opens the store once more, and prints C{there ID} for each
message in it, and C{end}.
"""

from __future__ import annotations

import os
import sys
import uuid
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from tests.support.stores import addOutgoing
from xmpprest.core.records import NewMessage, StoreUnavailable, StoreUnusable
from xmpprest.store.sqlite import SQLiteStore


def say(what: str) -> None:
    """Print a line, at once."""
    os.write(1, f"{what}\n".encode())


class Keeper:
    """
    Keeps messages.
    """

    def __init__(self, store: SQLiteStore, size: int) -> None:
        """
        @param size: Of a message, in bytes.
        """
        self._store = store
        self._stanza = "x" * size

    async def keep(self) -> bool:
        """Keep one; returns whether it did."""
        id = uuid.uuid4().hex
        try:
            await addOutgoing(
                self._store, NewMessage(id, "user@example.org", self._stanza, 1.0)
            )
        except StoreUnavailable as error:
            say(f"failed {id}: {error}")
            return False
        say(f"kept {id}")
        return True

    async def keepForEver(self) -> None:
        """Keep one after the other."""
        while True:
            await self.keep()

    async def fillUp(self, ballast: str) -> None:
        """Keep messages until there is no room; make some, and keep a hundred more."""
        while await self.keep():
            pass
        await gatherResults([Deferred.fromCoroutine(self.keep()) for _ in range(20)])
        os.unlink(ballast)
        kept = 0
        while kept < 100:
            kept += await self.keep()


async def main(reactor: Any, path: str, callers: str, ballast: str = "") -> None:
    """Keep messages."""
    store = SQLiteStore(path, reactor)
    try:
        await store.open()
    except StoreUnusable as error:
        say(f"unusable: {error}")
        return
    say("open")
    keeper = Keeper(store, 20_000 if ballast else 600)
    if not ballast:
        await gatherResults(
            [Deferred.fromCoroutine(keeper.keepForEver()) for _ in range(int(callers))]
        )
    await keeper.fillUp(ballast)
    await store.close()
    await store.open()
    for message in await store.queuedMessages(0, 1_000_000):
        say(f"there {message.id}")
    await store.close()
    say("end")


if __name__ == "__main__":
    react(main, sys.argv[1:])
