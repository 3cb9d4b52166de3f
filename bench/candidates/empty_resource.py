"""
The upper bound: twisted.web with a resource that answers 202 and does nothing else.

C{python -m bench.candidates.empty_resource PORT} serves until it is stopped.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.support.process import LOOPBACK

reactor: Any = _reactor


class Empty(Resource):
    """
    A resource that does nothing.
    """

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """Answer 202 without reading the body."""
        request.setResponseCode(202)
        return b""


def main(port: int) -> None:
    """Serve on a port."""
    site = Site(Empty())
    # No access log, as in the gateway.
    site.log = lambda request: None  # type: ignore[method-assign]
    reactor.listenTCP(port, site, interface=LOOPBACK)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
