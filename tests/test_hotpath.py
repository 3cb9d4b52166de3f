"""
How much is done for one request, counted in calls of Python functions: seconds would
differ from one machine to the next, and calls do not.
"""

from __future__ import annotations

import sys
from types import FrameType

from .web.case import IQ, MESSAGE, SiteTestCase, request

JSON = b'{"to": "a@example.org", "type": "chat", "body": "Hello"}'

#: By what is posted: its body and type, and how many calls it may take until it is
#: answered, or waits for its reply.
LIMITS = {
    "a message in XML": (MESSAGE, "application/xmpp+xml", 170),
    "a message in JSON": (JSON, "application/json", 200),
    "an iq": (IQ, "application/xmpp+xml", 139),
}


class HotPathTests(SiteTestCase):
    """
    A bound on each, a tenth above what it took when this was written. Whoever meets it
    should see whether what was added belongs into every request.
    """

    def calls(self, data: bytes) -> int:
        """How many functions are called for a request, on a connection that is kept."""
        client, count = self.client(), 0

        def profile(frame: FrameType, event: str, argument: object) -> None:
            nonlocal count
            count += event == "call"

        # What is made once is made by the first, which an iq would leave waiting.
        client.send(request(b""))
        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            client.send(data)
        finally:
            sys.setprofile(before)
        client.leave()
        return count

    def test_limits(self) -> None:
        """A request takes no more than it did."""
        for what, (body, contentType, limit) in LIMITS.items():
            data = request(body, {"Content-Type": contentType})
            self.calls(data)
            self.requester.requests.clear()
            taken = self.calls(data)
            self.requester.requests.clear()
            self.assertLessEqual(taken, limit, what)
            # Or it counts something else.
            self.assertGreater(taken, limit / 3, what)
