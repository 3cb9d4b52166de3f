"""Joins the parts of a gateway."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.words.xish.domish import Element

from .._version import __version__
from ..config.config import Config
from ..core.live import Live, LiveSettings
from ..core.openapi.document import document
from ..core.policy.authentication import Authenticator
from ..ids import newID
from ..live.hub import EventHub
from ..metrics.stanza_counter import StanzaCounter
from ..outbox.outbox import Outbox
from ..service.sequential import SequentialMultiService
from ..web.api.batch.handler import BatchHandler
from ..web.api.console import ConsolePage
from ..web.api.docs import SwaggerUI
from ..web.api.events import EventsHandler
from ..web.api.inbox import InboxHandler
from ..web.api.inbox import StoredInbox as Kept
from ..web.api.outbox import OutboxHandler
from ..web.api.stanzas import StanzaHandler
from ..web.cors import CORS
from ..web.health.metrics import MetricsResource, allowAnyone, requirePermission
from ..web.health.readiness import ReadinessResource
from ..web.health.resource import LivenessResource
from ..web.idempotency.guard import IdempotencyGuard
from ..web.resource import RestResource
from ..web.router import RouteTable
from ..web.server.site import GatewaySite, makeRoot
from ..xmpp.builtin import BuiltinResponder
from ..xmpp.component import ComponentService
from ..xmpp.sender import StanzaSender
from .files import ADMIN_CONNECTIONS, connectionLimit, openFileLimit
from .metrics import MetricsCollector, makeRates
from .permissions import makeGrants
from .reload import Reloader, liveSettings
from .stores import (
    clientEndpoint,
    isDurable,
    makeOutbox,
    makeStore,
    makeStoreService,
)
from .webhooks import Webhooks, makeInboxRouter, makeWebhooks


@dataclass(frozen=True)
class Gateway:
    """
    A gateway, to be put into a service tree and a resource tree.

    @ivar service: Holds the stream to the XMPP server and the work under way; give
        it a parent, or start and stop it.
    @ivar resource: What is at C{/rest}; mount it anywhere.
    @ivar ready: Tells whoever asks whether the gateway is ready; what is at C{/readyz}.
    @ivar metrics: Shows them to whoever has a token that may see them; what is at
        C{/metrics}.
    @ivar site: Serves these, and C{/livez}, with limits on the time and the size of a
        request that only a site can hold while it reads.
    @ivar admin: A site for operators, without C{/rest}: it shows the metrics to all
        who can ask, and so is not to be served to everybody.
    @ivar component: The stream.
    @ivar settings: The settings that L{reload} changes, as the parts read them.
    """

    service: MultiService
    resource: RestResource
    ready: ReadinessResource
    metrics: MetricsResource
    site: GatewaySite
    admin: GatewaySite
    component: ComponentService
    settings: Live[LiveSettings] = field(repr=False)
    _reloader: Reloader = field(repr=False)

    def reload(self, config: Config) -> Sequence[str]:
        """
        Go on with another configuration, all of it or, if it is of no use, nothing.
        What is under way is not disturbed.

        @return: The names of those settings whose new values will only count for
            another process.
        @raise ValueError: It is of no use; the message says why.
        """
        return self._reloader.apply(config)


def makeGateway(config: Config, reactor: Any) -> Gateway:
    """
    Make a gateway.

    @param reactor: Connects and tells the time.
    @raise ValueError: An endpoint or a file that the configuration names is of no
        use; the message says which.
    """
    settings = Live(liveSettings(config))
    sender = StanzaSender(config.domain, reactor)
    store = makeStore(config, reactor)
    outbox = makeOutbox(config, settings, store, sender, reactor)
    webhooks = Webhooks(config.logRequests == "yes")
    webhooks.setPipelines(makeWebhooks(config, reactor))
    builtin = BuiltinResponder(
        lambda: settings.value.name,
        reactor,
        features=lambda: settings.value.features,
    )
    inbox = makeInboxRouter(
        config,
        store,
        sender,
        subscribers=webhooks.subscribers,
        reply=outbox.accept,
        builtin=builtin,
        reactor=reactor,
    )

    def receive(stanza: Element) -> None:
        outbox.handleError(stanza)
        inbox.receive(stanza)

    component = ComponentService(
        clientEndpoint(config.server, reactor),
        config.server,
        lambda: settings.value.secret,
        reactor,
        sender=sender,
        handler=receive,
    )
    traffic = StanzaCounter()
    live = EventHub(reactor, time.time)
    if isinstance(outbox, Outbox):
        component.addObserver(outbox)
    component.addObserver(traffic)
    component.addObserver(live)
    once = IdempotencyGuard(store, time.time)
    sending = StanzaHandler(
        config.domain,
        outbox,
        sender,
        newID,
        once,
        timeout=config.iqTimeout,
        maxTimeout=config.iqMaxTimeout,
    )
    authenticator = Authenticator(config.domain, makeGrants(config, reactor.seconds))
    events = EventsHandler(live, reactor, requirePermission(authenticator, "events"))
    batches = BatchHandler(sending, outbox, once, reactor, config.stanzaSizeLimit)
    routes = {
        **ConsolePage().routes,
        **SwaggerUI(partial(document, config.domain, __version__)).routes,
        **OutboxHandler(outbox).routes,
        **batches.routes,
        **events.routes,
        **InboxHandler(Kept(store, inbox) if isDurable(config) else None, once).routes,
    }
    resource = RestResource(
        RouteTable(sending, routes),
        authenticator,
        CORS(config.corsOrigin),
        sizeLimit=config.stanzaSizeLimit,
        waitingLimit=config.waitingLimit,
        isLogged=config.logRequests == "yes",
    )
    monitor = MetricsCollector(
        component, traffic, resource, store, outbox, inbox, reactor, time.time
    )
    barrier = sender.barrier if isDurable(config) else None
    ready = ReadinessResource(sender, store, barrier, reactor)
    # The first to start is the last to stop, so that the others can still send.
    service = SequentialMultiService()
    keeper = makeStoreService(settings, store, reactor)
    for each in (keeper, component, outbox, webhooks):
        if isinstance(each, Service):
            each.setServiceParent(service)
    inbox.setServiceParent(service)
    monitor.lag.setServiceParent(service)
    makeRates(live, monitor, reactor).setServiceParent(service)
    events.setServiceParent(service)
    metrics = MetricsResource(monitor, requirePermission(authenticator, "metrics"))
    health = {"livez": LivenessResource(), "readyz": ready}
    site = GatewaySite(
        makeRoot({"rest": resource, **health, "metrics": metrics}),
        config.stanzaSizeLimit,
        reactor,
        visits=resource.accessLog,
        connectionLimit=connectionLimit(config, openFileLimit()),
    )
    admin = GatewaySite(
        makeRoot({**health, "metrics": MetricsResource(monitor, allowAnyone)}),
        config.stanzaSizeLimit,
        reactor,
        connectionLimit=ADMIN_CONNECTIONS,
    )
    changing = Reloader(
        config,
        reactor,
        settings=settings,
        webhooks=webhooks,
        inbox=inbox,
        sending=sending,
        batches=batches,
        resource=resource,
        site=site,
    )
    return Gateway(
        service, resource, ready, metrics, site, admin, component, settings, changing
    )
