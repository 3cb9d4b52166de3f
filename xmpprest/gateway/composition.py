"""Joins the parts of a gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.words.xish.domish import Element

from .._version import __version__
from ..config import Config
from ..core.auth import Authenticator
from ..core.openapi import document
from ..delivery.ids import newID
from ..monitor.traffic import Traffic
from ..orderly import OrderlyService
from ..web.batch import Batches
from ..web.console import ConsolePage
from ..web.cors import CORS
from ..web.docs import DocsPage
from ..web.events import EventPages
from ..web.idempotency import Once
from ..web.inbox import InboxPages
from ..web.inbox import KeptStanzas as Kept
from ..web.look import LiveResource
from ..web.metrics import MetricsResource, forTokens, openToAll
from ..web.outbox import OutboxPages
from ..web.ready import ReadyResource
from ..web.resource import RestResource
from ..web.rest import Sending
from ..web.routes import Routes
from ..web.site import GatewaySite, rootOf
from ..xmpp.builtin import BuiltinAnswers
from ..xmpp.component import ComponentService
from .access import makeGrants
from .changing import Changing, featuresOf
from .inbound import Webhooks, makeInboxes, makeWebhooks
from .monitoring import Monitor
from .outbound import clientEndpoint, keeps, makeOutbox, makeStore, makeStoreService
from .watching import makeLive, makeRates


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
    @ivar changing: Does L{reload}.
    """

    service: MultiService
    resource: RestResource
    ready: ReadyResource
    metrics: MetricsResource
    site: GatewaySite
    admin: GatewaySite
    component: ComponentService
    changing: Changing = field(repr=False)

    def reload(self, config: Config) -> Sequence[str]:
        """
        Go on with another configuration, all of it or, if it is of no use, nothing.
        What is under way is not disturbed.

        @return: The names of those settings whose new values will only count for
            another process.
        @raise ValueError: It is of no use; the message says why.
        """
        return self.changing.to(config)


def makeGateway(config: Config, reactor: Any) -> Gateway:
    """
    Make a gateway.

    @param reactor: Connects and tells the time.
    @raise ValueError: An endpoint or a file that the configuration names is of no
        use; the message says which.
    """
    component = ComponentService(
        clientEndpoint(config.server, reactor),
        config.server,
        config.domain,
        config.secret,
        reactor,
    )
    store = makeStore(config, reactor)
    outbox = makeOutbox(config, store, component, reactor)
    webhooks = Webhooks(config.logRequests == "yes")
    webhooks.change(makeWebhooks(config, reactor))
    builtin = BuiltinAnswers(config.name, reactor, features=featuresOf(config))
    inbox = makeInboxes(
        config,
        store,
        component,
        ways=webhooks.ways,
        reply=outbox.accept,
        builtin=builtin,
        reactor=reactor,
    )

    def receive(stanza: Element) -> None:
        outbox.notice(stanza)
        inbox.receive(stanza)

    component.receive = receive
    once = Once(store, time.time)
    sending = Sending(
        config.domain,
        outbox,
        component,
        newID,
        once,
        timeout=config.iqTimeout,
        maxTimeout=config.iqMaxTimeout,
    )
    traffic = Traffic()
    component.sent, component.received = traffic.out, traffic.come
    live = makeLive(component, reactor)
    authenticator = Authenticator(config.domain, makeGrants(config, reactor.seconds))
    events = EventPages(live, reactor, forTokens(authenticator, "events"))
    batches = Batches(sending, outbox, once, reactor, config.stanzaSizeLimit)
    routes = {
        **ConsolePage().routes,
        **DocsPage(json.dumps(document(config.domain, __version__)).encode()).routes,
        **OutboxPages(outbox).routes,
        **batches.routes,
        **events.routes,
        **InboxPages(Kept(store, inbox) if keeps(config) else None, once).routes,
    }
    rest = Routes(sending, routes)
    resource = RestResource(
        rest,
        authenticator,
        CORS(config.corsOrigin),
        sizeLimit=config.stanzaSizeLimit,
        waitingLimit=config.waitingLimit,
        isLogged=config.logRequests == "yes",
    )
    monitor = Monitor(
        component, traffic, resource, store, outbox, inbox, reactor, time.time
    )
    barrier = component.barrier if keeps(config) else None
    ready = ReadyResource(component, store, barrier, reactor)
    # The first to start is the last to stop, so that the others can still send.
    service = OrderlyService()
    keeper = makeStoreService(config, store, reactor)
    for each in (keeper, component, outbox, webhooks):
        if isinstance(each, Service):
            each.setServiceParent(service)
    inbox.setServiceParent(service)
    monitor.lag.setServiceParent(service)
    makeRates(live, monitor, reactor).setServiceParent(service)
    events.setServiceParent(service)
    metrics = MetricsResource(monitor, forTokens(authenticator, "metrics"))
    health = {"livez": LiveResource(), "readyz": ready}
    site = GatewaySite.around(
        resource,
        config.stanzaSizeLimit,
        reactor,
        {**health, "metrics": metrics},
        rest.streamed,
    )
    admin = GatewaySite(
        rootOf({**health, "metrics": MetricsResource(monitor, openToAll)}),
        config.stanzaSizeLimit,
        reactor,
    )
    changing = Changing(
        config,
        reactor,
        component=component,
        keeper=keeper,
        outbox=outbox,
        webhooks=webhooks,
        inbox=inbox,
        builtin=builtin,
        sending=sending,
        batches=batches,
        resource=resource,
        site=site,
    )
    return Gateway(service, resource, ready, metrics, site, admin, component, changing)
