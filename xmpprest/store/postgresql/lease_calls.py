"""The methods of the store for instances and leases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred

from ...core.cluster.values import ClusterView
from . import leases
from .opening import Opener
from .session import Session


class LeaseCalls:
    """
    A L{LeaseStore<xmpprest.store.lease_store.LeaseStore>}, whose methods are documented
    there.
    """

    _session: Session
    _opener: Opener
    #: Called when the instance has a new epoch.
    _useEpoch: Callable[[], None]

    @property
    def epoch(self) -> int:
        return self._opener.epoch

    def register(self, url: str, version: str, ttl: float) -> Deferred[int]:
        registering = self._session.submit(
            partial(leases.register, url, version, ttl), isGuarded=False
        )
        return registering.addCallback(self._registered)

    def _registered(self, epoch: int) -> int:
        self._opener.epoch = epoch
        self._useEpoch()
        return epoch

    def beat(self, epoch: int, ttl: float) -> Deferred[ClusterView]:
        return self._session.submit(partial(leases.beat, epoch, ttl))

    def takeLeases(
        self, names: Sequence[str], epoch: int, ttl: float
    ) -> Deferred[Sequence[str]]:
        return self._session.submit(partial(leases.take, names, epoch, ttl))

    def releaseLeases(self, names: Sequence[str], epoch: int) -> Deferred[None]:
        return self._session.submit(partial(leases.release, names, epoch))

    def resign(self, epoch: int) -> Deferred[None]:
        return self._session.submit(partial(leases.resign, epoch))
