"""
How much memory a request takes while it waits for its reply, beside its stanza: as many
may wait as C{--waiting-limit} says.
"""

from __future__ import annotations

import gc
import tracemalloc

from .web.case import IQ, SiteTestCase, request

COUNT = 50
#: Bytes of one, a fifth above what it took when this was written.
LIMIT = 4300
#: Where they are allocated; what else there is is the test's.
PLACES = ("*/xmpprest/web/*", "*/twisted/web/*", "*/twisted/internet/*")


class FootprintTests(SiteTestCase):
    """
    A bound. Whoever meets it should see whether what was added must be there for as
    long as a request waits.
    """

    def test_waiting(self) -> None:
        """A request that waits takes no more than it did."""
        clients = [self.client() for _ in range(COUNT + 1)]
        # What is made once is made by the first.
        clients.pop().send(request(IQ))
        data = request(IQ)
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for client in clients:
            client.send(data)
        gc.collect()
        found = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, place) for place in PLACES]
        )
        self.assertEqual(len(self.requester.requests), COUNT + 1)
        taken = sum(each.size for each in found.statistics("filename")) / COUNT
        self.assertLessEqual(taken, LIMIT)
        # Or it measures something else.
        self.assertGreater(taken, LIMIT / 3)
