"""Makes the HTTP side of a gateway: its routes, its resources, its sites."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._version import __version__
from ..bots.service import BotService
from ..config.config import Config
from ..core.hooks.hook import Hooks
from ..core.live import Live, LiveSettings
from ..core.openapi.document import document
from ..core.policy.authentication import Authenticator
from ..ids import newID
from ..inbox.pull.desk import UpdateDesk
from ..inbox.router import InboxRouter
from ..live.hub import EventHub
from ..metrics.stanza_counter import StanzaCounter
from ..outbox.direct import DirectOutbox
from ..outbox.outbox import Outbox
from ..rooms.service import RoomService
from ..store.interface import Store
from ..web.api.batch.handler import BatchHandler
from ..web.api.bots import BotsHandler
from ..web.api.console import ConsolePage
from ..web.api.docs import SwaggerUI
from ..web.api.events import EventsHandler
from ..web.api.file_messages import FileMessageHandler
from ..web.api.files import FilesHandler
from ..web.api.hook_status import HookStatusHandler
from ..web.api.hooks import HookRouter
from ..web.api.inbox import InboxHandler, StoredInbox
from ..web.api.outbox import OutboxHandler
from ..web.api.rooms import RoomsHandler
from ..web.api.stanzas import StanzaHandler
from ..web.api.updates import UpdatesHandler
from ..web.health.metrics import MetricsResource, allowAnyone, requirePermission
from ..web.health.own_host import OwnHostRoot
from ..web.health.readiness import ReadinessResource
from ..web.health.resource import LivenessResource
from ..web.idempotency.guard import IdempotencyGuard
from ..web.resource import RestResource, Router
from ..web.router import RouteTable
from ..web.server.site import GatewaySite, makeRoot
from ..web.standby import InstanceStatus, StandbyRouter
from ..xmpp.component import ComponentService
from .files import ADMIN_CONNECTIONS
from .metrics import MetricsCollector
from .stores import isDurable
from .uploads import makeUploadDesk


@dataclass(frozen=True)
class Parts:
    """
    The parts of a gateway that its HTTP side shows.

    @ivar hub: The source of the live events.
    @ivar hooks: The hooks, which a reload replaces.
    @ivar updates: The updates that clients fetch; C{None} without a durable store.
    @ivar instance: The role of this instance; C{None} if there can be no others.
    """

    component: ComponentService
    store: Store
    outbox: Outbox | DirectOutbox
    inbox: InboxRouter
    counter: StanzaCounter
    hub: EventHub
    hooks: Live[Hooks]
    bots: BotService
    rooms: RoomService
    updates: UpdateDesk | None = None
    instance: InstanceStatus | None = None


@dataclass(frozen=True)
class HTTPSide:
    """
    The HTTP side of a gateway.

    @ivar resource: The resource at C{/rest}.
    @ivar hooks: The resource at C{/hooks}.
    @ivar ready: The resource at C{/readyz}.
    @ivar metrics: The resource at C{/metrics}.
    @ivar site: The site for C{--listen}.
    @ivar admin: The site for C{--admin-listen}.
    @ivar events: The service of C{/rest/events}.
    @ivar collector: Reads the metrics.
    """

    resource: RestResource
    hooks: RestResource
    ready: ReadinessResource
    metrics: MetricsResource
    site: GatewaySite
    admin: GatewaySite
    events: EventsHandler
    collector: MetricsCollector


def makeHTTPSide(
    config: Config,
    settings: Live[LiveSettings],
    authenticator: Authenticator,
    parts: Parts,
    reactor: Any,
) -> HTTPSide:
    """Make the resources and sites of a gateway."""
    sender = parts.component.sender
    events = EventsHandler(
        parts.hub, reactor, requirePermission(authenticator, "events")
    )
    once = IdempotencyGuard(parts.store, time.time)
    router = HookRouter(
        parts.hooks,
        parts.outbox,
        newID,
        once,
        time.time,
        settings=settings,
        readdress=parts.rooms.readdress,
        isInRoom=parts.rooms.isOpen,
    )
    routes = _makeRoutes(
        config,
        settings,
        authenticator,
        parts,
        reactor,
        events=events,
        once=once,
        hooks=HookStatusHandler(parts.hooks, parts.outbox, router),
    )
    active: Router = routes
    activeHooks: Router = router
    if parts.instance is not None:
        active = StandbyRouter(routes, parts.instance)
        activeHooks = StandbyRouter(router, parts.instance)
    resource = RestResource(active, authenticator, settings)
    hooks = RestResource(
        activeHooks, authenticator, settings, accessLog=resource.accessLog
    )
    collector = MetricsCollector(
        parts.component,
        parts.counter,
        resource,
        parts.store,
        parts.outbox,
        parts.inbox,
        settings,
        router,
        parts.bots,
        parts.rooms,
        parts.instance,
        reactor,
        time.time,
    )
    barrier = sender.barrier if isDurable(config) else None
    ready = ReadinessResource(
        parts.component, parts.store, barrier, reactor, parts.instance
    )
    metrics = MetricsResource(collector, requirePermission(authenticator, "metrics"))
    health = {"livez": LivenessResource(), "readyz": ready}
    site = GatewaySite(
        makeRoot({"rest": resource, "hooks": hooks, **health, "metrics": metrics}),
        settings,
        reactor,
        visits=resource.accessLog,
    )
    admin = GatewaySite(
        OwnHostRoot(
            makeRoot({**health, "metrics": MetricsResource(collector, allowAnyone)})
        ),
        settings,
        reactor,
        connectionLimit=ADMIN_CONNECTIONS,
    )
    return HTTPSide(resource, hooks, ready, metrics, site, admin, events, collector)


def _makeRoutes(
    config: Config,
    settings: Live[LiveSettings],
    authenticator: Authenticator,
    parts: Parts,
    reactor: Any,
    *,
    events: EventsHandler,
    once: IdempotencyGuard,
    hooks: HookStatusHandler,
) -> RouteTable:
    """Make the routes below C{/rest}."""
    outbox = parts.outbox
    sending = StanzaHandler(
        config.domain,
        outbox,
        parts.component.sender,
        newID,
        once,
        settings=settings,
        readdress=parts.rooms.readdress,
    )
    batches = BatchHandler(
        sending, outbox, once, reactor, settings, authenticator=authenticator
    )
    inbox = StoredInbox(parts.store, parts.inbox) if isDurable(config) else None
    desk = makeUploadDesk(config, settings, parts.component, reactor)
    return RouteTable(
        sending,
        {
            **ConsolePage().routes,
            **SwaggerUI(partial(document, config.domain, __version__)).routes,
            **OutboxHandler(outbox).routes,
            **hooks.routes,
            **BotsHandler(parts.bots.manager, config.domain, reactor).routes,
            **batches.routes,
            **events.routes,
            **RoomsHandler(parts.rooms, config.domain).routes,
            **InboxHandler(inbox, once).routes,
            **UpdatesHandler(parts.updates, once, authenticator).routes,
            **FilesHandler(desk, once, authenticator).routes,
        },
        FileMessageHandler(
            sending,
            outbox,
            desk,
            once,
            authenticator=authenticator,
            domain=config.domain,
            newID=newID,
            settings=settings,
        ),
    )
