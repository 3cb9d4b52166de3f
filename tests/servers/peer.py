"""Receivers of stanzas, on which a test waits for the right one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from xml.sax.saxutils import quoteattr

from twisted.internet import defer

from tests.servers.splitter import Received

Wanted = str | Callable[[Received], bool]
"""
What a stanza must be: a part of its text, where one sort of quotation mark is
as good as the other, or a predicate.
"""

_numbers = count()


class PeerLost(Exception):
    """
    The connection ended; says what was known about the reason.
    """


def _late(_result: object, timeout: float) -> None:
    # Twisted's TimeoutError is not the one everybody knows.
    raise TimeoutError(f"has not happened in {timeout:g} s")


class Once:
    """
    Something that happens at most once, and that any number can wait for.
    """

    def __init__(self) -> None:
        self.happened = False
        self._failure: Exception | None = None
        self._waiting: list[defer.Deferred[None]] = []

    def happen(self, failure: Exception | None = None) -> None:
        """
        Record that the event has happened, or has failed to; the first call counts.

        @param failure: The error for those who wait.
        """
        if self.happened:
            return
        self.happened = True
        self._failure = failure
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.called:
                one.callback(None)

    async def wait(self, timeout: float) -> None:
        """
        @raise TimeoutError: it has not happened for so many seconds.
        """
        from twisted.internet import reactor

        if not self.happened:
            one: defer.Deferred[None] = defer.Deferred()
            self._waiting.append(one)
            await one.addTimeout(timeout, reactor, onTimeoutCancel=_late)
        if self._failure is not None:
            raise self._failure


def _matches(stanza: Received, wanted: tuple[Wanted, ...]) -> bool:
    text = stanza.xml.replace('"', "'")
    return all(
        one.replace('"', "'") in text if isinstance(one, str) else one(stanza)
        for one in wanted
    )


class Peer:
    """
    An entity on the other side of a server.

    @ivar received: everything that ever came, in order.
    """

    _syncTarget = ""
    _syncSender = ""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._backlog: list[Received] = []
        self._waiting: list[
            tuple[tuple[Wanted, ...], defer.Deferred[Received | None]]
        ] = []
        self._lost = ""
        self._end = Once()

    def send(self, xml: str) -> None:
        """
        Send text as it is.
        """
        raise NotImplementedError

    async def expect(self, *wanted: Wanted, timeout: float = 10) -> Received:
        """
        Wait for a stanza that is everything wanted, unless one has already
        come, and take it: each stanza is given out once. Others stay.

        @raise AssertionError: none came in time; says what did.
        @raise PeerLost: none can come any more.
        """
        from twisted.internet import reactor

        for index, stanza in enumerate(self._backlog):
            if _matches(stanza, wanted):
                return self._backlog.pop(index)
        if self._end.happened:
            raise PeerLost(self._lost)
        waiting: defer.Deferred[Received | None] = defer.Deferred()
        entry = (wanted, waiting)
        self._waiting.append(entry)
        waiting.addTimeout(timeout, reactor, onTimeoutCancel=lambda *_: None)
        try:
            found = await waiting
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
        if found is None:
            raise AssertionError(
                f"no stanza with {wanted!r} in {timeout:g} s; not taken are: "
                f"{[stanza.xml for stanza in self._backlog]}"
            )
        return found

    async def sync(self, timeout: float = 10) -> None:
        """
        Ask the server a question, and wait for the answer: everything that
        the server had for this entity when it was asked is then in
        L{received}. So a test can tell that something did I{not} come: first
        the sender's C{sync}, then the receiver's.

        ejabberd's rooms are processes of their own that neither waits for;
        there, wait for a later message to come back from the room.
        """
        name = f"sync-{next(_numbers)}"
        sender = f" from={quoteattr(self._syncSender)}" if self._syncSender else ""
        self.send(
            f"<iq type='get' id='{name}' to={quoteattr(self._syncTarget)}{sender}>"
            "<ping xmlns='urn:xmpp:ping'/></iq>"
        )
        await self.expect(lambda it: it.element.get("id") == name, timeout=timeout)

    async def joinRoom(
        self, room: str, nick: str, sender: str = "", timeout: float = 10
    ) -> Received:
        """
        Enter a room.

        @param room: the room's bare JID.
        @param sender: for a component, the JID that enters.
        @return: the room's presence for the new occupant; those of the
            other occupants came before and are kept for L{expect}.
        @raise AssertionError: the room refused, or did not answer.
        """
        origin = f" from={quoteattr(sender)}" if sender else ""
        self.send(
            f"<presence to={quoteattr(f'{room}/{nick}')}{origin}>"
            "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )

        def answers(stanza: Received) -> bool:
            return (
                stanza.kind == "presence"
                and stanza.element.get("from") in {room, f"{room}/{nick}"}
                and (not sender or stanza.element.get("to") == sender)
                and (
                    stanza.element.get("type") == "error"
                    or any(
                        status.get("code") == "110"
                        for status in stanza.element.iterfind("{*}x/{*}status")
                    )
                )
            )

        answer = await self.expect(answers, timeout=timeout)
        if answer.element.get("type") == "error":
            raise AssertionError(f"{room} refused {nick!r}: {answer.xml}")
        return answer

    async def ended(self, timeout: float = 10) -> None:
        """
        Wait until the connection is gone, whoever ended it.

        @raise TimeoutError: it is still there.
        """
        await self._end.wait(timeout)

    def _deliver(self, stanza: Received) -> None:
        self.received.append(stanza)
        for entry in self._waiting:
            wanted, waiting = entry
            if _matches(stanza, wanted):
                self._waiting.remove(entry)
                waiting.callback(stanza)
                return
        self._backlog.append(stanza)

    def _connectionEnded(self, reason: str) -> None:
        if self._end.happened:
            return
        self._lost = reason
        entries, self._waiting = self._waiting, []
        for _, waiting in entries:
            waiting.errback(PeerLost(reason))
        self._end.happen()
