"""An ordeal of several gateways on one database, of which one is active."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from tests.support.postgresql import PostgreSQL
from tests.support.process import LOOPBACK, ServerProcess

from ..gateway_process import GatewayProcess, SurvivalEjabberd, SurvivalProsody
from .balancer import Balancer
from .load import sleep
from .ordeal import TIMEOUT, Lane, Ordeal


class ClusterProsody(SurvivalProsody):
    """
    A Prosody that lets a new connection of a component replace the old one.
    """

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        path.write_text(f'component_conflict_resolve = "kick_old"\n{path.read_text()}')


#: The servers of clusters, by name.
SERVERS: dict[str, type[ServerProcess]] = {
    "Prosody": ClusterProsody,
    "ejabberd": SurvivalEjabberd,
}


class Cluster:
    """
    Gateways on one database behind a balancer, in the place of a L{GatewayProcess}.

    @ivar instances: The gateways.
    @ivar balancer: Sends clients to the active one.
    """

    def __init__(self, instances: list[GatewayProcess]) -> None:
        self.instances = instances
        self.balancer = Balancer([each.port for each in instances])
        self.port = self.balancer.port

    def start(self) -> None:
        """Start the gateways that do not run."""
        for each in self.instances:
            each.start()

    def stop(self) -> None:
        """End all of them."""
        for each in self.instances:
            each.stop()

    @property
    def log(self) -> Path:
        """The log of the active gateway."""
        return (self.active or self.instances[0]).log

    @property
    def active(self) -> GatewayProcess | None:
        """The active gateway."""
        port = self.balancer.active
        return next((each for each in self.instances if each.port == port), None)


class ClusterOrdeal(Ordeal):
    """
    An ordeal of several instances of one gateway.

    @ivar database: Their database.
    @ivar gaps: Seconds without an active instance, for each failure of the active one.
    """

    def __init__(
        self, server: ServerProcess, seed: int, *, instances: int = 3, **settings: Any
    ) -> None:
        super().__init__(server, seed, **settings)
        self.database = PostgreSQL()
        self.gaps: list[float] = []
        self._count = instances

    async def start(self) -> None:
        """Start everything."""
        await deferToThread(self.database.start)
        self._name = await deferToThread(self.database.createDatabase)
        await super().start()

    async def stop(self) -> None:
        """End everything; nothing is left of it."""
        if hasattr(self.lanes[0], "gateway"):
            await self.cluster.balancer.stop()
        await super().stop()
        await deferToThread(self.database.stop)

    async def startGateways(self) -> None:
        """Start the instances, and wait until one is active."""
        await super().startGateways()
        await self._until(lambda: self.cluster.active is not None, "active instance")

    @property
    def cluster(self) -> Cluster:
        """The instances."""
        cluster: Any = self.lanes[0].gateway
        assert isinstance(cluster, Cluster)
        return cluster

    async def awaitActive(self) -> GatewayProcess:
        """Wait until an instance is active, and return it."""
        await self._until(lambda: self.cluster.active is not None, "active instance")
        active = self.cluster.active
        assert active is not None
        return active

    async def awaitTakeover(self, happened: Callable[[], bool], since: float) -> None:
        """
        Wait until another instance is active, and note how long there was none.

        @param happened: Whether one is.
        @param since: When the last one stopped to work.
        """
        await self._until(happened, "takeover")
        self.gaps.append(time.monotonic() - since)

    def _populate(self, lane: Lane) -> None:
        password = self.database.directory / "password"
        url = self.database.url(self._name)
        secret = url.partition("@")[0].rpartition(":")[2].replace("%20", " ")
        password.write_text(secret)
        password.chmod(0o600)
        where = url.replace(f":{secret.replace(' ', '%20')}@", "@")
        instances = [
            GatewayProcess(
                self.server,
                lane.domain,
                f"http://{LOOPBACK}:{self._port.getHost().port}/",
                where,
                settings={
                    **self._settings,
                    "XMPPREST_STORE_PASSWORD_FILE": str(password),
                },
            )
            for _ in range(self._count)
        ]
        cluster: Any = Cluster(instances)
        lane.gateway = cluster
        cluster.balancer.start()
        self._addSenders(lane)


async def killActive(ordeal: ClusterOrdeal) -> None:
    """Kill the active instance at some point, and start it again."""
    await ordeal.awaitPromises(ordeal.chance.randrange(1, 200))
    active = await ordeal.awaitActive()
    await deferToThread(active.kill)
    await _takenOver(ordeal, active)
    await deferToThread(active.start)
    await ordeal.awaitReceipts(1)


async def stopActive(ordeal: ClusterOrdeal) -> None:
    """Stop the active instance in good order at some point, and start it again."""
    await ordeal.awaitPromises(ordeal.chance.randrange(1, 200))
    active = await ordeal.awaitActive()
    stopping = deferToThread(active.shutdown)
    await _takenOver(ordeal, active)
    await stopping
    await deferToThread(active.start)
    await ordeal.awaitReceipts(1)


async def freezeActive(ordeal: ClusterOrdeal, seconds: float = 10.0) -> None:
    """Suspend the active instance at some point, for some time."""
    await ordeal.awaitPromises(ordeal.chance.randrange(1, 200))
    active = await ordeal.awaitActive()
    began = time.monotonic()
    await deferToThread(active.suspend)
    try:
        await _takenOver(ordeal, active)
        await sleep(max(0.0, began + seconds - time.monotonic()))
    finally:
        ordeal.nextEpoch()
        ordeal.turns.skip()
        active.resume()
    await ordeal.awaitReceipts(1)


async def _takenOver(ordeal: ClusterOrdeal, gone: GatewayProcess) -> None:
    """Wait for another active instance."""
    since = time.monotonic()
    ordeal.nextEpoch()
    balancer = ordeal.cluster.balancer
    await ordeal.awaitTakeover(lambda: balancer.active not in (None, gone.port), since)


async def restartDatabase(ordeal: ClusterOrdeal) -> None:
    """Restart the database as after a crash, at some point."""
    await ordeal.awaitPromises(ordeal.chance.randrange(1, 200))
    await deferToThread(ordeal.database.restartAtOnce)
    ordeal.nextEpoch()
    await ordeal.awaitReceipts(5)
    await ordeal.awaitPromises(5)


#: What may fail, by name.
FAILURES = {
    "active killed": killActive,
    "active stopped in order": stopActive,
    "active frozen for 10 s": freezeActive,
    "PostgreSQL restarted": restartDatabase,
}

__all__ = ["FAILURES", "SERVERS", "TIMEOUT", "ClusterOrdeal"]
