"""Makes the inboxes and the webhook clients behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..config.callback import CallbackConfig
from ..config.config import Config
from ..core.codec.events import ComplaintEvent
from ..core.live import Live, LiveSettings
from ..core.stanza import jid
from ..core.stanza.jid_pattern import JIDPatterns
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.signing import Signer
from ..inbox.filter import StanzaFilter
from ..inbox.options import InboxOptions
from ..inbox.pull.desk import UpdateDesk
from ..inbox.reflections import ReflectionFilter, SentMessage
from ..inbox.router import InboxRouter
from ..inbox.subscriber import Subscription
from ..store.interface import Store
from ..webhook.batcher import WebhookBatcher
from ..webhook.client import WebhookClient
from ..webhook.http_client import BoundedClient
from ..webhook.tls_policy import WebhookTLSPolicy
from ..xmpp.builtin import BuiltinResponder
from .stores import isDurable


@dataclass(frozen=True, slots=True)
class WebhookPipeline:
    """
    A callback and the objects that POST to it.

    @ivar webhook: C{None} for a callback with the URL C{pull:}.
    @ivar target: Takes its stanzas: the webhook client, or a batcher in front of it.
    """

    callback: CallbackConfig
    webhook: WebhookClient | None = None
    target: WebhookClient | WebhookBatcher | None = None


#: The pipelines of all callbacks, in their order.
Pipelines: TypeAlias = Sequence[WebhookPipeline]


def makeInboxRouter(
    config: Config,
    settings: Live[LiveSettings],
    store: Store,
    write: Callable[[Element], None],
    builtin: Callable[[Element], Element | None],
    *,
    subscriptions: Sequence[Subscription],
    reply: Callable[[Element], Awaitable[object]],
    reflections: ReflectionFilter,
    onComplaint: Callable[[ComplaintEvent], None],
    reactor: Any,
) -> InboxRouter:
    """
    Make the inboxes of all callbacks.

    @param write: Writes a reply to the stream; raises L{Refusal} if it cannot.
    @param builtin: Returns the gateway's own answer to an iq, or C{None}.
    @param reply: Sends a message in reply, as a client's is sent.
    @param reflections: Recognises messages that rooms send back to their author.
    @param onComplaint: Is told of faults in the responses of callbacks.
    """
    return InboxRouter(
        write,
        builtin,
        subscriptions,
        InboxOptions(
            reactor,
            settings,
            store if isDurable(config) else None,
            reflections=reflections,
            onComplaint=onComplaint,
        ),
        reply=reply,
    )


def makeBuiltinResponder(
    settings: Live[LiveSettings], reactor: Any
) -> BuiltinResponder:
    """Make the gateway's own answers to queries."""
    return BuiltinResponder(
        lambda: settings.value.name,
        reactor,
        features=lambda: settings.value.features,
    )


def makeUpdateDesk(
    config: Config, store: Store, inbox: InboxRouter
) -> UpdateDesk | None:
    """Make the desk where clients fetch updates; C{None} without a durable store."""
    return UpdateDesk(inbox, store) if isDurable(config) else None


def makeReflectionFilter(config: Config, store: Store) -> ReflectionFilter:
    """Make the filter of messages that rooms send back to their author."""

    async def wasSent(message: SentMessage) -> bool:
        return any(
            jid.bareOf(each.to) == message.room and each.sender in ("", message.sender)
            for each in await store.outgoingByID(message.id)
        )

    if not isDurable(config):
        return ReflectionFilter()
    return ReflectionFilter(lambda message: Deferred.fromCoroutine(wasSent(message)))


class Webhooks(MultiService):
    """
    The service of the webhook clients, one for each callback.
    """

    def __init__(
        self,
        settings: Live[LiveSettings],
        isOccupantPresence: Callable[[Element], bool] = lambda presence: False,
    ) -> None:
        """@param isOccupantPresence: Tells presence from a room that a bot is in."""
        super().__init__()
        self._isOccupantPresence = isOccupantPresence
        self._settings = settings
        self._made: Pipelines = ()

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """The callbacks in their order, and the stanzas that each is to get."""
        isLogged = self._settings.value.logsRequests
        isOccupant = self._isOccupantPresence
        return [_makeSubscription(each, isLogged, isOccupant) for each in self._made]

    def setPipelines(self, made: Pipelines) -> None:
        """
        Replace the clients. Those that are removed complete the requests in flight.
        """
        before = {each.callback.name: each for each in self._made}
        self._made = tuple(made)
        for each in made:
            if each.webhook is None:
                continue
            old = before.get(each.callback.name)
            if old is not None and old.webhook and _isSame(old.callback, each.callback):
                # The callback may have chosen it by OPTIONS, which is only sent now.
                each.webhook.contentType = old.webhook.contentType
            each.webhook.setServiceParent(self)
        for gone in before.values():
            if gone.webhook is not None:
                gone.webhook.disownServiceParent()


def _isSame(old: CallbackConfig, new: CallbackConfig) -> bool:
    return (old.url, old.contentType) == (new.url, new.contentType)


def _makeSubscription(
    posting: WebhookPipeline,
    isLogged: bool,
    isOccupantPresence: Callable[[Element], bool],
) -> Subscription:
    callback = posting.callback
    to = None if "*" in callback.to else JIDPatterns(*callback.to)
    selection = StanzaFilter(callback.stanzas, callback.events, to)
    if not callback.occupants:
        selection = replace(selection, isExcluded=isOccupantPresence)
    # As many as fill all requests in flight.
    stanzas = callback.connections * callback.batch
    return Subscription(
        posting.target,
        selection,
        stanzas,
        callback.name,
        isLogged,
        callback.reflections,
    )


def makeWebhooks(config: Config, reactor: Any) -> Pipelines:
    """
    Make the pipelines of all callbacks.

    @raise ValueError: The CAs of one cannot be read.
    """
    return [_makePipeline(each, config, reactor) for each in config.allCallbacks]


def _makePipeline(
    callback: CallbackConfig, config: Config, reactor: Any
) -> WebhookPipeline:
    if callback.isPull:
        return WebhookPipeline(callback)
    webhook = _makeWebhook(callback, config, reactor)
    if callback.batch == 1:
        return WebhookPipeline(callback, webhook, webhook)
    batcher = WebhookBatcher(
        webhook,
        reactor,
        most=callback.batch,
        connections=callback.connections,
        limit=config.stanzaSizeLimit,
    )
    return WebhookPipeline(callback, webhook, batcher)


def _makeWebhook(
    callback: CallbackConfig, config: Config, reactor: Any
) -> WebhookClient:
    try:
        trust = WebhookTLSPolicy(callback.caFile)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(
            f"{_caFileOf(callback)} is {callback.caFile!r}: expected a PEM file with"
            f" certificates ({reason})."
        ) from None
    client = BoundedClient(reactor, trust, callback.connections, config.stanzaSizeLimit)
    return WebhookClient(
        client,
        callback.url,
        callback.contentType,
        config.domain,
        signer=Signer(callback.signingSecrets),
    )


def _caFileOf(callback: CallbackConfig) -> str:
    """Return the name of the setting, for a sentence about it."""
    if callback.name == DEFAULT:
        return "callback-ca-file"
    return f"The ca-file of the callback {callback.name}"
