"""Makes a gateway one of several instances, of which one is active."""

from __future__ import annotations

import time
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IStreamClientEndpoint

from .._version import __version__
from ..cluster.fenced_endpoint import FencedEndpoint
from ..cluster.member import ClusterMember, Leases
from ..cluster.status import MemberStatus
from ..xmpp.component import ComponentService


def _seconds() -> float:
    """Return seconds that go on also while the system sleeps."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Instance:
    """
    One instance of a gateway.

    @ivar status: Its role, for operators and clients.
    """

    def __init__(self, store: Leases, reactor: Any) -> None:
        self._member = ClusterMember(
            store, reactor, steady=_seconds, now=time.time, version=__version__
        )
        self.status = MemberStatus(self._member)

    def fence(self, endpoint: IStreamClientEndpoint) -> IStreamClientEndpoint:
        """Return the endpoint of the XMPP server for the active instance only."""
        self._endpoint = FencedEndpoint(endpoint, self._member.isValid)
        return self._endpoint

    def run(self, parts: Service, component: ComponentService) -> Service:
        """
        Return the service that runs others while the instance is active.

        @param parts: Those, in their order.
        @param component: The connection to the XMPP server, which is one of them.
        """

        def abort() -> None:
            # It must not connect again.
            component.stopService()
            self._endpoint.abort()

        self._member.run(parts, abort)
        return self._member
