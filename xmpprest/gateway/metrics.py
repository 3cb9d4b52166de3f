"""Reads the metrics from the parts of a gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, gatherResults

from .._version import __version__
from ..bots.service import BotService
from ..concurrency.single_flight import SingleFlight
from ..core.histogram import Histogram
from ..core.live import Live, LiveSettings
from ..core.media.values import Value
from ..core.records import DEAD, PENDING, QueueDepth
from ..inbox.pull.desk import pullInboxes
from ..inbox.pull.inbox import PullInbox
from ..inbox.router import InboxRouter
from ..live.hub import EventHub
from ..live.rates import RateSampler
from ..metrics.exposition import CONTENT_TYPE, Exposition, Reading, Values
from ..metrics.reactor_lag import ReactorLag
from ..metrics.stanza_counter import StanzaCounter
from ..outbox.direct import DirectOutbox
from ..outbox.outbox import Outbox
from ..rooms.service import RoomService
from ..store.interface import Store
from ..web.api.hooks import HookRouter
from ..web.resource import RestResource
from ..web.standby import InstanceStatus
from ..xmpp.component import ComponentService

#: The names of L{Role<xmpprest.core.cluster.role.Role>}, which is not imported without
#: a database.
ROLES = ("joining", "standby", "active", "retiring")
#: Seconds that a scrape waits for the store.
STORE_TIMEOUT = 1.0


class StoreDepths(NamedTuple):
    """
    Numbers that only the store knows.

    @ivar pending: The stanzas to be delivered.
    @ivar dead: The dead letters.
    @ivar keys: The number of idempotency keys.
    """

    pending: QueueDepth
    dead: QueueDepth
    keys: int


@dataclass
class MetricsCollector:
    """
    Reads all metrics of a gateway.

    @ivar lag: The service that measures the reactor.
    @ivar readings: The function that reads a metric, by its name; none waits.
    """

    component: ComponentService
    traffic: StanzaCounter
    resource: RestResource
    store: Store
    outbox: Outbox | DirectOutbox
    inbox: InboxRouter
    settings: Live[LiveSettings]
    hooks: HookRouter
    bots: BotService
    rooms: RoomService
    instance: InstanceStatus | None
    reactor: Any
    now: Callable[[], float]
    lag: ReactorLag = field(init=False)
    readings: Mapping[str, Reading] = field(init=False)

    def __post_init__(self) -> None:
        self.lag = ReactorLag(self.reactor)
        self._depthsQuery = SingleFlight(
            self._depths, self.reactor, timeout=STORE_TIMEOUT, fallback=None
        )
        #: C{None} while the store is unavailable, and on standby.
        self._known: StoreDepths | None = None
        self._isUp = False
        self.readings = self._readings()
        self._exposition = Exposition(self.readings)

    async def render(self) -> tuple[str, bytes]:
        """Return the media type and the text of all metrics."""
        await self.refresh()
        return CONTENT_TYPE, self._exposition.text()

    async def refresh(self) -> None:
        """Ask the store for the values that only it has."""
        self._known = await self._depthsQuery.get()

    def _depths(self) -> Deferred[StoreDepths | None]:
        """Ask the store for the depths; C{None} if it is unavailable."""
        self._isUp = False
        if self.instance is not None and not self.instance.isActive:
            # What the store holds is the active instance's to tell.
            return self.store.check().addCallbacks(self._standby, lambda _: None)
        asking: list[Deferred[Any]] = [
            self.store.incomingDepth(PENDING),
            self.store.incomingDepth(DEAD),
            self.store.keyCount(),
        ]
        depths = gatherResults(asking, consumeErrors=True)
        return depths.addCallbacks(self._depthsRead, lambda _: None)

    def _standby(self, result: None) -> None:
        self._isUp = True

    def _depthsRead(self, found: list[Any]) -> StoreDepths:
        self._isUp = True
        return StoreDepths(*found)

    def _readings(self) -> dict[str, Reading]:
        """Return the readings, by the name of the metric."""
        sender, visits = self.component.sender, self.resource.accessLog
        pairing, barrier = sender.iqTracker, sender.barrier
        commits = self.store.commits
        roster, contacts = self.bots.roster, self.bots.handler
        return {
            "xmpprest_instance_role": self._roles,
            "xmpprest_info": lambda: {(__version__,): 1},
            "xmpprest_stream_up": lambda: _one(self.component.ready),
            "xmpprest_reconnects": lambda: _each(self.component.reporter.failureCounts),
            "xmpprest_stanzas": self.traffic.counts,
            "xmpprest_barrier_seconds": lambda: _one(barrier.roundTrips),
            "xmpprest_iq_waiting": lambda: _one(len(pairing)),
            "xmpprest_iq_wait_seconds": lambda: _one(pairing.waitTimes),
            "xmpprest_iq_dropped": lambda: _each(
                {"late": pairing.late, "stranger": pairing.mismatched}
            ),
            "xmpprest_http_requests": visits.counts,
            "xmpprest_http_request_seconds": visits.latencies,
            "xmpprest_http_waiting": lambda: _one(self.resource.pendingRequests),
            "xmpprest_hook_requests": self._hookRequests,
            "xmpprest_hook_template_failures": lambda: _each(self.hooks.failures),
            "xmpprest_outbox_messages": lambda: _one(self.outbox.waiting),
            "xmpprest_outbox_bytes": lambda: _one(self.outbox.waitingBytes),
            "xmpprest_outbox_oldest_seconds": lambda: self._age(self.outbox.oldestAt),
            "xmpprest_inbox_stanzas": lambda: _each(
                {"yes": self.inbox.storedCount, "no": self.inbox.transientCount}
            ),
            "xmpprest_inbox_bytes": lambda: _each(
                {"yes": self.inbox.storedSize, "no": self.inbox.transientSize}
            ),
            "xmpprest_inbox_oldest_seconds": lambda: (
                self._age(self._known.pending.oldest) if self._known else {}
            ),
            "xmpprest_updates_waiting": lambda: _each(
                {
                    name: each.storedCount + each.transientCount
                    for name, each in self._pulled.items()
                }
            ),
            "xmpprest_updates_oldest_seconds": lambda: {
                (name,): self._age(each.oldestAt)[()]
                for name, each in self._pulled.items()
            },
            "xmpprest_updates_reader": lambda: _each(
                {name: each.isWatched for name, each in self._pulled.items()}
            ),
            "xmpprest_inbox_refused": lambda: _each(
                {name: each.refusedCount for name, each in self.inbox.inboxes.items()}
            ),
            "xmpprest_replies_dropped": lambda: _one(self.inbox.droppedReplies),
            "xmpprest_dead_letters": lambda: (
                _one(self._known.dead.count) if self._known else {}
            ),
            "xmpprest_callback_seconds": lambda: {
                (name, result): tally
                for name, each in self.inbox.inboxes.items()
                for result, tally in each.attemptLatencies.items()
            },
            "xmpprest_rooms": lambda: _each(self.rooms.counts),
            "xmpprest_room_joins": lambda: _one(self.rooms.changes.joins),
            "xmpprest_room_removals": lambda: _one(self.rooms.changes.removals),
            "xmpprest_room_invitations": lambda: _each(self.rooms.invitations),
            "xmpprest_callback_paused": lambda: _each(
                {name: each.isPaused for name, each in self.inbox.inboxes.items()}
            ),
            "xmpprest_bots": lambda: _one(len(roster)),
            "xmpprest_bot_contacts": lambda: _each(
                {name: roster.states[name] for name in ("none", "from", "to", "both")}
            ),
            "xmpprest_bot_requests": lambda: _each(
                {name: roster.states[name] for name in ("in", "out")}
            ),
            "xmpprest_bot_probes": lambda: _one(contacts.probes),
            "xmpprest_bot_refused": lambda: _one(contacts.limiter.refused),
            "xmpprest_store_up": lambda: _one(self._isUp),
            "xmpprest_store_commit_seconds": lambda: _one(commits.seconds),
            "xmpprest_store_commit_calls": lambda: _one(commits.calls),
            "xmpprest_idempotency_keys": lambda: (
                _one(self._known.keys) if self._known else {}
            ),
            "xmpprest_record_limit": lambda: _one(self.settings.value.recordLimit),
            "xmpprest_reactor_lag_seconds": lambda: _one(self.lag.seconds),
            "xmpprest_reactor_turn_max_seconds": self._longestTurn,
        }

    def _roles(self) -> Values:
        """Return 1 for the role of this instance; a lone one is active."""
        role = "active" if self.instance is None else self.instance.role
        return {(each,): each == role for each in ROLES}

    def _hookRequests(self) -> Values:
        results = {"accepted": self.hooks.accepted, "refused": self.hooks.refused}
        return {
            (hook, result): count
            for result, counts in results.items()
            for hook, count in counts.items()
        }

    @property
    def _pulled(self) -> Mapping[str, PullInbox]:
        """The inboxes that clients fetch from, by the name of their callback."""
        return pullInboxes(self.inbox.inboxes)

    def _longestTurn(self) -> Values:
        longest = self.lag.takeLongestTurn()
        return {} if longest is None else _one(longest)

    def _age(self, since: float | None) -> Values:
        return _one(0.0 if since is None else max(0.0, self.now() - since))


def makeRates(hub: EventHub, collector: MetricsCollector, reactor: Any) -> RateSampler:
    """Make the service that tells subscribers how much happens, and how fast."""

    def tell(value: dict[str, Value]) -> None:
        hub.rates(value)
        if hub.hasSubscribers:
            # For the next sample; without subscribers the store need not count.
            Deferred.fromCoroutine(collector.refresh())

    return RateSampler(collector.readings, tell, reactor)


def _one(value: float | Histogram) -> Values:
    """Return the only value of a metric without labels."""
    return {(): value}


def _each(values: Mapping[str, float | Histogram]) -> Values:
    """Return the values of a metric with one label, by that label."""
    return {(label,): value for label, value in values.items()}
