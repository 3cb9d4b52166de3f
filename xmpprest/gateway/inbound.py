"""Makes what the gateway receives by: the way in, and the callbacks at its end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from twisted.application.service import MultiService
from twisted.words.xish.domish import Element

from ..callbacks import Callback
from ..config import Config
from ..core.addresses import Addresses
from ..core.keys import DEFAULT
from ..core.signing import Signer
from ..delivery.gathering import Gathering
from ..delivery.httpclient import BoundedClient
from ..delivery.inbox.inbox import Selection
from ..delivery.inbox.inboxes import Inboxes, Way
from ..delivery.inbox.keeping import Keeping
from ..delivery.tls import CallbackTrust
from ..delivery.told import Told
from ..delivery.webhook import Webhook
from ..store.interface import Store
from ..xmpp.builtin import BuiltinAnswers
from ..xmpp.component import ComponentService
from .outbound import keeps


@dataclass(frozen=True, slots=True)
class Posting:
    """
    What posts to a callback.

    @ivar door: Takes stanzas for it.
    """

    callback: Callback
    webhook: Webhook
    door: Webhook | Gathering


#: What posts to each, in their order.
Made: TypeAlias = Sequence[Posting]


def makeInboxes(
    config: Config,
    store: Store,
    component: ComponentService,
    *,
    ways: Sequence[Way],
    reply: Callable[[Element], Awaitable[object]],
    builtin: BuiltinAnswers,
    reactor: Any,
) -> Inboxes:
    """The way in; nobody wants anything where there are no callbacks."""
    return Inboxes(
        component.send,
        builtin.answer,
        ways,
        reply=reply,
        keeping=Keeping(store, reactor, time.time) if keeps(config) else None,
    )


class Webhooks(MultiService):
    """
    What posts to the callbacks.

    @ivar isLogged: Whether each try has a line in the log; may be replaced before a
        change.
    """

    def __init__(self, isLogged: bool) -> None:
        super().__init__()
        self.isLogged = isLogged
        self._made: Made = ()

    @property
    def ways(self) -> Sequence[Way]:
        """To each callback, with what it is to get."""
        return [_wayTo(each, self.isLogged) for each in self._made]

    def change(self, made: Made) -> None:
        """
        Post by these from now on. What the others are posting, they do to the end.
        """
        before = {each.callback.name: each for each in self._made}
        self._made = tuple(made)
        for each in made:
            old = before.get(each.callback.name)
            if old is not None and _isSame(old.callback, each.callback):
                # It may have asked for another, and is asked again only now.
                each.webhook.contentType = old.webhook.contentType
            each.webhook.setServiceParent(self)
        for gone in before.values():
            gone.webhook.disownServiceParent()


def _isSame(old: Callback, new: Callback) -> bool:
    return (old.url, old.contentType) == (new.url, new.contentType)


def _wayTo(posting: Posting, isLogged: bool) -> Way:
    callback = posting.callback
    to = None if "*" in callback.to else Addresses(*callback.to)
    selection = Selection(callback.stanzas, callback.events, to)
    door = Told(posting.door, callback.name) if isLogged else posting.door
    # As many as fill what may be under way at once.
    stanzas = callback.connections * callback.batch
    return Way(door, selection, stanzas, callback.name)


def makeWebhooks(config: Config, reactor: Any) -> Made:
    """
    What posts to each callback.

    @raise ValueError: The CAs of one cannot be read.
    """
    return [_makePosting(each, config, reactor) for each in config.allCallbacks]


def _makePosting(callback: Callback, config: Config, reactor: Any) -> Posting:
    webhook = _makeWebhook(callback, config, reactor)
    if callback.batch == 1:
        return Posting(callback, webhook, webhook)
    gathering = Gathering(
        webhook,
        reactor,
        most=callback.batch,
        connections=callback.connections,
        limit=config.stanzaSizeLimit,
    )
    return Posting(callback, webhook, gathering)


def _makeWebhook(callback: Callback, config: Config, reactor: Any) -> Webhook:
    try:
        trust = CallbackTrust(callback.caFile)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"{_caFileOf(callback)} is {callback.caFile!r}: expected a PEM file with"
            f" certificates ({reason})."
        ) from None
    client = BoundedClient(reactor, trust, callback.connections, config.stanzaSizeLimit)
    return Webhook(
        client,
        callback.url,
        callback.contentType,
        config.domain,
        signer=Signer(callback.signingSecrets),
        connections=callback.connections,
    )


def _caFileOf(callback: Callback) -> str:
    """What names the file, in a sentence about it."""
    if callback.name == DEFAULT:
        return "callback-ca-file"
    return f"The ca-file of the callback {callback.name}"
