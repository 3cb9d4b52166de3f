"""
A program that puts stanzas into a store: C{python -m tests.browser.seeder FILE}, with
the XML of each on a line of its standard input. They become dead letters, or with the
name of a callback as a second argument updates that wait for its client.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.task import react

from xmpprest.core.records import DEAD, PENDING, DeliveryAttempt
from xmpprest.core.stanza.stored import parseStored, serialize
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.store.sqlite import SQLiteStore

#: What the callback said, each time; also to whoever looks at the page.
ATTEMPTS = (
    (None, "the connection was refused <img src=x onerror=hacked()>"),
    (500, "500 Internal Server Error"),
)


async def main(reactor: Any, path: str, callback: str = "") -> None:
    """Keep what comes."""
    store = SQLiteStore(path, reactor)
    await store.open()
    for number, xml in enumerate(sys.stdin.read().splitlines()):
        now, stanza = time.time() - 3600, parseStored(xml)
        keys = ConversationKeys(callback) if callback else ConversationKeys()
        kept = await store.addIncoming(
            f"msg_{number}", keys.keyOf(stanza), serialize(stanza), now
        )
        for status, error in () if callback else ATTEMPTS:
            state = PENDING if status is None else DEAD
            await store.recordAttempt(
                kept, DeliveryAttempt(now, status, error), state, now
            )
    await store.close()


if __name__ == "__main__":
    react(main, sys.argv[1:])
