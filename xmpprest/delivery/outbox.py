"""Takes what is to be sent, and sends it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.words.xish.domish import Element


class Outbox:
    """
    The way out without a store: accepted means written to the stream.
    """

    def __init__(self, send: Callable[[Element], None]) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        """
        self._send = send

    async def accept(self, stanza: Element) -> None:
        """
        Send a message or a presence.

        @param stanza: Complete, as L{submission<xmpprest.core.rules.submission>}
            makes it.
        @raise Refusal: 503, it was not sent.
        """
        self._send(stanza)
