"""Tells the log of each try to deliver."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.policy.callback_response import CallbackResponse
from ..core.stanza.build import withArticle
from ..core.webhook.errors import DeliveryError

_log = Logger()


class WebhookTarget(Protocol):
    """Where stanzas are posted."""

    async def post(self, stanza: Element, id: str) -> CallbackResponse:
        """Deliver one; raises L{DeliveryError}."""


class LoggedWebhook:
    """
    A callback of which each try has a line in the log, with the id that it is known by
    there as C{webhook-id}.
    """

    def __init__(self, callback: WebhookTarget, name: str) -> None:
        """@param name: What the callback is called."""
        self._callback = callback
        self._name = name

    async def post(self, stanza: Element, id: str) -> CallbackResponse:
        """Deliver a stanza; see L{Webhook.post<xmpprest.webhook.client>}."""
        began = perf_counter()
        try:
            said = await self._callback.post(stanza, id)
        except DeliveryError as reason:
            self._tell(stanza, id, f"no answer, {reason}", began)
            raise
        self._tell(stanza, id, str(said.status), began)
        return said

    def _tell(self, stanza: Element, id: str, result: str, began: float) -> None:
        _log.info(
            "Delivery {delivery}: {stanza} from {sender} to callback {callback},"
            " {result} in {milliseconds} ms",
            delivery=id,
            stanza=withArticle(stanza.name),
            sender=stanza.getAttribute("from"),
            callback=self._name,
            result=result,
            milliseconds=round((perf_counter() - began) * 1000, 1),
        )
