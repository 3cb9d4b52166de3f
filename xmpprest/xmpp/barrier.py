"""
Finds out whether the server has processed what was written to it (reliability.rst).

XEP-0114 has no acknowledgements. But a server processes a stream in order: when a query
that the gateway sends to itself comes back, everything before it was processed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from operator import itemgetter

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
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

    def wait(self) -> Deferred[bool]:
        """
        Wait until the server has processed everything that was written before.

        @return: Fires with C{True} once it has; with C{False} if the server answers no
            method. Fails with L{Refusal}: 503 if the stream was lost or is congested;
            504 if the server has answered on this stream before, but not this time.
        """
        if self.method == NONE:
            return succeed(False)
        try:
            replying = self._ask()
        except Refusal:
            return fail()
        began = self._clock.seconds()
        judge = partial(self._judge, means=self.method, began=began)
        return replying.addCallbacks(judge, partial(self._noReply, means=self.method))

    def _ask(self) -> Deferred[Element]:
        """Send the query of the current method."""
        if self.method == LOOPBACK:
            return self._loopback(TIMEOUT)
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
        return self._request(ping, TIMEOUT).addCallback(itemgetter(-1))

    def _judge(self, reply: Element, means: str, began: float) -> bool | Deferred[bool]:
        """
        Judge whether a reply proves anything; if it does not, try the next method.

        @param means: The method of the query.
        @param began: When it was sent.
        """
        reason = _fault(reply, means)
        if reason or means != self.method:
            return self._again(means, reason)
        self._isProven = True
        self.lastSuccessAt = self._clock.seconds()
        self.roundTrips.observe(self.lastSuccessAt - began)
        return True

    def _noReply(self, reason: Failure, means: str) -> Failure | Deferred[bool]:
        """Try the next method if the server has not answered yet on this stream."""
        refusal = reason.value
        isLate = isinstance(refusal, Refusal) and refusal.problem.status == 504
        if not isLate or self._isProven:
            return reason
        return self._again(means, f"no reply within {TIMEOUT:g} s")

    def _again(self, means: str, reason: str) -> Deferred[bool]:
        """
        Send a query of the next method, or of that of a new stream.

        @param reason: The fault of the method C{means}.
        """
        if means == self.method:
            self._fallBack(reason)
        return self.wait()

    def _fallBack(self, reason: str) -> None:
        self.method, words = _NEXT[self.method]
        if self.method not in self._said:
            self._said.add(self.method)
            _log.warn(words, reason=reason, peer=self._peer or "its own domain")
        if self.method == PING and not self._peer:
            self._fallBack("the component's domain is in no other")


def _fault(reply: Element, means: str) -> str:
    """
    Return the reason why a reply proves nothing; empty if it proves that the server has
    processed the query.
    """
    report = firstChild(reply, ns.CLIENT, "error")
    if reply.getAttribute("type") != "error" or report is None:
        return ""
    found = [each.name for each in report.elements() if each.name != "text"]
    condition = found[0] if found else "an error"
    provesNothing = means == LOOPBACK or condition in _NOT_ITS_OWN
    return condition if provesNothing else ""
