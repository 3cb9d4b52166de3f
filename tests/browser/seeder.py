"""
A program that puts dead letters into a store: C{python -m tests.browser.seeder FILE},
with the XML of each on a line of its standard input.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.task import react

from xmpprest.core.kept import read
from xmpprest.core.keys import Keys
from xmpprest.core.records import DEAD, PENDING, Attempt
from xmpprest.delivery.inbox.conversations import keyOf, written
from xmpprest.store.sqlite import SQLiteStore

#: What the callback said, each time; also to whoever looks at the page.
ATTEMPTS = (
    (None, "the connection was refused <img src=x onerror=hacked()>"),
    (500, "500 Internal Server Error"),
)


async def main(reactor: Any, path: str) -> None:
    """Keep what comes."""
    store = SQLiteStore(path, reactor)
    await store.open()
    for number, xml in enumerate(sys.stdin.read().splitlines()):
        now, stanza = time.time() - 3600, read(xml)
        kept = await store.receive(
            f"msg_{number}", keyOf(stanza, Keys()), written(stanza), now
        )
        for status, error in ATTEMPTS:
            state = PENDING if status is None else DEAD
            await store.attempted(kept, Attempt(now, status, error), state, now)
    await store.close()


if __name__ == "__main__":
    react(main, sys.argv[1:])
