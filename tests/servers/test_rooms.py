"""Rooms that a gateway keeps bots in, on real servers, with slixmpp as the others."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4
from xml.etree import ElementTree

from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import Delivery, GatewayMixin, Reply
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody

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
        """Let the owner create a persistent room."""
        self.room = f"{uuid4().hex}@{domain or self.server.mucDomain}"
        await self.owner.joinRoom(self.room, "Owner")
        await self.configure(persistentroom="1", **options)

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

    async def posted(self, **wanted: Any) -> Delivery:
        """Return the next delivery, which must have these values."""
        delivery = await self.delivered()
        value = delivery.json
        got = {key: value.get(key) for key in wanted}
        self.assertEqual(got, wanted, value)
        return delivery


def _answer(delivery: Delivery) -> tuple[int, str, bytes]:
    """Answer one question, and nothing else."""
    if delivery.json.get("body") != "Robot?":
        return 204, "", b""
    return 200, "application/json", b'{"body": "Right here"}'


class MembershipMixin(RoomMixin):
    """
    Joining, staying, leaving.
    """

    async def test_life(self) -> None:
        """
        A bot joins by PUT, hears and speaks, is listed with the occupants, and leaves.
        """
        await self.openRoom()
        await self.begin()
        reply = await self.join(nick="Robot")
        self.assertEqual(
            {key: reply.json[key] for key in ("room", "from", "nick", "state", "role")},
            {
                "room": self.room,
                "from": self.bot,
                "nick": "Robot",
                "state": "joined",
                "role": "participant",
            },
        )
        await self.owner.expect("<presence", f"{self.room}/Robot")
        await self.posted(kind="meta", type="room", event="joined", room=self.room)
        await self.says("Hello")
        await self.posted(kind="message", type="groupchat", body="Hello")
        found = (await self.get(f"{self.path}/occupants")).json
        self.assertEqual(
            sorted((each["nick"], each["affiliation"]) for each in found),
            [("Owner", "owner"), ("Robot", "none")],
        )
        listed = (await self.get("/rooms")).json
        self.assertEqual([each["room"] for each in listed], [self.room])
        sent = await self.post(
            f"<message type='groupchat' from='{self.bot}' to='{self.room}'>"
            "<body>I speak</body></message>"
        )
        self.assertEqual(sent.status, 202)
        await self.owner.expect("I speak", f"{self.room}/Robot")
        self.assertEqual((await self.deleteAt(self.path)).status, 204)
        await self.owner.expect("type='unavailable'", f"{self.room}/Robot")
        self.assertEqual((await self.get(self.path)).status, 404)
        self.assertEqual(self.callback.deliveries.pending, [])

    async def test_refused(self) -> None:
        """
        A join that the room, or a server in its place, refuses gets the status of the
        reason, and is not stored.
        """
        await self.openRoom()
        await self.begin()
        taken = await self.putJSON(self.path, {"from": self.bot, "nick": "Owner"})
        self.assertEqual(taken.status, 409, taken.text)
        missing = await self.putJSON(f"/rooms/{uuid4().hex}@{self.server.mucDomain}")
        self.assertEqual(missing.status, 404, missing.text)
        user = await self.putJSON(f"/rooms/{self.owner.bareJID}")
        self.assertEqual(user.status, 404, user.text)
        nowhere = await self.putJSON("/rooms/room@nowhere.localhost")
        # ejabberd forbids to ask other servers.
        self.assertIn(nowhere.status, (403, 404), nowhere.text)
        await self.configure(roomsecret="sesame", passwordprotectedroom="1")
        locked = await self.putJSON(self.path, {"from": self.bot, "password": "wrong"})
        self.assertEqual(locked.status, 403, locked.text)
        self.assertEqual((await self.get("/rooms")).json, [])
        await self.join(password="sesame")
        await self.deleteAt(self.path)
        await self.admin(f"<item affiliation='outcast' jid='{self.bot}'/>")
        banned = await self.putJSON(self.path, {"from": self.bot, "password": "sesame"})
        self.assertEqual(banned.status, 403, banned.text)

    async def test_removed(self) -> None:
        """
        A bot that is kicked stays out, with reason and actor, until a PUT.
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        await self.posted(event="joined")
        await self.admin(
            "<item nick='Robot' role='none'><reason>Too loud</reason></item>"
        )
        found = await self.becomesState("removed")
        self.assertEqual((found["condition"], found["reason"]), ("kicked", "Too loud"))
        await self.posted(event="removed", condition="kicked", reason="Too loud")
        await self.join(nick="Robot")
        await self.posted(event="joined")
        await self.ask(self.room, "set", f"<query xmlns='{OWNER}'><destroy/></query>")
        found = await self.becomesState("removed")
        self.assertEqual(found["condition"], "destroyed")

    async def test_confirmed(self) -> None:
        """
        A message to the room is confirmed by its reflection; the status has the room's
        id of it, if the room assigns ids. A reply reaches the room, too.
        """
        for domain in (self.server.mucDomain, self.server.plainMUCDomain):
            await self.openRoom(domain)
            await self.begin()
            await self.join(nick="Robot")
            sent = await self.post(
                f"<message type='groupchat' from='{self.bot}' to='{self.room}'>"
                "<body>Anybody here?</body></message>"
            )
            await self.becomes(sent, "confirmed")
            path = sent.header("Location").removeprefix("/rest")
            status = (await self.get(path)).json
            self.assertIn("stanza_id", status)
            heard = await self.owner.expect("Anybody here?", f"{self.room}/Robot")
            if status["stanza_id"] is not None:
                self.assertIn(status["stanza_id"], heard.xml)
            elif domain == self.server.mucDomain:
                raise AssertionError("a room with an archive assigns ids")
            self.callback.answer = _answer
            await self.says("Robot?")
            await self.owner.expect("Right here", f"{self.room}/Robot")
            await self.deleteAt(self.path)
            await self.gateway.service.stopService()

    async def test_create(self) -> None:
        """
        A room that does not exist is created only if the client says so.
        """
        await self.begin()
        self.room = f"{uuid4().hex}@{self.server.mucDomain}"
        reply = await self.join(create=True)
        self.assertEqual(reply.json["affiliation"], "owner")
        await self.owner.joinRoom(self.room, "Guest")

    async def test_streamLost(self) -> None:
        """
        After a lost stream the bot is in the room again, under its nick; messages that
        were missed are delivered once and in order.
        """
        for domain in (self.server.mucDomain, self.server.plainMUCDomain):
            await self.openRoom(domain)
            await self.begin()
            await self.join(nick="Robot")
            await self.posted(event="joined")
            await self.says("one")
            await self.posted(body="one")
            await self.gateway.service.stopService()
            await self.says("two")
            await self.says("three")
            await self.owner.sync()
            await self.begin()
            await self.becomesState("joined")
            await self.posted(event="returned")
            await self.says("four")
            for body in ("two", "three", "four"):
                await self.posted(body=body)
            self.assertEqual(self.callback.deliveries.pending, [])
            await self.deleteAt(self.path)
            await self.gateway.service.stopService()


class ProsodyMembershipTests(MembershipMixin, TestCase):
    """
    Memberships on Prosody.
    """

    kind = Prosody


class EjabberdMembershipTests(MembershipMixin, TestCase):
    """
    Memberships on ejabberd.
    """

    kind = Ejabberd
