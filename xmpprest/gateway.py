"""
The composition root: makes the parts and joins them, here and nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.endpoints import clientFromString
from twisted.words.xish.domish import Element

from ._version import __version__
from .config import Config
from .core import namespaces as ns
from .core.auth import Authenticator
from .core.openapi import document
from .core.signing import Signer
from .delivery.httpclient import BoundedClient
from .delivery.ids import newID
from .delivery.inbox.inbox import Inbox, Selection
from .delivery.inbox.keeping import Keeping
from .delivery.outbox.direct import DirectOutbox
from .delivery.outbox.outbox import Outbox
from .delivery.tls import CallbackTrust
from .delivery.webhook import Webhook
from .orderly import OrderlyService
from .store.interface import Store
from .store.memory import MemoryStore
from .store.service import StoreService
from .store.sqlite import SQLiteStore
from .web.cors import CORS
from .web.docs import DocsPage
from .web.idempotency import Once, interruptedAnswer
from .web.inbox import InboxPages
from .web.inbox import KeptStanzas as Kept
from .web.outbox import OutboxPages
from .web.ready import ReadyResource
from .web.resource import RestResource
from .web.rest import Sending
from .web.routes import Routes
from .web.site import GatewaySite
from .xmpp.builtin import BuiltinAnswers
from .xmpp.component import ComponentService


@dataclass(frozen=True)
class Gateway:
    """
    A gateway, to be put into a service tree and a resource tree.

    @ivar service: Holds the stream to the XMPP server and the work under way; give
        it a parent, or start and stop it.
    @ivar resource: What is at C{/rest}; mount it anywhere.
    @ivar ready: Tells whoever asks whether the gateway is ready; what is at C{/readyz}.
    @ivar site: Serves these two alone, at C{/rest} and C{/readyz}, with limits on the
        time and the size of a request that only a site can hold while it reads.
    @ivar component: The stream.
    """

    service: MultiService
    resource: RestResource
    ready: ReadyResource
    site: GatewaySite
    component: ComponentService


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
    store = _store(config, reactor)
    outbox = _outbox(config, store, component, reactor)
    webhook = _webhook(config, reactor)
    inbox = _inbox(
        config,
        store,
        component,
        webhook=webhook,
        reply=outbox.accept,
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
    routes = {
        **DocsPage(json.dumps(document(config.domain, __version__)).encode()).routes,
        **OutboxPages(outbox).routes,
        **InboxPages(Kept(store, inbox) if _keeps(config) else None, once).routes,
    }
    resource = RestResource(
        Routes(sending, routes),
        Authenticator(config.domain, config.credentials),
        CORS(config.corsOrigin),
        sizeLimit=config.stanzaSizeLimit,
        waitingLimit=config.waitingLimit,
    )
    barrier = component.barrier if _keeps(config) else None
    ready = ReadyResource(component, store, barrier, reactor)
    # The first to start is the last to stop, so that the others can still send.
    service = OrderlyService()
    for each in (_storeService(config, store, reactor), component, outbox, webhook):
        if isinstance(each, Service):
            each.setServiceParent(service)
    inbox.setServiceParent(service)
    site = GatewaySite.around(resource, config.stanzaSizeLimit, reactor, ready)
    return Gateway(service, resource, ready, site, component)


def _keeps(config: Config) -> bool:
    """Whether what is accepted is kept, or else is as good as written."""
    return config.store != "memory"


def _store(config: Config, reactor: Any) -> Store:
    if _keeps(config):
        return SQLiteStore(config.store.partition(":")[2], reactor)
    return MemoryStore()  # for idempotency keys


def _outbox(
    config: Config, store: Store, component: ComponentService, reactor: Any
) -> Outbox | DirectOutbox:
    if not _keeps(config):
        return DirectOutbox(component.send)
    outbox = Outbox(
        store,
        component,
        component.barrier,
        clock=reactor,
        now=time.time,
        domain=config.domain,
        limit=config.outboxLimit,
        maxAge=config.outboxAge,
    )
    component.online, component.offline = outbox.online, outbox.offline
    return outbox


def _inbox(
    config: Config,
    store: Store,
    component: ComponentService,
    *,
    webhook: Webhook | None,
    reply: Callable[[Element], Awaitable[object]],
    reactor: Any,
) -> Inbox:
    keeping = Keeping(store, reactor, time.time, config.callbackConnections)
    features = () if webhook is None else (ns.RECEIPTS,)
    return Inbox(
        component.send,
        BuiltinAnswers(config.name, reactor, features=features).answer,
        webhook,
        Selection(config.callbackStanzas, config.callbackEvents),
        reply=reply,
        keeping=keeping if _keeps(config) else None,
    )


def _storeService(config: Config, store: Store, reactor: Any) -> StoreService:
    return StoreService(
        store,
        reactor,
        time.time,
        interrupted=interruptedAnswer(),
        recordDays=config.recordDays,
        deadDays=config.deadDays,
    )


def _webhook(config: Config, reactor: Any) -> Webhook | None:
    if config.callbackURL is None:
        return None
    try:
        trust = CallbackTrust(config.callbackCAFile)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"callback-ca-file is {config.callbackCAFile!r}: expected a PEM file with"
            f" certificates ({reason})."
        ) from None
    client = BoundedClient(
        reactor, trust, config.callbackConnections, config.stanzaSizeLimit
    )
    return Webhook(
        client,
        config.callbackURL,
        config.callbackContentType,
        config.domain,
        signer=Signer(config.callbackSigningSecrets),
        connections=config.callbackConnections,
    )


def clientEndpoint(description: str, reactor: Any) -> Any:
    """
    Where the XMPP server is.

    @raise ValueError: The description is no client endpoint.
    """
    try:
        return clientFromString(reactor, description)
    except Exception as error:
        # The parsers of endpoints raise whatever they like.
        raise ValueError(
            f"server is {description!r}: expected a Twisted client endpoint like"
            f" tcp:127.0.0.1:5347 ({error})."
        ) from None
