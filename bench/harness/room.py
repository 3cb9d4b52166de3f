"""A room with many occupants behind one component, and a bot of the gateway in it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from tests.servers.splitter import Received
from tests.support.process import ServerProcess
from tests.support.survival.http import Client
from tests.support.survival.ledger import Label
from tests.support.survival.load import PADDING, PAUSE, Sender, labelled, message, sleep
from tests.support.survival.peers import Correspondent

MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"

#: Seconds between two messages of occupants, and between two messages of the bot.
OCCUPANT_PAUSE, BOT_PAUSE = 1.0, 3.0

#: Messages of occupants between two changes of an occupant's presence, and between an
#: occupant's leaving and the next one's.
PRESENCE_EVERY, LEAVE_EVERY = 5, 20

Heard = Callable[[Label, str], None]


class Room:
    """
    A room whose occupants talk, change their presence, leave and return.

    The first occupant never leaves. It sees the messages of the bot, and its own view
    of the other messages tells which of them the room has accepted.
    """

    def __init__(
        self,
        server: ServerProcess,
        domain: str,
        occupants: int,
        bot: str,
        *,
        onBot: Heard,
        onOccupant: Heard,
    ) -> None:
        """
        @param domain: The domain of the component with the occupants.
        @param occupants: Their number.
        @param bot: The bare JID of the bot; its local part names its conversation.
        @param onBot: Is told of each message of the bot that the room has sent.
        @param onOccupant: Is told of each message of an occupant that the room has
            sent.
        """
        self.jid = f"soak@{server.mucDomain}"
        self._domain = domain
        self._occupants = range(occupants)
        self._bot = bot
        self._prefix = bot.partition("@")[0]
        self._onBot, self._onOccupant = onBot, onOccupant
        self._component = Correspondent(server, self._hear, domain)
        self._there: set[str] = set()
        self._isEnded = False

    async def connect(self) -> None:
        """Be connected until L{close}."""
        await self._component.run()

    def write(self, xml: str) -> bool:
        """Send a stanza of the component; returns whether there is a connection."""
        return self._component.write(xml)

    def close(self) -> None:
        """Disconnect."""
        self._component.end()

    async def join(self, port: int) -> None:
        """
        Let the bot and all occupants join.

        @param port: The port of the gateway.
        """
        client = Client(port)
        presence = f"<presence from='{self._bot}' to='{self.jid}/bot'>{MUC}</presence>"
        while (await client.request("POST", "/rest", presence)).status != 202:
            await sleep(PAUSE)
        await client.close()
        for number in self._occupants:
            while not self._join(number):
                await sleep(PAUSE)
            await sleep(0.01)
        while len(self._there) < len(self._occupants):
            await sleep(PAUSE)

    async def run(self) -> None:
        """Let occupants talk until L{end}."""
        self._isEnded = False
        for number in count(1):
            await sleep(OCCUPANT_PAUSE)
            if self._isEnded:
                return
            speaker = self._jid(number % len(self._occupants))
            label = Label(f"{self._prefix}-room", number)
            self._component.write(
                message(label, speaker, self.jid, str(label), type="groupchat")
            )
            # The first occupant stays.
            other = 1 + number % (len(self._occupants) - 1)
            if number % PRESENCE_EVERY == 0:
                self._change(other, "<show>away</show>")
            if number % LEAVE_EVERY == 0:
                self._change(other, "", "type='unavailable'")
                self._join(other)

    def end(self) -> None:
        """Let no occupant talk any more."""
        self._isEnded = True

    def _jid(self, number: int) -> str:
        return f"u{number}@{self._domain}/r"

    def _join(self, number: int) -> bool:
        return self._change(number, MUC)

    def _change(self, number: int, inside: str, attributes: str = "") -> bool:
        return self._component.write(
            f"<presence from='{self._jid(number)}' to='{self.jid}/nick{number}'"
            f" {attributes}>{inside}</presence>"
        )

    def _hear(self, stanza: Received) -> None:
        if stanza.kind == "presence" and "110" in stanza.xml:
            self._there.add(stanza.element.get("from", ""))
        if stanza.kind != "message" or stanza.element.get("to") != self._jid(0):
            return
        body = stanza.element.findtext("{*}body") or ""
        if not body.endswith(PADDING):
            return
        isBot = stanza.element.get("from", "").endswith("/bot")
        hear = self._onBot if isBot else self._onOccupant
        hear(labelled(body), stanza.element.get("id", ""))


class RoomSender(Sender):
    """
    A client that sends messages of a bot to a room.
    """

    def _message(self, label: Label, id: str) -> str:
        return message(label, self._origin, self._to, id, type="groupchat")
