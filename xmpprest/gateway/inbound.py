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
from ..delivery.inbox.inbox import Inbox, Selection
from ..delivery.inbox.keeping import Keeping
from ..delivery.tls import CallbackTrust
from ..delivery.webhook import Webhook
from ..store.interface import Store
from ..xmpp.builtin import BuiltinAnswers
from ..xmpp.component import ComponentService
from .outbound import keeps


def makeInbox(
    config: Config,
    store: Store,
    component: ComponentService,
    *,
    webhook: Webhook | None,
    reply: Callable[[Element], Awaitable[object]],
    reactor: Any,
) -> Inbox:
    """The way in; nobody wants anything where there is no webhook."""
    keeping = Keeping(store, reactor, time.time, config.callbackConnections)
    features = () if webhook is None else (ns.RECEIPTS,)
    return Inbox(
        component.send,
        BuiltinAnswers(config.name, reactor, features=features).answer,
        webhook,
        Selection(config.callbackStanzas, config.callbackEvents),
        reply=reply,
        keeping=keeping if keeps(config) else None,
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
