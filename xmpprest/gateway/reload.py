"""Reload: replaces the settings, tokens, callbacks and hooks of a running gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from ..bots.service import BotService
from ..config.config import SETTINGS, Config
from ..core.hooks.hook import Hooks
from ..core.live import Live, LiveSettings
from ..core.policy.authentication import Authenticator
from ..core.stanza import namespaces as ns
from ..inbox.router import InboxRouter
from .files import connectionLimit, openFileLimit
from .hooks import makeHooks
from .permissions import makeGrants
from .webhooks import Webhooks, makeWebhooks


class Reloader:
    """
    Replaces the configuration of a running gateway.
    """

    def __init__(
        self,
        config: Config,
        reactor: Any,
        *,
        settings: Live[LiveSettings],
        authenticator: Authenticator,
        webhooks: Webhooks,
        inbox: InboxRouter,
        hooks: Live[Hooks],
        bots: BotService,
    ) -> None:
        """@param config: The configuration that the gateway was made with."""
        self._config = config
        self._reactor = reactor
        self._settings = settings
        self._authenticator = authenticator
        self._webhooks = webhooks
        self._inbox = inbox
        self._hooks = hooks
        self._bots = bots

    def apply(self, config: Config) -> Sequence[str]:
        """
        Replace the configuration, or raise and change nothing.

        @return: The names of the settings whose new values need a restart.
        @raise ValueError: A file that the configuration names is unusable.
        """
        later = [
            each.field.name
            for each in SETTINGS
            if each.needsRestart and self._isChanged(each.field.name, config)
        ]
        unchanged = {name: getattr(self._config, name) for name in later}
        config = replace(config, **unchanged)
        # All that may fail comes before anything that is changed.
        pipelines = makeWebhooks(config, self._reactor)
        authenticator = self._authenticator
        grants = makeGrants(config, self._reactor.seconds, authenticator.grants)
        hooks = makeHooks(config, self._reactor.seconds, self._hooks.value)

        self._settings.value = liveSettings(config)
        authenticator.grants = grants
        self._webhooks.setPipelines(pipelines)
        self._bots.refresh()
        self._inbox.setSubscriptions(self._webhooks.subscriptions)
        self._hooks.value = hooks
        self._config = config
        return [each.name for each in SETTINGS if each.field.name in later]

    def _isChanged(self, name: str, config: Config) -> bool:
        return bool(getattr(self._config, name) != getattr(config, name))


def liveSettings(config: Config) -> LiveSettings:
    """Return the part of a configuration that a reload may change."""
    return LiveSettings(
        # Callbacks acknowledge messages, and the gateway sends the receipts.
        features=(ns.RECEIPTS,) if config.allCallbacks else (),
        connectionLimit=connectionLimit(config, openFileLimit()),
        logsRequests=config.logRequests == "yes",
        **{name: getattr(config, name) for name in _SAME_NAMES},
    )


#: The fields of L{LiveSettings} that have the value of a field of L{Config}.
_SAME_NAMES = {each.name for each in fields(LiveSettings)} & {
    each.name for each in fields(Config)
}
