"""
A store with much in it.

C{python -m bench.filling FILE ROWS} keeps so many rows: half of them messages, all of
them confirmed, and half of them stanzas for the callback, of a thousand conversations.
Of these, half have been delivered; the others, but no more than C{WAITING}, were tried
without success, and are to be tried again in an hour.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from xmpprest.core.records import (
    CONFIRMED,
    DELIVERED,
    PENDING,
    DeliveryAttempt,
    NewMessage,
    StateChange,
)
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.store.interface import Store
from xmpprest.store.sqlite import SQLiteStore

CONVERSATIONS = 1000
#: A gateway for which 100,000 wait takes no more.
WAITING = 50_000
STEP = 1000

GATEWAY = "gateway.localhost"
STANZA = "<message from='{0}' to='{1}'><body>{2}</body></message>"
BODY = "x" * 500

KEYS = ConversationKeys()


async def fill(store: Store, each: int, now: float) -> None:
    """Keep so many of each kind in a new store."""
    for first in range(1, each + 1, STEP):
        numbers = range(first, min(first + STEP, each + 1))
        kept: list[Deferred[Any]] = []  # of this and that
        sent: list[NewMessage] = []
        for number in numbers:
            person = number % CONVERSATIONS
            sender = f"p{person}@elsewhere.localhost"
            stanza = STANZA.format(sender, GATEWAY, BODY)
            # Of even numbers, all delivered: its conversations have nothing to do.
            waits = number % 2 and number < 2 * WAITING
            state = PENDING if waits else DELIVERED
            attempt = DeliveryAttempt(now, None if waits else 204, None)
            sent.append(NewMessage(f"out{number}", "user@example.org", stanza, now))
            kept += [
                store.addIncoming(
                    f"in{number}", KEYS.keyFor(sender, GATEWAY), stanza, now
                ),
                store.recordAttempt(number, attempt, state, now + 3600),
            ]
        done = [StateChange(number, CONFIRMED, now) for number in numbers]
        await gatherResults(
            [*kept, store.addAllOutgoing(sent), store.updateStates(done)]
        )


async def main(reactor: Any, path: str, rows: str) -> None:
    """Fill one."""
    store = SQLiteStore(path, reactor)
    await store.open()
    await fill(store, int(rows) // 2, time.time())
    await store.close()


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
