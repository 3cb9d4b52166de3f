"""The methods of the store for instances and leases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ...core.cluster.values import ClusterView, Lease
from . import leases
from .opening import Opener
from .operation import Operation
from .session import Session

_T = TypeVar("_T")


class LeaseCalls:
    """
    A L{LeaseStore<xmpprest.store.lease_store.LeaseStore>}, whose methods are documented
    there.
    """

    _session: Session
    _opener: Opener
    #: Called when the instance has a new epoch.
    _useEpoch: Callable[[], None]
    #: Called when other instances may have changed what is counted in memory.
    _recount: Callable[[], None]

    @property
    def epoch(self) -> int:
        return self._opener.epoch

    def register(self, url: str, version: str, ttl: float) -> Deferred[int]:
        registering = self._lease(
            leases.register, url or self._opener.url, version, ttl
        )
        return registering.addCallback(self._registered)

    def _registered(self, epoch: int) -> int:
        self._opener.epoch = epoch
        self._useEpoch()
        return epoch

    def beat(self, epoch: int, ttl: float) -> Deferred[ClusterView]:
        return self._lease(leases.beat, epoch, ttl)

    def takeLeases(
        self, names: Sequence[str], epoch: int, ttl: float
    ) -> Deferred[Sequence[str]]:
        return self._lease(leases.take, names, epoch, ttl)

    def releaseLeases(self, names: Sequence[str], epoch: int) -> Deferred[None]:
        return self._lease(leases.release, names, epoch)

    def resign(self, epoch: int) -> Deferred[None]:
        return self._lease(leases.resign, epoch)

    def look(self, name: str) -> Deferred[Lease | None]:
        return self._lease(leases.holder, name)

    def admit(self, isAdmitted: bool, onFenced: Callable[[], object]) -> None:
        self._session.onFenced = onFenced
        self._session.admit(isAdmitted)
        if isAdmitted:
            # Other instances have written meanwhile.
            self._recount()

    def _lease(self, make: Callable[..., Operation[_T]], *args: Any) -> Deferred[_T]:
        return self._session.submit(partial(make, *args), isGuarded=False)
