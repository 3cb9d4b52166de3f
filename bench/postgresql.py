"""
Restarts a PostgreSQL of its own under load, and counts what its store has.

C{python -m bench.postgresql [RESTARTS]} restarts it as after a crash (C{pg_ctl -m
immediate restart}), 20 times by default, while 16 callers write messages. It prints how
many messages were reported as stored, how many of these are missing, and how many are
there that were not reported or are there twice. It ends with status 1 unless both are
0.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.task import react

from tests.support.postgresql import PostgreSQL
from tests.support.restarts import Restarts
from xmpprest.store.postgresql import PostgreSQLStore


async def main(reactor: Any, restarts: str = "20") -> None:
    """Restart, and print."""
    server = PostgreSQL()
    try:
        server.start()
        database = server.createDatabase()
        store = PostgreSQLStore(server.url(database), reactor)
        await store.open()
        began = time.monotonic()
        load = Restarts(store, server, reactor)
        await load.run(int(restarts))
        lost, extra = load.difference(database)
        await store.close()
        print(
            f"{restarts} immediate restarts in {time.monotonic() - began:.0f} s:"
            f" {len(load.reported):,} messages reported as stored,"
            f" {lost.total()} of them lost, {extra.total()} stored without a report or"
            f" twice, {load.refused:,} refused."
        )
    finally:
        server.stop()
    if lost or extra:
        raise SystemExit(1)


if __name__ == "__main__":
    react(main, sys.argv[1:])
