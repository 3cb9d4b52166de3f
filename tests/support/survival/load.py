"""Senders without end: clients of a gateway, and users who write to its bots."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from .http import Answer, Client, InDoubt, NotSent
from .ledger import Label, Ledger

#: A body that is not the shortest.
PADDING = "x" * 200

#: What says that a request was not taken, and may be made again.
AGAIN = (409, 429, 503)

#: Seconds between two tries.
PAUSE = 0.05


def message(
    label: Label,
    origin: str,
    to: str,
    id: str = "",
    *,
    more: str = "",
    type: str = "chat",
) -> str:
    """
    A message that says which one it is.

    @param id: None if empty.
    @param more: Other children.
    """
    identity = f" id='{id}'" if id else ""
    return (
        f"<message from='{origin}' to='{to}' type='{type}'{identity}>"
        f"<body>{label} {PADDING}</body>{more}</message>"
    )


def labelled(body: str) -> Label:
    """
    The label in a body that L{message} has written.

    @raise ValueError: There is none.
    """
    return Label.parse(body.partition(" ")[0])


async def sleep(seconds: float) -> None:
    """Wait."""
    from twisted.internet import reactor

    waiting: Deferred[None] = deferLater(reactor, seconds)
    await waiting


class Work(Protocol):
    """
    A task that runs until it is told to end.
    """

    async def run(self) -> None:
        """Run."""

    def end(self) -> None:
        """End soon."""


class Sender:
    """
    A client that sends messages of one conversation, one after the other. What it got
    no answer to, it does not send again, since that would be another message.

    @ivar doubtful: How many messages it got no answer to.
    @ivar refused: What was answered that nobody expects, if anything.
    """

    def __init__(
        self,
        origin: str,
        to: str,
        port: int,
        ledger: Ledger,
        pause: float = 0.0,
        *,
        choosesIDs: bool = False,
    ) -> None:
        """
        @param origin: The sender's JID; its node names the conversation.
        @param port: Of the gateway.
        @param pause: How long to wait between two messages, in seconds.
        @param choosesIDs: Whether it gives each message an id; else the gateway does.
        """
        self.doubtful = 0
        self.refused: list[Answer] = []
        self._origin = origin
        self._to = to
        self._ledger = ledger
        self._pause = pause
        self._choosesIDs = choosesIDs
        self._number = 0
        self._ended = False
        self._client = Client(port)

    def end(self) -> None:
        """Send no more; wait for the answer."""
        self._ended = True

    async def run(self) -> None:
        """Send, until it is ended."""
        self._ended = False
        try:
            while not self._ended:
                self._number += 1
                await self._send(Label(self._origin.partition("@")[0], self._number))
                await sleep(self._pause)
        finally:
            await self._client.close()

    async def _send(self, label: Label) -> None:
        try:
            answer = await self._answer(label)
        except InDoubt:
            self.doubtful += 1
            return
        if answer is not None:
            self._answered(label, answer)

    async def _answer(self, label: Label, **headers: str) -> Answer | None:
        """
        Ask until there is an answer.

        @return: C{None} if it was ended before.
        @raise InDoubt: There will be none.
        """
        body = self._message(label, str(label) if self._choosesIDs else "")
        while not self._ended:
            try:
                answer = await self._client.request("POST", "/rest", body, headers)
            except NotSent:
                await sleep(PAUSE)
                continue
            if answer.status not in AGAIN:
                return answer
            await sleep(PAUSE)
        return None

    def _message(self, label: Label, id: str) -> str:
        return message(label, self._origin, self._to, id)

    def _answered(self, label: Label, answer: Answer) -> None:
        if answer.status == 202:
            self._ledger.promise(label, answer.id)
        else:
            self.refused.append(answer)


class BlindSender(Sender):
    """
    A client that gives each message a key, and sends it until it gets an answer; some
    it sends once more.

    @ivar answers: All there were, by message.
    """

    def __init__(
        self,
        origin: str,
        to: str,
        port: int,
        ledger: Ledger,
        pause: float = 0.0,
        *,
        chance: Random,
    ) -> None:
        super().__init__(origin, to, port, ledger, pause)
        self.answers: dict[Label, list[Answer]] = {}
        self._chance = chance

    async def repeat(self) -> None:
        """Send everything that has an answer once more."""
        self._ended = False
        try:
            for label in list(self.answers):
                await self._send(label)
        finally:
            self._ended = True
            await self._client.close()

    async def _send(self, label: Label) -> None:
        for _ in range(2 if self._chance.random() < 0.3 else 1):
            answer = await self._insist(label)
            if answer is None:
                return
            self.answers.setdefault(label, []).append(answer)
            self._answered(label, answer)

    async def _insist(self, label: Label) -> Answer | None:
        key = {"Idempotency-Key": str(label)}
        while True:
            try:
                return await self._answer(label, **key)
            except InDoubt:
                self.doubtful += 1


class Users:
    """
    Users behind a component, who write to bots, and want receipts.

    @ivar sent: How many messages they have written.
    """

    def __init__(
        self,
        conversations: dict[str, str],
        domain: str,
        write: Callable[[str], bool],
        pause: float,
    ) -> None:
        """
        @param conversations: The bot's JID, by the user's name.
        @param domain: Of the users.
        @param write: Sends a stanza; returns whether it could.
        @param pause: Between two messages of each, in seconds.
        """
        self.sent = 0
        self._conversations = conversations
        self._domain = domain
        self._write = write
        self._pause = pause
        self._number = 0
        self._ended = False

    def end(self) -> None:
        """Write no more."""
        self._ended = True

    async def run(self) -> None:
        """Write, until it is ended."""
        self._ended = False
        while not self._ended:
            self._number += 1
            for user, bot in self._conversations.items():
                label = Label(user, self._number)
                self.sent += self._write(
                    message(
                        *(label, f"{user}@{self._domain}", bot, str(label)),
                        more="<request xmlns='urn:xmpp:receipts'/>",
                    )
                )
            await sleep(self._pause)
