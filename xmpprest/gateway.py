"""
The composition root: makes the parts and joins them, here and nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.endpoints import clientFromString

from ._version import __version__
from .config import Config
from .core import namespaces as ns
from .core.auth import Authenticator
from .core.openapi import document
from .delivery.httpclient import BoundedClient
from .delivery.inbox import Inbox, Selection, newID
from .delivery.outbox import Outbox
from .delivery.tls import CallbackTrust
from .delivery.webhook import Webhook
from .web.cors import CORS
from .web.docs import DocsPage
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
    @ivar site: Serves the resource alone, at C{/rest}, with limits on the time and
        the size of a request that only a site can hold while it reads.
    @ivar component: The stream.
    """

    service: MultiService
    resource: RestResource
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
    service = MultiService()
    # The first to start is the last to stop, so that the others can still send.
    component.setServiceParent(service)
    webhook = _webhook(config, reactor)
    if webhook is not None:
        webhook.setServiceParent(service)
    inbox = Inbox(
        component.send,
        BuiltinAnswers(
            config.name, reactor, features=() if webhook is None else (ns.RECEIPTS,)
        ).answer,
        webhook,
        Selection(config.callbackStanzas, config.callbackEvents),
    )
    component.receive = inbox.receive
    inbox.setServiceParent(service)
    sending = Sending(
        config.domain,
        Outbox(component.send),
        component,
        newID,
        timeout=config.iqTimeout,
        maxTimeout=config.iqMaxTimeout,
    )
    resource = RestResource(
        Routes(sending, _docs(config.domain).routes),
        Authenticator(config.domain, config.credentials),
        CORS(config.corsOrigin),
        sizeLimit=config.stanzaSizeLimit,
        waitingLimit=config.waitingLimit,
    )
    site = GatewaySite.around(resource, config.stanzaSizeLimit, reactor)
    return Gateway(service, resource, site, component)


def _docs(domain: str) -> DocsPage:
    return DocsPage(json.dumps(document(domain, __version__)).encode())


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
        client, config.callbackURL, config.callbackContentType, config.domain
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
