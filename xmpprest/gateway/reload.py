"""Changes what of a gateway can be changed while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from ..config.config import SETTINGS, Config
from ..config.setting import Setting
from ..core.live import Live, LiveSettings
from ..core.stanza import namespaces as ns
from ..inbox.router import InboxRouter
from ..web.api.batch.handler import BatchHandler
from ..web.api.stanzas import StanzaHandler
from ..web.cors import CORS
from ..web.resource import RestResource
from ..web.server.site import GatewaySite
from .files import connectionLimit, openFileLimit
from .permissions import makeGrants
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
        settings: Live[LiveSettings],
        webhooks: Webhooks,
        inbox: InboxRouter,
        sending: StanzaHandler,
        batches: BatchHandler,
        resource: RestResource,
        site: GatewaySite,
    ) -> None:
        """@param config: What they have been made with."""
        self._config = config
        self._reactor = reactor
        self._settings = settings
        self._webhooks = webhooks
        self._inbox = inbox
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

        self._settings.value = liveSettings(config)
        authenticator.grants = grants
        self._resource.cors = cors
        self._setLimits(config)
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
        self._site.connectionLimit = connectionLimit(config, openFileLimit())
        self._batches.sizeLimit = config.stanzaSizeLimit
        self._resource.maxPendingRequests = config.waitingLimit
        self._sending.timeout = config.iqTimeout
        self._sending.maxTimeout = config.iqMaxTimeout


def liveSettings(config: Config) -> LiveSettings:
    """Return the part of a configuration that a reload may change."""
    return LiveSettings(
        # Callbacks acknowledge messages, and the gateway sends the receipts.
        features=(ns.RECEIPTS,) if config.allCallbacks else (),
        logsRequests=config.logRequests == "yes",
        **{name: getattr(config, name) for name in _SAME_NAMES},
    )


#: The fields of L{LiveSettings} that have the value of a field of L{Config}.
_SAME_NAMES = {each.name for each in fields(LiveSettings)} & {
    each.name for each in fields(Config)
}
