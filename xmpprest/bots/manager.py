"""
The bots as clients see them: lists, reads, changes and deletes bots and their contacts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, TimeoutError
from twisted.internet.interfaces import IReactorTime

from ..concurrency.waiters import Waiters
from ..core.bots.contact import Contact
from ..core.bots.policy import Decision, approve, cancel, onPolicy, subscribe
from ..core.bots.presentation import Presentation
from ..core.bots.profile import Bot, Profile, changedProfile
from ..core.errors import Refusal, notFound, serviceUnavailable
from ..core.media.values import Value
from .broadcaster import Broadcaster
from .contact_sender import ContactSender, presenceXML
from .contact_writer import ContactWriter
from .interfaces import BotStore, PresenceStream
from .roster import Roster, RosterEntry
from .series import online, series

_T = TypeVar("_T")

#: Seconds that a client waits until the bots are loaded.
LOAD_TIMEOUT = 5.0
#: The highest number of bots.
MAX_BOTS = 10_000


class BotManager:
    """
    Changes the bots for clients. A change that has begun is completed also if its
    client leaves.

    @ivar isLoaded: Whether the roster has all bots of the store. Until it has, calls
        wait for up to L{LOAD_TIMEOUT}.
    """

    def __init__(
        self,
        store: BotStore,
        stream: PresenceStream,
        roster: Roster,
        *,
        present: Callable[[Bot], Presentation],
        writer: ContactWriter,
        sender: ContactSender,
        broadcaster: Broadcaster,
        clock: IReactorTime,
    ) -> None:
        """@param present: Makes a bot as its contacts see it."""
        self.isLoaded = False
        self._loading: Waiters[None] = Waiters()
        self._clock = clock
        self._store = store
        self._stream = stream
        self._roster = roster
        self._present = present
        self._writer = writer
        self._sender = sender
        self._broadcaster = broadcaster
        self._lock = DeferredLock()

    def loaded(self) -> None:
        """Serve the calls that wait: the roster has all bots of the store."""
        self.isLoaded = True
        self._loading.release(None)

    async def list(self) -> Sequence[RosterEntry]:
        """
        Return all bots, in the order of their addresses.

        @raise Refusal: 503 if they cannot be loaded.
        """
        await self._whenLoaded()
        return sorted(self._roster, key=lambda entry: entry.jid)

    async def get(self, jid: str) -> RosterEntry:
        """
        Return a bot.

        @param jid: Its bare address, in its normal form.
        @raise Refusal: 404 if there is none; 503 if the bots cannot be loaded.
        """
        await self._whenLoaded()
        entry = self._roster.get(jid)
        if entry is None:
            raise notFound(f"There is no bot {jid}; PUT one at /rest/bots/{jid}.")
        return entry

    # --- bots ---

    def put(self, jid: str, body: Value) -> Deferred[Bot]:
        """
        Add a bot, or change it.

        @param jid: Its bare address, in its normal form.
        @param body: The changes of its profile, in JSON.
        @return: The bot. Fails with L{Refusal} (422, 503) or L{StoreUnavailable}.
        """
        # One after the other, or one would undo the changes of the other.
        return _shielded(self._lock.run(self._put, jid, body))

    async def _put(self, jid: str, body: Value) -> Bot:
        await self._whenLoaded()
        entry = self._roster.get(jid)
        if entry is None and len(self._roster) >= MAX_BOTS:
            raise _tooMany(f"There are {MAX_BOTS} bots; delete one first.")
        before = Profile() if entry is None else entry.presentation.bot.profile
        bot = Bot(jid, changedProfile(before, body))
        if entry is None or bot.profile != before:
            await self._store.saveBot(bot)
            entry = self._roster.set(self._present(bot))
            self._show(entry, before)
        return bot

    def _show(self, entry: RosterEntry, before: Profile) -> None:
        """Let the contacts know of a profile that has changed."""
        if not self._stream.ready:
            return  # the next stream does
        profile = entry.presentation.bot.profile
        if replace(before, subscriptions="") != replace(profile, subscriptions=""):
            self._broadcaster.send((entry, "presence"), series(entry, online))
        if before.subscriptions != profile.subscriptions:
            self._broadcaster.send((entry, "policy"), self._decidePending(entry))

    def _decidePending(self, entry: RosterEntry) -> Iterator[Iterable[str]]:
        """Decide the requests that a changed policy no longer leaves pending."""
        for contact in [*entry.contacts]:
            policy = entry.presentation.bot.profile.subscriptions
            self._sender.carryOut(entry, onPolicy(entry.of(contact), policy))
            yield ()

    def delete(self, jid: str) -> Deferred[None]:
        """
        Delete a bot, and cancel the subscriptions of its contacts.

        @return: Fails with L{Refusal} (404, 503) or L{StoreUnavailable}.
        """
        return _shielded(self._lock.run(self._delete, jid))

    async def _delete(self, jid: str) -> None:
        entry = await self.get(jid)
        self._requireStream()
        await self._store.deleteBot(jid)
        self._writer.forget(jid)
        contacts = self._roster.remove(entry)
        self._broadcaster.send(
            (entry, "gone"),
            (
                [presenceXML(entry, each.jid, type) for type in cancel(each).sends]
                for each in contacts
            ),
        )

    # --- contacts ---

    def approve(
        self, jid: str, contact: str, name: str | None, *, subscribes: bool
    ) -> Deferred[Contact]:
        """
        Approve a contact of a bot.

        @param contact: Its bare address, in its normal form.
        @param name: A new name of the contact; C{None} to leave it.
        @param subscribes: Whether the bot also asks for the contact's presence.
        @return: The contact. Fails with L{Refusal} (404, 503) or L{StoreUnavailable}.
        """
        return _shielded(_run(self._approve(jid, contact, name, subscribes=subscribes)))

    async def _approve(
        self, jid: str, contact: str, name: str | None, *, subscribes: bool
    ) -> Contact:
        entry = await self.get(jid)
        if contact not in entry.contacts and not self._roster.hasRoomFor(contact):
            raise _tooMany("There are too many contacts; delete some first.")
        decision = approve(entry.of(contact))
        if subscribes:
            asked = subscribe(decision.contact)
            decision = Decision(asked.contact, (*decision.sends, *asked.sends))
        if name is not None:
            named = replace(decision.contact, name=name)
            decision = decision._replace(contact=named)
        if decision.sends:
            self._requireStream()
        await self._sender.carryOutNow(entry, decision)
        return decision.contact

    def cancel(self, jid: str, contact: str) -> Deferred[None]:
        """
        Cancel both directions of a contact's subscription.

        @return: Fails with L{Refusal} (404, 503) or L{StoreUnavailable}.
        """
        return _shielded(_run(self._cancel(jid, contact)))

    async def _cancel(self, jid: str, contact: str) -> None:
        entry = await self.get(jid)
        if contact not in entry.contacts:
            raise notFound(f"{jid} has no contact {contact}.")
        decision = cancel(entry.of(contact))
        if decision.sends:
            self._requireStream()
        await self._sender.carryOutNow(entry, decision)

    # --- conditions ---

    async def _whenLoaded(self) -> None:
        if self.isLoaded:
            return
        waiting = self._loading.wait()
        try:
            await waiting.addTimeout(LOAD_TIMEOUT, self._clock)
        except TimeoutError:
            raise serviceUnavailable(
                "resource-constraint",
                "The bots cannot be read from the store at the moment; try again.",
                retryAfter=5,
            ) from None

    def _requireStream(self) -> None:
        if not self._stream.ready:
            raise serviceUnavailable(
                "remote-connection-failed",
                "The gateway is not connected to the XMPP server, so it cannot tell the"
                " contacts; try again.",
                retryAfter=5,
            )


def _run(coroutine: Coroutine[Deferred[Any], Any, _T]) -> Deferred[_T]:
    return Deferred.fromCoroutine(coroutine)


def _shielded(running: Deferred[_T]) -> Deferred[_T]:
    """Return a Deferred with the same result, whose cancellation stops nothing."""
    shielded: Deferred[_T] = Deferred()
    running.addCallbacks(shielded.callback, shielded.errback)
    return shielded


def _tooMany(text: str) -> Refusal:
    return serviceUnavailable("resource-constraint", text, retryAfter=60)
