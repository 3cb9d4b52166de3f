"""Bots between a store in memory and a stream that the test holds."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.words.xish.domish import Element

from xmpprest.bots.roster import RosterEntry
from xmpprest.bots.service import BotService
from xmpprest.core.bots.contact import Contact, ContactRecord
from xmpprest.core.bots.profile import Bot
from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.media.values import Value
from xmpprest.core.records import StoreUnavailable
from xmpprest.store.memory import MemoryStore

from .doubles import DOMAIN, stanza

#: A bot, and one who may become its contact.
BOT = "weather@gateway.example"
USER = "romeo@example.net"

FULL = StoreUnavailable("the disk is full")


class HeldStream:
    """
    A stream that collects what is written.

    @ivar ready: Whether it is up.
    @ivar isFull: Whether it accepts nothing for now.
    @ivar stanzas: The stanzas as XML.
    @ivar onWrite: Observes each stanza, as an observer of the real stream does.
    """

    def __init__(self) -> None:
        self.ready = True
        self.isFull = False
        self.stanzas: list[str] = []
        self.onWrite: Any = lambda xml: None
        self.drained: Deferred[None] = succeed(None)

    def write(self, xml: str) -> None:
        """Write a stanza, or refuse it."""
        if self.isFull or not self.ready:
            raise serviceUnavailable("resource-constraint", "It is full.", 1)
        self.stanzas.append(xml)
        self.onWrite(xml)

    def whenDrained(self) -> Deferred[None]:
        """Return the Deferred that the test has set."""
        return self.drained

    def taken(self) -> list[str]:
        """Return what was written since the last call."""
        taken, self.stanzas = self.stanzas, []
        return taken

    def kinds(self) -> list[str]:
        """Return the types and recipients of what was written since the last call."""
        found = [stanza(xml) for xml in self.taken()]
        return [
            f"{each.getAttribute('type', 'available')} {each['to']}" for each in found
        ]


class HeldBarrier:
    """
    A barrier that the test opens.

    @ivar waiting: The waits, if C{isHeld}; else they end at once.
    @ivar answers: Whether the server answers.
    """

    def __init__(self) -> None:
        self.isHeld = False
        self.answers = True
        self.waiting: list[Deferred[bool]] = []

    def wait(self) -> Awaitable[bool]:
        """Wait for the test."""
        if not self.isHeld:
            return succeed(self.answers)
        waiting: Deferred[bool] = Deferred()
        self.waiting.append(waiting)
        return waiting

    def open(self) -> None:
        """End all waits."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            if not each.called:
                each.callback(self.answers)


class HeldBotStore(MemoryStore):
    """
    A store whose calls the test may hold or fail.

    @ivar isHeld: Whether changes of contacts wait for L{release}.
    @ivar isFull: Whether all calls fail.
    @ivar saved: The contacts of each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.isHeld = False
        self.isFull = False
        self.saved: list[Sequence[ContactRecord]] = []
        self._held: list[tuple[Deferred[None], Sequence[ContactRecord]]] = []

    def saveContacts(self, contacts: Sequence[ContactRecord]) -> Deferred[None]:
        """Store contacts, or fail, or wait."""
        if self.isFull:
            return fail(FULL)
        self.saved.append(contacts)
        if self.isHeld:
            held: Deferred[None] = Deferred()
            self._held.append((held, contacts))
            return held
        return super().saveContacts(contacts)

    def saveBot(self, bot: Bot) -> Deferred[None]:
        """Store a bot, or fail."""
        return fail(FULL) if self.isFull else super().saveBot(bot)

    def deleteBot(self, jid: str) -> Deferred[None]:
        """Delete a bot, or fail."""
        return fail(FULL) if self.isFull else super().deleteBot(jid)

    def bots(self) -> Deferred[Sequence[Bot]]:
        """Read the bots, or fail."""
        return fail(FULL) if self.isFull else super().bots()

    def release(self) -> None:
        """Let the calls that wait be done, one after the other."""
        while self._held:
            held, contacts = self._held.pop(0)
            super().saveContacts(contacts)
            held.callback(None)

    def refuse(self) -> None:
        """Fail the calls that wait."""
        held, self._held = self._held, []
        for each, _ in held:
            each.errback(FULL)


class HeldBots:
    """
    A service of bots, started, with everything around it in the test's hands.

    @ivar features: The features of the gateway itself.
    @ivar forwarded: The held stanzas that were for no bot.
    @ivar watches: How often the handler was made an observer.
    """

    def __init__(self, store: HeldBotStore | None = None, domain: str = DOMAIN) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.stream, self.barrier = HeldStream(), HeldBarrier()
        self.store = store or HeldBotStore()
        self.store.open()
        self.features = ["urn:xmpp:ping"]
        self.forwarded: list[Element] = []
        self.watches = 0
        self.service = BotService(
            self.store,
            self.stream,
            self.barrier,
            lambda: self.features,
            domain=domain,
            clock=self.clock,
            now=lambda: 1_750_000_000.0,
            forward=self.forwarded.append,
            watch=self._watch,
        )
        self.manager = self.service.manager
        self.service.startService()

    def _watch(self) -> None:
        self.watches += 1
        self.stream.onWrite = self.service.handler.sent

    def put(self, jid: str = BOT, **profile: Value) -> None:
        """Add or change a bot, and forget what was sent of it."""
        result: list[Bot] = []
        self.manager.put(jid, {**profile}).addCallback(result.append)
        assert result, "the bot was not stored"
        self.stream.taken()

    def receive(self, xml: str) -> Element | None:
        """Let a stanza arrive; return what is left to others."""
        return self.service.intercept(stanza(xml))

    def presence(self, type: str = "", sender: str = USER, to: str = BOT) -> bool:
        """Let a presence arrive; return whether it is left to others."""
        attribute = f" type='{type}'" if type else ""
        xml = f"<presence from='{sender}' to='{to}'{attribute}/>"
        return self.receive(xml) is not None

    def entry(self, bot: str = BOT) -> RosterEntry:
        """Return a bot in memory."""
        found = self.service.roster.get(bot)
        assert found is not None
        return found

    def contact(self, jid: str = USER, bot: str = BOT) -> Contact | None:
        """Return a contact in memory; C{None} if there is none."""
        entry = self.service.roster.get(bot)
        return None if entry is None else entry.contacts.get(jid)

    def stored(self) -> dict[str, str]:
        """Return the contacts in the store with the names of their states."""
        found: list[Sequence[ContactRecord]] = []
        self.store.contacts("", "", 1_000_000).addCallback(found.append)
        return {
            each.contact.jid: " ".join(
                (each.contact.subscription.name, *each.contact.subscription.pending)
            )
            for each in found[0]
        }
