"""Changes what of a gateway can be changed while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..config.config import SETTINGS, Config
from ..config.setting import Setting
from ..core.stanza import namespaces as ns
from ..inbox.router import InboxRouter
from ..outbox.direct import DirectOutbox
from ..outbox.outbox import Outbox
from ..store.service import StoreService
from ..web.api.batch.handler import BatchHandler
from ..web.api.stanzas import StanzaHandler
from ..web.cors import CORS
from ..web.resource import RestResource
from ..web.server.site import GatewaySite
from ..xmpp.builtin import BuiltinResponder
from ..xmpp.component import ComponentService
from .permissions import makeGrants
from .stores import outboxLimits
from .webhooks import Webhooks, makeWebhooks


class Reloader:
    """
    Lets the parts of a gateway go on with another configuration.
    """

    def __init__(
        self,
        config: Config,
        reactor: Any,
        *,
        component: ComponentService,
        keeper: StoreService,
        outbox: Outbox | DirectOutbox,
        webhooks: Webhooks,
        inbox: InboxRouter,
        builtin: BuiltinResponder,
        sending: StanzaHandler,
        batches: BatchHandler,
        resource: RestResource,
        site: GatewaySite,
    ) -> None:
        """@param config: What they have been made with."""
        self._config = config
        self._reactor = reactor
        self._component = component
        self._keeper = keeper
        self._outbox = outbox
        self._webhooks = webhooks
        self._inbox = inbox
        self._builtin = builtin
        self._sending = sending
        self._batches = batches
        self._resource = resource
        self._site = site

    def apply(self, config: Config) -> Sequence[str]:
        """
        See L{Gateway.reload<xmpprest.gateway.gateway.Gateway.reload>}.
        """
        later = [
            each
            for each in SETTINGS
            if each.needsRestart and self._differs(each, config)
        ]
        stays = {
            each.field.name: getattr(self._config, each.field.name) for each in later
        }
        config = replace(config, **stays)
        # All that may fail comes before anything that is changed.
        made = makeWebhooks(config, self._reactor)
        authenticator = self._resource.authenticator
        grants = makeGrants(config, self._reactor.seconds, authenticator.grants)
        cors = CORS(config.corsOrigin)

        authenticator.grants = grants
        self._resource.cors = cors
        self._setLimits(config)
        self._component.setSecret(config.secret)
        self._builtin.name = config.name
        self._builtin.features = discoFeatures(config)
        isLogged = config.logRequests == "yes"
        self._resource.accessLog.isLogged = self._webhooks.isLogged = isLogged
        self._webhooks.setPipelines(made)
        self._inbox.setSubscribers(self._webhooks.subscribers)
        self._config = config
        return [each.name for each in later]

    def _differs(self, setting: Setting, config: Config) -> bool:
        name = setting.field.name
        return bool(getattr(self._config, name) != getattr(config, name))

    def _setLimits(self, config: Config) -> None:
        self._resource.sizeLimit = self._site.bodyLimit = config.stanzaSizeLimit
        self._batches.sizeLimit = config.stanzaSizeLimit
        self._resource.maxPendingRequests = config.waitingLimit
        self._sending.timeout = config.iqTimeout
        self._sending.maxTimeout = config.iqMaxTimeout
        self._keeper.recordDays = config.recordDays
        self._keeper.deadDays = config.deadDays
        if isinstance(self._outbox, Outbox):
            self._outbox.limits = outboxLimits(config)


def discoFeatures(config: Config) -> tuple[str, ...]:
    """What the gateway can do by its callbacks (XEP-0030 §3.2)."""
    return (ns.RECEIPTS,) if config.allCallbacks else ()
