"""
Pairs iq replies with the requests that wait for them (RFC 6120 §8.1.3, §8.2.3).

A reply, and each result of an archive query (XEP-0313 §4.2), counts only if its id and
its sender match. The id on the wire is random and the gateway's own, so that neither
clients nor strangers can make two requests collide.
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

from ..concurrency import timers
from ..core.errors import Problem, Refusal, serviceUnavailable
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.stanza import jid, mam
from ..core.stanza import namespaces as ns
from ..core.stanza.build import isResponse, withAttributes
from ..core.stanza.jid import JID
from ..ids import newID


def notConnected() -> Refusal:
    """Return the refusal for a request without a stream to the server: 503."""
    return serviceUnavailable(
        "remote-connection-failed",
        "The gateway has no connection to its XMPP server at the moment; try again.",
        retryAfter=5,
    )


@dataclass(slots=True)
class _Wait:
    """
    A request that waits for its reply.

    @ivar peers: The senders of a valid reply; C{None} stands for a missing C{from}.
    @ivar caller: The id, to and from that the caller gave.
    @ivar since: Time of the request, by the clock.
    @ivar loopback: Whether the request itself, when it comes back, is the reply.
    @ivar collected: The results before the reply; C{None} for other than archive
        queries.
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
    The iqs that wait for their replies. Each wait ends by a reply, its timeout,
    cancellation, or the loss of the stream.

    @ivar late: Number of replies and results that no request waited for any more.
    @ivar mismatched: Number of replies and results with a right id from a wrong sender.
    @ivar waitTimes: Seconds that requests have waited, except those to ourselves.
    """

    def __init__(
        self,
        domain: str,
        clock: IReactorTime,
        send: Callable[[Element], None],
        sendUnseen: Callable[[str], None],
    ) -> None:
        """
        @param domain: The component domain, in its normal form.
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param sendUnseen: Writes a stanza that no client has asked for, as XML; raises
            L{Refusal}, too.
        """
        self._domain = domain
        self._ourselves = (JID("", domain, ""), None)
        self._clock = clock
        self._write = send
        self._writeUnseen = sendUnseen
        self._waits: dict[str, _Wait] = {}
        self._callers: set[tuple[str, str, str]] = set()
        # Marks our ids, so that a late reply is not taken for an inbound stanza.
        self._prefix = secrets.token_urlsafe(6)
        self.late = 0
        self.mismatched = 0
        self.waitTimes = Histogram(LATENCY_BUCKETS)

    def __len__(self) -> int:
        """Return the number of requests that wait."""
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
        attributes = stanza.attributes
        caller = (attributes["id"], attributes["to"], attributes["from"])
        peer = jid.parseJID(caller[1])
        own = jid.normaliseJID(caller[2]).bare
        peers: tuple[JID | None, ...] = (peer,)
        if peer == own or peer in self._ourselves:
            # RFC 6120 §8.1.2.1: our server may leave its name out, or give ours.
            peers = (own, *self._ourselves)
        if caller in self._callers:
            raise _doubled()
        wireID = self._newID()
        outbound, collected = withAttributes(stanza, id=wireID), None
        query = mam.query(stanza)
        if query is not None:
            callersID = query.getAttribute("queryid")
            outbound = mam.withQueryID(outbound, callersID, wireID)
            collected = mam.ArchiveResults(wireID, callersID)
        deferred = self._register(wireID, peers, caller, timeout, collected)
        self._callers.add(caller)
        try:
            self._write(outbound)
        except Refusal:
            self._forget(wireID)
            raise
        return deferred

    def pingSelf(self, timeout: float) -> Deferred[Element]:
        """
        Send an iq to the gateway itself. It comes back behind everything that the
        server has routed before it.

        @param timeout: Seconds.
        @return: Fires with the iq or an error stanza; fails with L{Refusal}: 504 for a
            timeout, 503 for a lost stream.
        """
        id, domain = self._newID(), self._domain
        caller = (id, domain, domain)
        deferred = self._register(id, self._ourselves, caller, timeout, isLoopback=True)
        try:
            self._writeUnseen(
                f"<iq to='{domain}' from='{domain}' type='get' id='{id}'>"
                f"<ping xmlns='{ns.PING}'/></iq>"
            )
        except Refusal:
            self._forget(id)
            raise
        return deferred.addCallback(itemgetter(-1))

    def isLoopback(self, stanza: Element) -> bool:
        """Tell whether an inbound stanza is the iq of a L{pingSelf}."""
        wait = self._waits.get(stanza.getAttribute("id", ""))
        return wait is not None and wait.loopback

    def handleReply(self, stanza: Element) -> bool:
        """
        Handle an inbound stanza that answers a request of the gateway.

        @return: C{True} if the request has got it, or if it was dropped as late or
            forged; C{False} if it is an inbound stanza like any other.
        """
        if stanza.name == "iq":
            return self._resolveIQ(stanza)
        if stanza.name == "message":
            queryID = mam.queryID(stanza)
            if queryID is not None and queryID.startswith(self._prefix):
                self._collect(stanza, queryID)
                return True
        return False

    def _collect(self, message: Element, queryID: str) -> None:
        """Add a result to those of its archive query."""
        wait = self._waits.get(queryID)
        if wait is None:
            self.late += 1
        elif wait.collected is None or _sender(message) not in wait.peers:
            self.mismatched += 1
        elif problem := wait.collected.add(message):
            self._end(queryID).deferred.errback(Failure(Refusal(problem)))

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
        reply = iq if wait.loopback else withAttributes(iq, id=wait.caller[0])
        wait.deferred.callback(
            [reply] if wait.collected is None else wait.collected.finish(reply)
        )
        return True

    def _dropLate(self, iq: Element, wireID: str) -> bool:
        """
        Drop a reply that no request waits for any more.

        @return: Whether the iq is one.
        """
        if not wireID.startswith(self._prefix):
            return False
        if not isResponse(iq) and _sender(iq) not in self._ourselves:
            # A request of a stranger, with an id that it has seen.
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
        wireID: str,
        peers: tuple[JID | None, ...],
        caller: tuple[str, str, str],
        timeout: float,
        collected: mam.ArchiveResults | None = None,
        *,
        isLoopback: bool = False,
    ) -> Deferred[list[Element]]:
        """Let a request wait that is about to be written."""
        deferred: Deferred[list[Element]] = Deferred(lambda _: self._cancelled(wireID))
        timer = self._clock.callLater(timeout, self._timedOut, wireID, timeout)
        self._waits[wireID] = _Wait(
            deferred, peers, caller, self._clock.seconds(), timer, isLoopback, collected
        )
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
        """Remove a request, and count how long it has waited."""
        wait = self._forget(wireID)
        if not wait.loopback:
            self.waitTimes.observe(self._clock.seconds() - wait.since)
        return wait

    def _forget(self, wireID: str) -> _Wait:
        wait = self._waits.pop(wireID)
        self._callers.discard(wait.caller)
        timers.cancel(wait.timer)
        return wait

    def _newID(self) -> str:
        return self._prefix + newID()


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
    """Return the normalised sender of a stanza; C{None} if it names none."""
    sender = stanza.getAttribute("from")
    return jid.normaliseJID(sender) if sender else None
