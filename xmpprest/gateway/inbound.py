"""Makes what the gateway receives by: the way in, and the callback at its end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.words.xish.domish import Element

from ..config import Config
from ..core import namespaces as ns
from ..core.signing import Signer
from ..delivery.httpclient import BoundedClient
from ..delivery.inbox.inbox import Selection
from ..delivery.inbox.inboxes import Inboxes, Way
from ..delivery.inbox.keeping import Keeping
from ..delivery.tls import CallbackTrust
from ..delivery.webhook import Webhook
from ..store.interface import Store
from ..xmpp.builtin import BuiltinAnswers
from ..xmpp.component import ComponentService
from .outbound import keeps


def makeInboxes(
    config: Config,
    store: Store,
    component: ComponentService,
    *,
    webhook: Webhook | None,
    reply: Callable[[Element], Awaitable[object]],
    reactor: Any,
) -> Inboxes:
    """The way in; nobody wants anything where there is no webhook."""
    features = () if webhook is None else (ns.RECEIPTS,)
    selection = Selection(config.callbackStanzas, config.callbackEvents)
    return Inboxes(
        component.send,
        BuiltinAnswers(config.name, reactor, features=features).answer,
        [Way(webhook, selection, config.callbackConnections)] if webhook else [],
        reply=reply,
        keeping=Keeping(store, reactor, time.time) if keeps(config) else None,
    )


def makeWebhook(config: Config, reactor: Any) -> Webhook | None:
    """
    The callback, if there is one.

    @raise ValueError: Its CAs cannot be read.
    """
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
