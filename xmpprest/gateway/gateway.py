"""Makes a gateway of its parts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.application.service import MultiService, Service
from twisted.words.xish.domish import Element

from ..bots.service import BotService
from ..config.config import Config
from ..core.codec.meta import metaToJSON
from ..core.live import Live, LiveSettings
from ..core.policy.authentication import Authenticator
from ..core.stanza.build import META
from ..inbox.router import InboxRouter
from ..live.hub import EventHub
from ..metrics.stanza_counter import StanzaCounter
from ..outbox.direct import DirectOutbox
from ..outbox.outbox import Outbox
from ..service.sequential import SequentialMultiService
from ..store.service import StoreService
from ..web.health.metrics import MetricsResource
from ..web.health.readiness import ReadinessResource
from ..web.resource import RestResource
from ..web.server.site import GatewaySite
from ..xmpp.component import ComponentService
from ..xmpp.sender import StanzaSender
from .hooks import makeHooks
from .http import Parts, makeHTTPSide
from .metrics import makeRates
from .permissions import makeGrants
from .reload import Reloader, liveSettings
from .rooms import RoomLink, makeRoomService
from .stores import clientEndpoint, makeInstance, makeOutbox, makeStore, makeUpkeep
from .webhooks import (
    Webhooks,
    makeBuiltinResponder,
    makeInboxRouter,
    makeReflectionFilter,
    makeUpdateDesk,
    makeWebhooks,
)


@dataclass(frozen=True)
class Gateway:
    """
    A gateway, to be put into a service tree and a resource tree.

    @ivar service: Connects to the XMPP server, delivers and sends while it runs; give
        it a parent, or start and stop it.
    @ivar resource: The resource at C{/rest}; mount it anywhere.
    @ivar hooks: The resource at C{/hooks}; mount it anywhere.
    @ivar ready: The resource at C{/readyz}: whether the gateway is ready.
    @ivar metrics: The resource at C{/metrics}, for tokens that may read the metrics.
    @ivar site: Serves these and C{/livez}, with limits on the time and the size of a
        request that only a site can apply while it reads.
    @ivar admin: A site for operators, without C{/rest}. It shows the metrics without
        credentials, so only operators may reach it.
    @ivar component: The connection to the XMPP server.
    @ivar settings: The settings that L{reload} replaces, as the parts read them.
    """

    service: MultiService
    resource: RestResource
    hooks: RestResource
    ready: ReadinessResource
    metrics: MetricsResource
    site: GatewaySite
    admin: GatewaySite
    component: ComponentService
    settings: Live[LiveSettings] = field(repr=False)
    _reloader: Reloader = field(repr=False)

    def reload(self, config: Config) -> Sequence[str]:
        """
        Replace the configuration, or raise and change nothing. Requests and deliveries
        under way are not disturbed.

        @return: The names of the settings whose new values need a restart.
        @raise ValueError: The configuration is unusable; the message says why.
        """
        return self._reloader.apply(config)


def makeGateway(config: Config, reactor: Any) -> Gateway:
    """
    Make a gateway.

    @param reactor: Makes connections and measures time.
    @raise ValueError: An endpoint or a file that the configuration names is unusable;
        the message says which.
    """
    settings = Live(liveSettings(config))
    authenticator = Authenticator(config.domain, makeGrants(config, reactor.seconds))
    store = makeStore(config, settings, reactor)
    # One of several, if they can share the store.
    instance = makeInstance(config, store, reactor)
    # To send: first the sender, then all that uses it, last its connection.
    sender = StanzaSender(config.domain, reactor)
    link = RoomLink()
    outbox = makeOutbox(config, settings, store, sender, gates=link, reactor=reactor)
    link.outbox = outbox if isinstance(outbox, Outbox) else None

    def forward(stanza: Element) -> None:
        """Hand a stanza to the callbacks, and an event of a room also to watchers."""
        if stanza.name == META:
            hub.room(metaToJSON(stanza))
        callbacks.handle(stanza)

    rooms = makeRoomService(
        config,
        settings,
        store,
        sender,
        link=link,
        forward=forward,
        reactor=reactor,
    )
    # To receive: the callbacks, and the inboxes in front of them.
    webhooks = Webhooks(settings, rooms.isOccupantPresence)
    webhooks.setPipelines(makeWebhooks(config, reactor))
    hooks = Live(makeHooks(config, reactor.seconds))
    counter, hub = StanzaCounter(), EventHub(reactor, time.time)
    reflections = makeReflectionFilter(config, store)
    builtin = makeBuiltinResponder(settings, reactor)
    bots = BotService(
        store,
        sender,
        sender.barrier,
        lambda: builtin.features,
        domain=config.domain,
        clock=reactor,
        now=time.time,
        forward=forward,
        watch=lambda: component.addObserver(bots.handler),
    )
    inbox = makeInboxRouter(
        config,
        settings,
        store,
        lambda stanza: bots.reply(stanza, sender.send),
        builtin.answer,
        subscriptions=webhooks.subscriptions,
        reply=outbox.accept,
        reflections=reflections,
        onComplaint=hub.complaint,
        reactor=reactor,
    )
    callbacks = InboundHandler(outbox, inbox)
    inbound = InboundHandler(outbox, inbox, (rooms, bots))
    endpoint = clientEndpoint(config.server, reactor)
    component = ComponentService(
        endpoint if instance is None else instance.fence(endpoint),
        config.server,
        lambda: settings.value.secret,
        reactor,
        sender=sender,
        handler=inbound.handle,
    )
    if isinstance(outbox, Outbox):
        component.addObserver(outbox)
    component.addObserver(reflections)
    component.addObserver(rooms)
    component.addObserver(counter)
    component.addObserver(hub)
    component.addObserver(bots)
    http = makeHTTPSide(
        config,
        settings,
        authenticator,
        Parts(
            component,
            store,
            outbox,
            inbox,
            counter,
            hub,
            hooks,
            bots,
            rooms,
            makeUpdateDesk(config, store, inbox),
            None if instance is None else instance.status,
        ),
        reactor,
    )
    # The first to start is the last to stop, so that the others can still send.
    parts: tuple[object, ...] = (
        makeUpkeep(settings, store, reactor),
        component,
        bots,
        rooms,
        outbox,
        webhooks,
        inbox,
        http.collector.lag,
        makeRates(hub, http.collector, reactor),
        http.events,
    )
    if instance is not None:
        parts = (instance.run(_makeService(*parts), component),)
    return Gateway(
        _makeService(StoreService(store), *parts),
        http.resource,
        http.hooks,
        http.ready,
        http.metrics,
        http.site,
        http.admin,
        component,
        settings,
        Reloader(
            config,
            reactor,
            settings=settings,
            authenticator=authenticator,
            webhooks=webhooks,
            inbox=inbox,
            hooks=hooks,
            bots=bots,
        ),
    )


class Interceptor(Protocol):
    """A part of the gateway that handles some inbound stanzas itself."""

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle an inbound stanza.

        @return: The stanza for the next handler: the same or a changed copy; C{None} if
            no other shall handle it.
        """


@dataclass(frozen=True, slots=True)
class InboundHandler:
    """
    Gives every inbound stanza to the inboxes, and errors also to the outbox.

    @ivar interceptors: Take each stanza before them, one after the other.
    """

    outbox: Outbox | DirectOutbox
    inbox: InboxRouter
    interceptors: Sequence[Interceptor] = ()

    def handle(self, stanza: Element) -> None:
        """Handle a stanza that answers no iq of the gateway."""
        for each in self.interceptors:
            left = each.intercept(stanza)
            if left is None:
                return
            stanza = left
        self.outbox.handleError(stanza)
        self.inbox.receive(stanza)


def _makeService(*parts: object) -> MultiService:
    """
    Make the service of a gateway.

    @param parts: Those that are services, in the order in which they start.
    """
    service = SequentialMultiService()
    for part in parts:
        if isinstance(part, Service):
            part.setServiceParent(service)
    return service
