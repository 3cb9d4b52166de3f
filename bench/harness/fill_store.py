"""
Fills a store with rows.

C{python -m bench.harness.fill_store FILE ROWS} writes ROWS rows. Half of them are
messages, all confirmed. The other half are inbound stanzas of a thousand conversations:
half of these are delivered; the rest, at most C{WAITING}, failed once and are due for a
retry in an hour.
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
)
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.store.interface import Store
from xmpprest.store.sqlite import SQLiteStore

CONVERSATIONS = 1000
#: The gateway refuses new stanzas once 100,000 are pending.
WAITING = 50_000
STEP = 1000

GATEWAY = "gateway.localhost"
STANZA = "<message from='{0}' to='{1}'><body>{2}</body></message>"
BODY = "x" * 500

KEYS = ConversationKeys()


async def fill(store: Store, each: int, now: float) -> None:
    """Write a number of rows of each kind to a new store."""
    for first in range(1, each + 1, STEP):
        numbers = range(first, min(first + STEP, each + 1))
        kept: list[Deferred[Any]] = []  # of this and that
        sent: list[NewMessage] = []
        for number in numbers:
            person = number % CONVERSATIONS
            sender = f"p{person}@elsewhere.localhost"
            stanza = STANZA.format(sender, GATEWAY, BODY)
            # Stanzas with even numbers are delivered: half the conversations are idle.
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
        kept += [
            store.addAllOutgoing(sent),
            store.updateStates(numbers, CONFIRMED, now),
        ]
        await gatherResults(kept)


async def main(reactor: Any, path: str, rows: str) -> None:
    """Fill a new store."""
    store = SQLiteStore(path, reactor)
    await store.open()
    await fill(store, int(rows) // 2, time.time())
    await store.close()


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
