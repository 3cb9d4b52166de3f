"""
Finds out that the server has taken what was written to it (behaviour.md §5).

XEP-0114 has no acknowledgements. But a server reads a stream in order, and so what
comes back behind something shows that it was read.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import Refusal
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.stanza import namespaces as ns
from ..core.stanza.build import element, firstChild, make

_log = Logger()

#: Seconds after which a server that says other things will not answer; one that says
#: nothing is given up before that, and its stream with it.
TIMEOUT = 60.0

#: An iq to ourselves; a ping to the server's own domain; there is no way.
LOOPBACK, PING, NONE = "loopback", "ping", "none"

_NEXT = {
    LOOPBACK: (
        PING,
        "The XMPP server does not send back what this component sends to itself"
        " ({reason}). Whether it has taken a message is found out by a ping to {peer}"
        " instead.",
    ),
    PING: (
        NONE,
        "The XMPP server does not answer a ping to {peer}, either ({reason}). Nobody"
        " can find out whether it has taken a message: messages stay 'sent', and those"
        " on their way when the connection breaks may be lost.",
    ),
}

#: Conditions of RFC 6120 §8.3.3 by which a server says that it cannot ask that domain.
_NOT_ITS_OWN = ("remote-server-not-found", "remote-server-timeout")


class Barrier:
    """
    What nothing passes before all that was written earlier.

    @ivar method: How it is done, on this stream: L{LOOPBACK}, L{PING} or L{NONE}.
    @ivar lastSuccessAt: When it came back last, on this stream, by the clock.
    @ivar roundTrips: How many seconds it took, each time.
    """

    def __init__(
        self,
        domain: str,
        loopback: Callable[[float], Deferred[Element]],
        request: Callable[[Element, float], Deferred[list[Element]]],
        clock: IReactorTime,
    ) -> None:
        """
        @param domain: The component domain; what it is in is the server's own.
        @param loopback: Sends an iq to ourselves; takes a timeout in seconds.
        @param request: Sends an iq and waits for its reply, so many seconds.
        """
        self._domain = domain
        self._peer = domain.partition(".")[2]
        self._loopback = loopback
        self._request = request
        self._clock = clock
        self._said: set[str] = set()
        self._isProven = False
        self.method = LOOPBACK
        self.lastSuccessAt: float | None = None
        self.roundTrips = Histogram(LATENCY_BUCKETS)

    def reset(self) -> None:
        """Start again with L{LOOPBACK}: the stream is new, perhaps the server, too."""
        self.method = LOOPBACK
        self._isProven = False
        self.lastSuccessAt = None

    async def wait(self) -> bool:
        """
        Wait until the server has taken all that was written before.

        @return: Whether it has; if not, this cannot be found out.
        @raise Refusal: 503, the stream was lost, or takes nothing more for now; 504,
            the server is slow.
        """
        while self.method != NONE:
            means, began = self.method, self._clock.seconds()
            reason = await (
                self._fault(self._loopback(TIMEOUT), ("",))
                if means == LOOPBACK
                else self._pinged()
            )
            if means != self.method:
                continue
            if reason is None:
                self._isProven = True
                self.lastSuccessAt = self._clock.seconds()
                self.roundTrips.observe(self.lastSuccessAt - began)
                return True
            self._fallBack(reason)
        return False

    async def _pinged(self) -> str | None:
        """Ask the server itself; returns why that was of no use."""
        if not self._peer:
            return "the component's domain is in no other"
        ping = make(
            "iq",
            {
                "to": self._peer,
                "from": self._domain,
                "type": "get",
                "id": secrets.token_urlsafe(12),
            },
            [element(ns.PING, "ping")],
        )
        replying = self._request(ping, TIMEOUT).addCallback(lambda all: all[-1])
        return await self._fault(replying, _NOT_ITS_OWN)

    async def _fault(
        self, replying: Deferred[Element], conditions: tuple[str, ...]
    ) -> str | None:
        """
        Why a reply is of no use.

        @param conditions: Of an error that is; C{""} stands for any.
        @raise Refusal: 503; 504, what has come back before does not now.
        """
        try:
            reply = await replying
        except Refusal as refusal:
            if refusal.problem.status != 504 or self._isProven:
                raise
            return f"nothing has come back within {TIMEOUT:g} s"
        report = firstChild(reply, ns.CLIENT, "error")
        if reply.getAttribute("type") != "error" or report is None:
            return None
        found = [each.name for each in report.elements() if each.name != "text"]
        condition = found[0] if found else "an error"
        return condition if {"", condition} & {*conditions} else None

    def _fallBack(self, reason: str) -> None:
        self.method, words = _NEXT[self.method]
        if self.method not in self._said:
            self._said.add(self.method)
            _log.warn(words, reason=reason, peer=self._peer or "its own domain")
