"""The service of the bots: loads them, and keeps them present on each stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..core.bots.presentation import Presentation
from ..core.bots.profile import Bot
from ..core.errors import REPORT_BUG, Refusal
from ..core.records import StoreUnavailable
from .broadcaster import Broadcaster
from .contact_sender import ContactSender
from .contact_writer import ContactWriter
from .interfaces import BotStore, PresenceStream, StreamBarrier
from .manager import BotManager
from .presence_handler import PresenceHandler
from .roster import Roster
from .series import newStream, offline, online, series

_log = Logger()
_T = TypeVar("_T")

#: Contacts that one call of the store returns.
PAGE = 250
#: Seconds until the store is asked again if it could not be read.
RETRY_DELAY = 1.0
#: Stanzas that wait until the bots are loaded; further ones go to the callbacks.
MAX_HELD = 1000
#: Seconds in which all contacts are told that the gateway stops.
STOP_TIMEOUT = 5.0


class BotService(Service):
    """
    The bots of a gateway: an observer of the stream, and an interceptor of inbound
    stanzas.

    @ivar roster: The bots and their contacts.
    @ivar handler: Handles stanzas from contacts.
    @ivar manager: Changes the bots for clients.
    """

    def __init__(
        self,
        store: BotStore,
        stream: PresenceStream,
        barrier: StreamBarrier,
        features: Callable[[], Iterable[str]],
        *,
        domain: str,
        clock: IReactorTime,
        now: Callable[[], float],
        forward: Callable[[Element], None],
        watch: Callable[[], None],
    ) -> None:
        """
        @param features: Returns the features of the gateway itself.
        @param domain: The component domain.
        @param now: Returns seconds since 1970.
        @param forward: Hands a stanza that was held, and is for no bot, to the
            callbacks.
        @param watch: Lets L{handler} observe the stream; called with the first bot, so
            that gateways without bots have no work by it.
        """
        self.roster = Roster()
        self._domain = domain
        self._store = store
        self._stream = stream
        self._features = features
        self._clock = clock
        self._forward = forward
        self._watch = watch
        self._isWatching = False
        self._writer = ContactWriter(store, clock)
        sender = ContactSender(self.roster, self._writer, stream)
        self._broadcaster = Broadcaster(stream, barrier, clock)
        self.handler = PresenceHandler(
            self.roster, sender, self._write, now=now, steady=clock.seconds
        )
        self.manager = BotManager(
            store,
            stream,
            self.roster,
            present=self._present,
            writer=self._writer,
            sender=sender,
            broadcaster=self._broadcaster,
            clock=clock,
        )
        self._scope = CancelScope(clock)
        self._held: list[Element] = []

    def _present(self, bot: Bot) -> Presentation:
        if not self._isWatching:
            self._isWatching = True
            self._watch()
        return Presentation(bot, self._features())

    # --- start and stop ---

    def startService(self) -> None:
        """Load the bots; the stanzas that may be for them wait for it."""
        super().startService()
        self._scope.open()
        # Another instance may have changed them since the service was stopped.
        for entry in self.roster:
            self.roster.remove(entry)
        self.manager.isLoaded = False
        Deferred.fromCoroutine(self._load()).addErrback(_loadFailed)

    def stopService(self) -> Deferred[None]:
        """
        Tell the subscribers that the bots go offline (RFC 6121 §4.5).

        @return: Fires once the server has read it, or after L{STOP_TIMEOUT}.
        """
        super().stopService()
        self._scope.cancel()
        self._held.clear()
        self._broadcaster.cancel()
        if self._stream.ready:
            for entry in self.roster:
                self._broadcaster.send(entry, series(entry, offline))
        timer = self._clock.callLater(STOP_TIMEOUT, self._broadcaster.cancel)

        def told(_: None) -> Deferred[None]:
            timers.cancel(timer)
            return self._writer.stop()

        return self._broadcaster.whenDone().addCallback(told)

    async def _load(self) -> None:
        bots: Sequence[Bot] = await self._read(self._store.bots)
        for bot in bots:
            if bot.jid.rpartition("@")[2] == self._domain:
                self.roster.set(self._present(bot))
            else:
                # The server would close the stream on a stanza from it.
                _log.warn(
                    "The bot {bot} is not shown, because the domain is {domain}: set"
                    " --domain to that of the bot, or create it anew by PUT.",
                    bot=bot.jid,
                    domain=self._domain,
                )
        after = ("", "")
        while page := await self._read(partial(self._store.contacts, *after, PAGE)):
            for of, contact in page:
                entry = self.roster.get(of)
                if entry is not None:
                    self.roster.update(entry, contact)
            after = (page[-1].bot, page[-1].contact.jid)
        self.manager.loaded()
        held, self._held = self._held, []
        for stanza in held:
            left = self.handler.intercept(stanza)
            if left is not None:
                self._forward(left)
        if self._stream.ready:
            self.connected()

    async def _read(self, read: Callable[[], Deferred[_T]]) -> _T:
        """Read from the store, however long it cannot be read."""
        while True:
            try:
                return await self._scope.run(read())
            except StoreUnavailable:
                await self._scope.sleep(RETRY_DELAY)

    # --- the stream ---

    def connected(self) -> None:
        """Show the bots to their subscribers, and probe the contacts."""
        if self.manager.isLoaded and self.running:
            for entry in self.roster:
                self._broadcaster.send(entry, series(entry, newStream))

    def disconnected(self) -> None:
        """Send nothing more; a new stream begins anew."""
        self._broadcaster.cancel()

    def refresh(self) -> None:
        """Show the bots anew if the features of the gateway have changed."""
        for entry in self.roster:
            before = entry.presentation
            entry.presentation = self._present(before.bot)
            if entry.presentation.ver != before.ver and self._stream.ready:
                self._broadcaster.send((entry, "presence"), series(entry, online))

    def intercept(self, stanza: Element) -> Element | None:
        """
        Handle a stanza for a bot.

        @return: The stanza, if it is left to the callbacks; C{None} if it is handled.
        """
        if not self.running or stanza.name == "message":
            return stanza
        if self.manager.isLoaded:
            return self.handler.intercept(stanza)
        if len(self._held) >= MAX_HELD:
            return stanza
        self._held.append(stanza)
        return None

    def reply(self, stanza: Element, send: Callable[[Element], None]) -> None:
        """
        Send what a callback has responded, or do with it what a bot's policy says.

        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        """
        if not self.handler.onReply(stanza):
            send(stanza)

    def _write(self, xml: str) -> None:
        try:
            self._stream.write(xml)
        except Refusal as refusal:
            _log.debug("Answer dropped: {reason}", reason=refusal.problem.text)


def _loadFailed(reason: Failure) -> None:
    if not reason.check(CancelledError):
        _log.failure(
            "Reading the bots from the store crashed; a restart repeats it. "
            + REPORT_BUG,
            failure=reason,
        )
