"""
A limit: twisted.web with a resource that does nothing, and answers 202.

C{python -m bench.contenders.empty_resource PORT} serves until it is ended.
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
    """Nothing."""

    isLeaf = True

    def render_POST(self, request: Request) -> bytes:
        """Accept whatever it is."""
        request.setResponseCode(202)
        return b""


def main(port: int) -> None:
    """Serve."""
    site = Site(Empty())
    # As the gateway, it writes no log of requests.
    site.log = lambda request: None  # type: ignore[method-assign]
    reactor.listenTCP(port, site, interface=LOOPBACK)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
