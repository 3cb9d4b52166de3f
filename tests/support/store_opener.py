"""
A program that opens a store before the reactor runs: C{python -m
tests.support.store_opener FILE}.

It prints C{open}, or why not, and ends with 1. Then it asks for a message to be kept,
lets the reactor run, and prints C{running}; C{kept}, once that is committed; and
C{closed}. What is critical is printed, too, as Twisted does while there is no log.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred

from tests.support.stores import addOutgoing
from xmpprest.core.records import NewMessage
from xmpprest.store.sqlite import SQLiteStore

from .store_keeper import say


async def keep(store: SQLiteStore, reactor: Any) -> None:
    """Keep a message, and end."""
    await addOutgoing(store, NewMessage("a", "user@example.org", "", 1.0))
    say("kept")
    await store.close()
    say("closed")
    reactor.stop()


def main(reactor: Any, path: str) -> None:
    """Open, and keep."""
    store = SQLiteStore(path, reactor)
    problems: list[object] = ["It is not open yet."]
    opening = store.open().addCallback(lambda _: problems.clear())
    opening.addErrback(lambda reason: problems.insert(0, reason.value))
    if problems:
        sys.exit(str(problems[0]))
    say("open")
    reactor.callWhenRunning(say, "running")
    Deferred.fromCoroutine(keep(store, reactor))
    reactor.run()


if __name__ == "__main__":
    from twisted.internet import reactor

    main(reactor, sys.argv[1])
