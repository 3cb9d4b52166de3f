"""A room on a real server, its owner, and a gateway that keeps a bot in it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from xml.etree import ElementTree

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.servers.client import User
from tests.servers.gateway import Delivery, GatewayMixin, Reply

MUC = "http://jabber.org/protocol/muc"
OWNER = f"{MUC}#owner"
ADMIN = f"{MUC}#admin"


async def sleep(seconds: float) -> None:
    """Let the reactor run."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


class RoomMixin(GatewayMixin):
    """
    A room whose owner is a user, and a gateway with a callback in JSON.

    @ivar owner: The owner, who is in the room.
    @ivar room: The address of the room.
    @ivar bot: The address of the bot.
    """

    owner: User
    room: str
    bot: str
    store: str

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits
        await super().setUp()
        self.owner = await self.login()
        self.bot = f"bot@{self.server.componentDomain}"
        self.store = f"sqlite:{self.mktemp()}"

    async def openRoom(self, domain: str = "", **options: str) -> None:
        """
        Let the owner create a room.

        @param domain: The service; by default one whose rooms have an archive.
        @param options: Of the room, by the end of their names; persistent by default.
        """
        self.room = f"{uuid4().hex}@{domain or self.server.mucDomain}"
        await self.owner.joinRoom(self.room, "Owner")
        if domain == self.server.plainMUCDomain:
            # ejabberd has the option; Prosody has an archive only at the other domain.
            options = {"mam": "0", **options}
        await self.configure(**{"persistentroom": "1", **options})

    async def configure(self, **options: str) -> None:
        """Change options of the room, by the form that it offers."""
        form = await self.ask(self.room, "get", f"<query xmlns='{OWNER}'/>")
        fields = {
            field.get("var", ""): [
                each.text or "" for each in field.findall("{jabber:x:data}value")
            ]
            for field in form.iter("{jabber:x:data}field")
            if field.get("var") and field.get("type") != "fixed"
        }
        for name, value in options.items():
            # Prosody has no option for a password beside the password itself.
            for var in [each for each in fields if each.endswith(name)]:
                fields[var] = [value]
        answers = "".join(
            f"<field var='{var}'>"
            + "".join(f"<value>{value}</value>" for value in values)
            + "</field>"
            for var, values in fields.items()
        )
        await self.ask(
            self.room,
            "set",
            f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'>"
            f"{answers}</x></query>",
        )

    async def ask(self, to: str, type: str, payload: str) -> ElementTree.Element:
        """Let the owner send an iq, and return the result."""
        id = uuid4().hex
        self.owner.send(f"<iq type='{type}' to='{to}' id='{id}'>{payload}</iq>")
        found = await self.owner.expect(f"id='{id}'")
        self.assertIn(found.element.get("type"), ("result",), found.xml)
        return found.element

    async def admin(self, item: str) -> None:
        """Let the owner change a role or an affiliation."""
        await self.ask(self.room, "set", f"<query xmlns='{ADMIN}'>{item}</query>")

    async def begin(self, **settings: Any) -> None:
        """Start the gateway."""
        await self.startGateway(
            callbackContentType="application/json", store=self.store, **settings
        )
        self.callback.answer = lambda delivery: (204, "", b"")

    @property
    def path(self) -> str:
        """The path of the room."""
        return f"/rooms/{quote(self.room)}"

    async def join(self, **value: Any) -> Reply:
        """Let the bot join, and check that it has."""
        reply = await self.putJSON(self.path, {"from": self.bot, **value})
        self.assertEqual(reply.status, 200, reply.text)
        return reply

    async def becomesState(self, state: str, timeout: float = 15) -> Any:
        """Wait until the room is in a state, and return it."""
        for _ in range(int(timeout / 0.05)):
            found = (await self.get(self.path)).json
            # Until the gateway has read its memberships, there is none.
            if found.get("state") == state:
                return found
            await sleep(0.05)
        raise AssertionError(f"not {state}: {found}")

    async def says(self, body: str) -> None:
        """Let the owner say something."""
        self.owner.send(
            f"<message type='groupchat' to='{self.room}' id='{uuid4().hex}'>"
            f"<body>{body}</body></message>"
        )

    def say(self, body: str, wait: str = "", **keys: Any) -> Deferred[Reply]:
        """
        Let the bot say something in the room.

        @param wait: Seconds to wait for the outcome; empty for none.
        """
        value = {"from": self.bot, "to": self.room, "type": "groupchat", **keys}
        content = json.dumps({**value, **({"body": body} if body else {})})
        if not wait:
            return self.post(content, "application/json")
        return self.post(content, "application/json", Prefer=f"wait={wait}")

    async def posted(self, **wanted: Any) -> Delivery:
        """Return the next delivery, which must have these values."""
        delivery = await self.delivered()
        value = delivery.json
        got = {key: value.get(key) for key in wanted}
        self.assertEqual(got, wanted, value)
        return delivery

    async def event(self, **wanted: Any) -> None:
        """
        Wait for an event of the room, and check it. ejabberd's rooms also tell changes
        of their configuration.
        """
        delivery = await self.delivered()
        while delivery.json["kind"] != "meta":
            self.assertNotIn("body", delivery.json)
            delivery = await self.delivered()
        got = {key: delivery.json[key] for key in wanted}
        self.assertEqual(got, wanted)

    async def nicks(self, bot: str = "") -> list[str]:
        """Return the nicks of all occupants, as the gateway has them."""
        path = f"{self.path}/occupants?from={quote(bot or self.bot)}"
        return sorted(each["nick"] for each in (await self.get(path)).json)
