"""Tests of the memory that waiting clients take."""

from __future__ import annotations

import gc
import tracemalloc

from tests.support.delivery import EVERYTHING, HeldStream
from tests.web.case import SiteTestCase, request
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.pull.desk import UpdateDesk
from xmpprest.inbox.router import InboxRouter
from xmpprest.inbox.subscriber import Subscription
from xmpprest.store.memory import MemoryStore
from xmpprest.web.api.updates import UpdatesHandler

READERS = 200
#: Bytes for each reader, its connection included.
LIMIT = 10_240


class MemoryTests(SiteTestCase):
    """
    Tests of requests that wait for updates, through the HTTP server.
    """

    def test_reader(self) -> None:
        """
        Each of many callbacks with one waiting client takes at most 10 KB for it.
        """
        store = MemoryStore()
        store.open()
        router = InboxRouter(
            HeldStream().send,
            lambda iq: None,
            [
                Subscription(None, EVERYTHING, name=f"c{number}")
                for number in range(READERS)
            ],
            InboxOptions(self.clock, self.settings, store, self.clock.seconds),
        )
        router.startService()
        desk = UpdateDesk(router, store)
        self.build(
            UpdatesHandler(desk, self.once, self.authenticator).routes,
            waitingLimit=10_000,
        )
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        clients = [self.client() for _ in range(READERS)]
        for number, client in enumerate(clients):
            path = f"/rest/updates?wait=60&callback=c{number}"
            client.send(request(b"", {"Content-Type": None}, "GET", path))
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
        self.assertTrue(all(each.hasReader for each in desk.inboxes.values()))
        self.assertLess(used / READERS, LIMIT)
