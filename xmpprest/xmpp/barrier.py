"""
Finds out whether the server has processed what was written to it (reliability.rst).

XEP-0114 has no acknowledgements. But a server processes a stream in order: when a query
that the gateway sends to itself comes back, everything before it was processed.
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

#: Seconds after which a query counts as unanswered. Before that, the keepalive aborts
#: the stream of a server that sends nothing at all.
TIMEOUT = 60.0

#: The methods: an iq to ourselves, a ping to the server's own domain, none.
LOOPBACK, PING, NONE = "loopback", "ping", "none"

_NEXT = {
    LOOPBACK: (
        PING,
        "The XMPP server does not return queries that the gateway sends to itself"
        " ({reason}). The gateway confirms messages with a ping to {peer} instead.",
    ),
    PING: (
        NONE,
        "The XMPP server does not answer a ping to {peer} either ({reason}). The"
        " gateway cannot confirm messages: they stay 'sent', and those in flight when"
        " the connection breaks may be lost.",
    ),
}

#: Conditions of RFC 6120 §8.3.3 that mean that the server cannot reach the domain.
_NOT_ITS_OWN = ("remote-server-not-found", "remote-server-timeout")


class Barrier:
    """
    A query that the server answers only after everything that was written before it.

    @ivar method: The method on this stream: L{LOOPBACK}, L{PING} or L{NONE}.
    @ivar lastSuccessAt: Time of the last answer on this stream, by the clock; C{None}
        before the first.
    @ivar roundTrips: Seconds from a query to its answer.
    """

    def __init__(
        self,
        domain: str,
        loopback: Callable[[float], Deferred[Element]],
        request: Callable[[Element, float], Deferred[list[Element]]],
        clock: IReactorTime,
    ) -> None:
        """
        @param domain: The component domain; its parent is the server's own domain.
        @param loopback: Sends an iq to the gateway itself; takes a timeout in seconds.
        @param request: Sends an iq; takes a timeout in seconds.
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
        Wait until the server has processed everything that was written before.

        @return: C{True} if it has; C{False} if the server answers no method.
        @raise Refusal: 503 if the stream was lost or is congested; 504 if the server
            has answered on this stream before, but not this time.
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
        """Ping the server itself; return the reason if it cannot answer."""
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
        Wait for a reply, and judge whether it proves anything.

        @param conditions: The error conditions that prove nothing; C{""} for any.
        @return: The reason why the reply proves nothing; C{None} if it proves that the
            server has processed the query.
        @raise Refusal: 503 if the stream was lost; 504 if the method has worked before.
        """
        try:
            reply = await replying
        except Refusal as refusal:
            if refusal.problem.status != 504 or self._isProven:
                raise
            return f"no reply within {TIMEOUT:g} s"
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
