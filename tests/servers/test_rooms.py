"""Joining rooms, staying in them and leaving them, on real servers."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers.rawcomponent import RawComponent
from tests.servers.rooms_case import MUC, RoomMixin
from tests.servers.splitter import Received
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody


def _isAvailable(stanza: Received) -> bool:
    return stanza.element.get("type") is None


class MembershipMixin(RoomMixin):
    """
    Joining, staying, leaving.
    """

    async def test_life(self) -> None:
        """
        A bot joins by PUT, hears and speaks, is listed with the occupants, changes its
        nick, and leaves.
        """
        await self.openRoom()
        # Stanzas for the bot in the room count as sent to its bare address.
        await self.begin(callbackEvents=("bare",), callbackOccupants=True)
        reply = await self.join()
        self.assertEqual(
            {key: reply.json[key] for key in ("room", "from", "nick", "state", "role")},
            {
                "room": self.room,
                "from": self.bot,
                "nick": "bot",
                "state": "joined",
                "role": "participant",
            },
        )
        self.assertEqual(reply.json["occupant"], f"{self.bot}/xmpprest")
        await self.owner.expect("<presence", f"{self.room}/bot")
        shown = await self.posted(kind="presence")
        if shown.json["from"] == self.room:
            # ejabberd's rooms have a presence of their own.
            shown = await self.posted(kind="presence")
        self.assertEqual(shown.json["from"], f"{self.room}/Owner")
        await self.posted(kind="meta", type="room", event="joined", room=self.room)
        await self.posted(kind="presence", **{"from": f"{self.room}/bot"})
        await self.says("Hello")
        await self.posted(kind="message", type="groupchat", body="Hello")
        self.owner.send(
            f"<presence to='{self.room}/Owner'><show>dnd</show>"
            "<status>Busy</status></presence>"
        )
        await self.posted(kind="presence", show="dnd", status="Busy")
        found = (await self.get(f"{self.path}/occupants")).json
        owner = next(each for each in found if each["nick"] == "Owner")
        self.assertEqual(
            {key: owner[key] for key in ("affiliation", "role", "show", "status")},
            {
                "affiliation": "owner",
                "role": "moderator",
                "show": "dnd",
                "status": "Busy",
            },
        )
        self.assertEqual(await self.nicks(), ["Owner", "bot"])
        listed = (await self.get("/rooms")).json
        self.assertEqual([each["room"] for each in listed], [self.room])
        sent = await self.say("I speak")
        self.assertEqual(sent.status, 202)
        await self.owner.expect("I speak", f"{self.room}/bot")
        await self.changeNick()
        self.assertEqual((await self.deleteAt(self.path)).status, 204)
        await self.owner.expect("type='unavailable'", f"{self.room}/Robot")
        self.assertEqual((await self.get(self.path)).status, 404)

    async def changeNick(self) -> None:
        """Another PUT changes the nick; if that is in use, it changes nothing."""
        taken = await self.putJSON(self.path, {"from": self.bot, "nick": "Owner"})
        self.assertEqual(taken.status, 409, taken.text)
        self.assertEqual((await self.get(self.path)).json["nick"], "bot")
        self.assertEqual((await self.join(nick="Robot")).json["nick"], "Robot")
        await self.owner.expect("303", f"{self.room}/bot")
        self.assertEqual(await self.nicks(), ["Owner", "Robot"])

    async def test_refused(self) -> None:
        """
        A join that the room, or a server in its place, refuses gets the status of the
        reason, and is not stored.
        """
        await self.openRoom()
        await self.begin()
        missing = f"{uuid4().hex}@{self.server.mucDomain}"
        for path, value, statuses in (
            (self.path, {"nick": "Owner"}, (409,)),
            (self.path, {"nick": " "}, (422,)),
            (self.path, {"from": "bot@elsewhere.example"}, (403,)),
            (f"/rooms/{self.server.mucDomain}", {}, (422,)),
            (f"/rooms/{missing}", {}, (404,)),
            (f"/rooms/{self.owner.bareJID}", {}, (404,)),
            # ejabberd forbids to ask other servers.
            ("/rooms/room@nowhere.localhost", {}, (403, 404)),
        ):
            refused = await self.putJSON(path, {"from": self.bot, **value})
            self.assertIn(refused.status, statuses, refused.text)
        await self.configure(roomsecret="sesame", passwordprotectedroom="1")
        for value in ({}, {"password": "wrong"}):
            locked = await self.putJSON(self.path, {"from": self.bot, **value})
            self.assertEqual(locked.status, 403, locked.text)
        self.assertEqual((await self.get("/rooms")).json, [])
        await self.join(password="sesame")
        await self.deleteAt(self.path)
        await self.configure(membersonly="1", passwordprotectedroom="0", roomsecret="")
        stranger = await self.putJSON(self.path, {"from": self.bot})
        self.assertEqual(stranger.status, 403, stranger.text)
        self.assertIn("Only members", stranger.json["detail"])
        await self.configure(membersonly="0")
        await self.admin(f"<item affiliation='outcast' jid='{self.bot}'/>")
        banned = await self.putJSON(self.path, {"from": self.bot})
        self.assertEqual(banned.status, 403, banned.text)
        self.assertIn("banned", banned.json["detail"])
        self.assertEqual((await self.get("/rooms")).json, [])

    async def test_create(self) -> None:
        """
        A room that does not exist is created only if the client says so.
        """
        await self.begin()
        self.room = f"{uuid4().hex}@{self.server.mucDomain}"
        reply = await self.join(create=True)
        self.assertEqual(reply.json["affiliation"], "owner")
        await self.owner.joinRoom(self.room, "Guest")

    async def test_twoBots(self) -> None:
        """
        Two bots are in a room; each hears the other, and a request that names neither
        is ambiguous.
        """
        await self.openRoom()
        await self.begin()
        other = f"other@{self.server.componentDomain}"
        for bot in (self.bot, f"{other}/phone"):
            await self.join(**{"from": bot})
            await self.posted(event="joined")
        ambiguous = await self.get(self.path)
        self.assertEqual(ambiguous.status, 409, ambiguous.text)
        self.assertIn(f"{self.bot}, {other}", ambiguous.json["detail"])
        found = (await self.get(f"{self.path}?from={quote(other)}")).json
        self.assertEqual(found["occupant"], f"{other}/phone")
        self.assertEqual(await self.nicks(), ["Owner", "bot", "other"])
        await self.say("I am one")
        await self.posted(body="I am one", to=f"{other}/phone")
        await self.owner.expect("I am one")
        gone = await self.deleteAt(f"{self.path}?from={quote(other)}")
        self.assertEqual(gone.status, 204)
        await self.owner.expect("type='unavailable'", f"{self.room}/other")
        self.assertEqual((await self.get(self.path)).json["from"], self.bot)

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
            await self.stopGateway()
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
            await self.stopGateway()

    async def test_nickTaken(self) -> None:
        """
        If the nick is taken on a rejoin, the bot has another one until it is free.
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        await self.stopGateway()
        await self.owner.expect("type='unavailable'", f"{self.room}/Robot")
        thief = await self.login()
        await thief.joinRoom(self.room, "Robot")
        await self.begin()
        found = await self.becomesState("joined")
        self.assertEqual(found["nick"], "Robot_")
        await thief.close()
        await self.owner.expect("303", f"{self.room}/Robot_")
        await self.owner.expect("<presence", f"'{self.room}/Robot'", _isAvailable)
        self.assertEqual((await self.get(self.path)).json["nick"], "Robot")
        self.assertEqual(await self.nicks(), ["Owner", "Robot"])

    async def test_vanished(self) -> None:
        """
        A room that has vanished meanwhile is not created, but tried again; messages
        wait for it.
        """
        await self.openRoom(persistentroom="0")
        await self.begin()
        await self.join(nick="Robot")
        await self.stopGateway()
        await self.owner.expect("type='unavailable'", f"{self.room}/Robot")
        self.owner.send(f"<presence type='unavailable' to='{self.room}/Owner'/>")
        await self.owner.expect("type='unavailable'", f"{self.room}/Owner")
        await self.begin()
        found = await self.becomesState("waiting")
        self.assertEqual(found["condition"], "no-room")
        self.assertIsNotNone(found["nextTryAt"])
        sent = [await self.say(body) for body in ("first", "second")]
        await self.owner.joinRoom(self.room, "Owner")
        await self.configure(persistentroom="1")
        await self.becomesState("joined")
        for body, accepted in zip(("first", "second"), sent, strict=True):
            heard = await self.owner.expect("<body>", f"{self.room}/Robot")
            self.assertIn(f"<body>{body}</body>", heard.xml)
            await self.becomes(accepted, "confirmed")

    async def test_shutdown(self) -> None:
        """
        After a restart of the server the bot is in the room again, once.
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        await self.posted(event="joined")
        await deferToThread(self.server.restart)
        await self.becomesState("joined", 60)
        await self.posted(event="returned")
        name = self.owner.bareJID.partition("@")[0]
        self.owner = await self.login(name)
        await self.owner.joinRoom(self.room, "Owner")
        self.assertEqual(await self.nicks(), ["Owner", "Robot"])
        await self.says("Still there?")
        await self.posted(body="Still there?")


class ProsodyMembershipTests(MembershipMixin, TestCase):
    """
    Memberships on Prosody.
    """

    kind = Prosody

    async def test_noAnswer(self) -> None:
        """
        A room that does not answer within 30 seconds gives 504; the gateway keeps
        trying, and the bot is in the room once that answers. Another entity than a room
        gives 404.
        """
        peer = await self.connect(self.server.peerDomain)
        await self.begin()
        self.room = f"quiet@{self.server.peerDomain}"
        waiting = self.putJSON(self.path, {"from": self.bot})
        other = self.putJSON(f"/rooms/user@{peer.domain}", {"from": self.bot})
        await self.tellInfo(peer, f"user@{peer.domain}", "urn:xmpp:ping")
        self.assertEqual((await other).status, 404)
        refused = await waiting
        self.assertEqual(refused.status, 504, refused.text)
        self.assertIn((await self.get(self.path)).json["state"], ("joining", "waiting"))
        # The gateway no longer waits for the answers to the first questions.
        while await self.tellInfo(peer, self.room, MUC):
            pass
        peer.send(
            f"<presence from='{self.room}/bot' to='{self.bot}/xmpprest'>"
            f"<x xmlns='{MUC}#user'><item affiliation='none' role='participant'/>"
            "<status code='110'/></x></presence>"
        )
        await self.becomesState("joined")

    async def tellInfo(self, peer: RawComponent, address: str, feature: str) -> bool:
        """
        Let an entity answer a question about its features.

        @return: C{False} if a presence comes instead.
        """
        asked = await peer.expect(f"to='{address}", timeout=20)
        if asked.kind == "presence":
            return False
        peer.send(
            f"<iq type='result' id='{asked.element.get('id')}' from='{address}'"
            f" to='{asked.element.get('from')}'>"
            "<query xmlns='http://jabber.org/protocol/disco#info'>"
            f"<feature var='{feature}'/></query></iq>"
        )
        return True


class EjabberdMembershipTests(MembershipMixin, TestCase):
    """
    Memberships on ejabberd.
    """

    kind = Ejabberd
