"""
Pairs iq replies with the requests that wait for them (RFC 6120 §8.1.3, §8.2.3).

A reply counts only if its id and its sender match, and so does each result of a query
(XEP-0313 §4.2). The id on the wire is our own, random, so that neither callers nor
strangers can make two requests collide.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.errors import Problem, Refusal, serviceUnavailable
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.stanza import jid, mam
from ..core.stanza import namespaces as ns
from ..core.stanza.build import element, isResponse, make, withAttributes
from ..core.stanza.jid import JID


def notConnected() -> Refusal:
    """Refuse what needs the server, while there is no stream to it: 503."""
    return serviceUnavailable(
        "remote-connection-failed",
        "The gateway has no connection to its XMPP server at the moment; try again.",
        retryAfter=5,
    )


@dataclass(slots=True)
class _Wait:
    """
    A request that waits.

    @ivar peers: Who may answer; C{None} among them is a reply without C{from}.
    @ivar caller: The id, to and from that the caller gave.
    @ivar since: When it began to, by the clock.
    @ivar loopback: Whether our own request, coming back, is the answer.
    @ivar collected: What came before the reply, if the request asks an archive.
    """

    deferred: Deferred[list[Element]]
    peers: tuple[JID | None, ...]
    caller: tuple[str, str, str]
    since: float
    timer: IDelayedCall
    loopback: bool
    collected: mam.ArchiveResults | None


class IQTracker:
    """
    Every iq that waits for its reply; each wait ends by a reply, the timeout,
    cancellation, or the loss of the stream.

    @ivar late: Replies and results that came when nobody waited any more.
    @ivar mismatched: Those with a right id from a wrong sender.
    @ivar waitTimes: How many seconds each request has waited, but those to ourselves.
    """

    def __init__(
        self,
        domain: str,
        clock: IReactorTime,
        send: Callable[[Element], None],
        sendUnseen: Callable[[Element], None],
    ) -> None:
        """
        @param domain: The component domain, in its normal form.
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param sendUnseen: The same, for what nobody asked the gateway to send.
        """
        self._domain = domain
        self._ourselves = (JID("", domain, ""), None)
        self._clock = clock
        self._write = send
        self._writeUnseen = sendUnseen
        self._waits: dict[str, _Wait] = {}
        self._callers: set[tuple[str, str, str]] = set()
        # Ours at sight, so that a late reply is not taken for somebody's stanza.
        self._prefix = secrets.token_urlsafe(6)
        self.late = 0
        self.mismatched = 0
        self.waitTimes = Histogram(LATENCY_BUCKETS)

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waits)

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """
        Send an iq and wait for its reply.

        @param stanza: An iq of type get or set with to, from and id.
        @param timeout: Seconds.
        @return: Fires with the reply, a result or an error, under the id that the
            request had; before it, what an archive sent that was queried, under the
            queryid that the query had. Fails with L{Refusal}: 504 for a timeout, 503
            for a lost stream, 422 for more than is collected.
        @raise Refusal: 409 if the same id, to and from already wait; 503 if there
            is no stream.
        """
        peer = jid.parseJID(stanza["to"])
        own = jid.normaliseJID(stanza["from"]).bare
        peers: tuple[JID | None, ...] = (peer,)
        if peer == own or peer in self._ourselves:
            # RFC 6120 §8.1.2.1: our server may leave its name out, or give ours.
            peers = (own, *self._ourselves)
        return self._register(stanza, peers, timeout, loopback=False)

    def pingSelf(self, timeout: float) -> Deferred[Element]:
        """
        Send an iq to ourselves. It comes back in order, behind all that the server
        has routed before it.

        @param timeout: Seconds.
        @return: Fires with the iq or an error; fails like L{request}.
        """
        ping = make(
            "iq",
            {
                "to": self._domain,
                "from": self._domain,
                "type": "get",
                "id": self._newID(),
            },
            [element(ns.PING, "ping")],
        )
        replying = self._register(ping, self._ourselves, timeout, loopback=True)
        return replying.addCallback(itemgetter(-1))

    def isLoopback(self, stanza: Element) -> bool:
        """Whether it is what L{pingSelf} waits for."""
        wait = self._waits.get(stanza.getAttribute("id", ""))
        return wait is not None and wait.loopback

    def handleReply(self, stanza: Element) -> bool:
        """
        Take an inbound stanza, if it answers a request of ours.

        @return: Whether it is dealt with: given to who waits for it, or dropped as
            late or forged. If not, it is a stanza like any other.
        """
        if stanza.name == "message":
            return self._collect(stanza)
        return stanza.name == "iq" and self._resolveIQ(stanza)

    def _collect(self, message: Element) -> bool:
        queryID = mam.queryID(message)
        if queryID is None or not queryID.startswith(self._prefix):
            return False
        wait = self._waits.get(queryID)
        if wait is None:
            self.late += 1
        elif wait.collected is None or _sender(message) not in wait.peers:
            self.mismatched += 1
        elif problem := wait.collected.add(message):
            self._end(queryID).deferred.errback(Failure(Refusal(problem)))
        return True

    def _resolveIQ(self, iq: Element) -> bool:
        wireID = iq.getAttribute("id", "")
        wait = self._waits.get(wireID)
        if wait is None:
            return self._dropLate(iq, wireID)
        response = isResponse(iq)
        if not response and not wait.loopback:
            return False
        if _sender(iq) not in wait.peers:
            self.mismatched += response
            return response
        self._end(wireID)
        reply = withAttributes(iq, id=wait.caller[0])
        wait.deferred.callback(
            [reply] if wait.collected is None else wait.collected.finish(reply)
        )
        return True

    def _dropLate(self, iq: Element, wireID: str) -> bool:
        """
        Drop what comes back when nobody waits any more.

        @return: Whether it is that.
        """
        if not wireID.startswith(self._prefix):
            return False
        if not isResponse(iq) and _sender(iq) not in self._ourselves:
            # A stranger's request, under an id that it has seen.
            return False
        self.late += 1
        return True

    def failAll(self) -> None:
        """Fail every request with 503: the stream is lost, and every reply with it."""
        waits = {wireID: wait.deferred for wireID, wait in self._waits.items()}
        for wireID in waits:
            self._end(wireID)
        for deferred in waits.values():
            deferred.errback(Failure(notConnected()))

    def _register(
        self,
        stanza: Element,
        peers: tuple[JID | None, ...],
        timeout: float,
        loopback: bool,
    ) -> Deferred[list[Element]]:
        caller = (stanza["id"], stanza["to"], stanza["from"])
        if caller in self._callers:
            raise _doubled()
        wireID = self._newID()
        outbound, collected = withAttributes(stanza, id=wireID), None
        query = mam.query(stanza)
        if query is not None:
            callersID = query.getAttribute("queryid")
            outbound = mam.withQueryID(outbound, callersID, wireID)
            collected = mam.ArchiveResults(wireID, callersID)
        deferred: Deferred[list[Element]] = Deferred(lambda _: self._cancelled(wireID))
        timer = self._clock.callLater(timeout, self._timedOut, wireID, timeout)
        self._waits[wireID] = _Wait(
            deferred, peers, caller, self._clock.seconds(), timer, loopback, collected
        )
        self._callers.add(caller)
        try:
            (self._writeUnseen if loopback else self._write)(outbound)
        except Refusal:
            self._forget(wireID)
            raise
        return deferred

    def _cancelled(self, wireID: str) -> None:
        self._end(wireID)

    def _timedOut(self, wireID: str, timeout: float) -> None:
        wait = self._end(wireID)
        wait.deferred.errback(
            Failure(
                Refusal(
                    Problem(
                        504,
                        "wait",
                        "connection-timeout",
                        f"No reply from {wait.caller[1]} within {timeout:g} s.",
                    )
                )
            )
        )

    def _end(self, wireID: str) -> _Wait:
        """A request has waited."""
        wait = self._forget(wireID)
        if not wait.loopback:
            self.waitTimes.observe(self._clock.seconds() - wait.since)
        return wait

    def _forget(self, wireID: str) -> _Wait:
        wait = self._waits.pop(wireID)
        self._callers.discard(wait.caller)
        if wait.timer.active():
            wait.timer.cancel()
        return wait

    def _newID(self) -> str:
        return self._prefix + secrets.token_urlsafe(12)


def _doubled() -> Refusal:
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            "An iq with this id, to and from is already waiting for its reply; give"
            " each its own id, or none.",
        )
    )


def _sender(stanza: Element) -> JID | None:
    """Who a stanza is from, to compare; C{None} if it does not say."""
    sender = stanza.getAttribute("from")
    return jid.normaliseJID(sender) if sender else None
