"""Messages of bots in rooms, and what reaches the callback, on real servers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from twisted.trial.unittest import TestCase

from tests.servers.gateway import Delivery
from tests.servers.rooms_case import RoomMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody


def _answer(delivery: Delivery) -> tuple[int, str, bytes]:
    """Answer one question, and nothing else."""
    if delivery.json.get("body") != "Robot?":
        return 204, "", b""
    return 200, "application/json", b'{"body": "Right here"}'


class MessageMixin(RoomMixin):
    """
    Messages in rooms.
    """

    async def test_confirmed(self) -> None:
        """
        A POST that waits is answered once the room has sent the message back; the
        status has the room's id of it, or null if the room assigns none. A reply of
        the callback reaches the room, too.
        """
        for domain in (self.server.mucDomain, self.server.plainMUCDomain):
            await self.openRoom(domain)
            await self.begin()
            await self.join(nick="Robot")
            sent = await self.say("Anybody here?", "10")
            self.assertEqual((sent.status, sent.json["state"]), (202, "confirmed"))
            path = sent.header("Location").removeprefix("/rest")
            status = (await self.get(path)).json
            self.assertEqual(status["state"], "confirmed")
            heard = await self.owner.expect("Anybody here?", f"{self.room}/Robot")
            if domain == self.server.mucDomain:
                self.assertIn(status["stanza_id"], heard.xml)
            else:
                self.assertIsNone(status["stanza_id"])
            self.callback.answer = _answer
            await self.says("Robot?")
            await self.owner.expect("Right here", f"{self.room}/Robot")
            await self.deleteAt(self.path)
            await self.stopGateway()

    async def test_references(self) -> None:
        """
        C{reply}, C{reactions} and C{retract} refer to messages by the ids that the room
        has given to them, C{replace} by the message's own id; so do those that the
        callback gets.
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        await self.posted(event="joined")
        await self.says("Which way?")
        asked = (await self.posted(body="Which way?")).json
        (theirs,) = [
            each["id"] for each in asked["stanza_ids"] if each["by"] == self.room
        ]
        sent = await self.say("Left", "10")
        path = sent.header("Location").removeprefix("/rest")
        mine = (await self.get(path)).json["stanza_id"]
        for keys, parts in (
            ({"reply": {"id": theirs, "to": asked["from"]}}, ("<reply", theirs)),
            ({"replace": sent.json["id"]}, ("<replace", sent.json["id"])),
        ):
            reply = await self.say("Right", "10", **keys)
            self.assertEqual(reply.json["state"], "confirmed", reply.text)
            await self.owner.expect("<body>Right</body>", *parts)
        for keys, parts in (
            ({"reactions": {"id": theirs, "reactions": ["👍"]}}, ("<reaction", theirs)),
            ({"retract": {"id": mine}}, ("<retract", mine)),
        ):
            reply = await self.say("", "10", **keys)
            self.assertEqual(reply.json["state"], "confirmed", reply.text)
            await self.owner.expect(f"{self.room}/Robot", *parts)
        self.owner.send(
            f"<message type='groupchat' to='{self.room}' id='{uuid4().hex}'>"
            f"<reactions xmlns='urn:xmpp:reactions:0' id='{mine}'>"
            "<reaction>🐢</reaction></reactions></message>"
        )
        got = (await self.posted(type="groupchat")).json
        self.assertEqual(got["reactions"], {"id": mine, "reactions": ["🐢"]})

    async def test_history(self) -> None:
        """
        C{history} tells how many messages of before the first join are delivered.
        """
        for domain in (self.server.mucDomain, self.server.plainMUCDomain):
            await self.openRoom(domain)
            said = ["one", "two", "three"]
            for body in said:
                await self.says(body)
                await self.owner.expect(f"<body>{body}</body>")
            await self.begin()
            requests: dict[str, tuple[Any, int]] = {
                "missed": ("missed", 0),
                "none": ("none", 0),
                "limited": ({"maxstanzas": 2}, 2),
                "all": ({"seconds": 3600}, 6),
            }
            for name, (request, count) in requests.items():
                bot = f"{name}@{self.server.componentDomain}"
                await self.join(**{"from": bot}, history=request)
                await self.posted(event="joined", **{"from": bot})
                for body in said[len(said) - count :]:
                    await self.posted(body=body, to=f"{bot}/xmpprest")
                said.append(f"live for {name}")
                await self.says(said[-1])
                await self.posted(body=said[-1], to=f"{bot}/xmpprest")
                await self.deleteAt(f"{self.path}?from={quote(bot)}")
            self.assertEqual(self.callback.deliveries.pending, [])
            await self.stopGateway()

    async def test_rawPresence(self) -> None:
        """
        A room that a bot has joined by a presence of its own is not managed: all
        presence reaches the callback, the server confirms messages, and the bot stays
        out after a kick. An occupant cannot forge a bounce.
        """
        await self.openRoom()
        await self.begin()
        sender = f"{self.bot}/own"
        await self.post(
            f"<presence from='{sender}' to='{self.room}/Robot'>"
            "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
        await self.owner.expect("<presence", f"{self.room}/Robot")
        codes: Any = ()
        while 110 not in codes:
            shown = await self.posted(kind="presence")
            # ejabberd's rooms have a presence of their own.
            codes = shown.json.get("muc_user", {}).get("status", ())
        self.assertEqual((await self.get("/rooms")).json, [])
        sent = await self.say("Here I am", **{"from": sender})
        await self.becomes(sent, "confirmed")
        heard = await self.owner.expect("Here I am", f"{self.room}/Robot")
        self.owner.send(
            f"<message type='error' to='{self.room}/Robot'"
            f" id='{heard.element.get('id')}'><error type='cancel'><not-acceptable"
            " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
        await self.says("Welcome")
        posted = await self.delivered()
        while posted.json.get("body") != "Welcome":
            # The reflection is not POSTed.
            self.assertNotEqual(posted.json.get("body"), "Here I am")
            if posted.json["type"] == "error":
                # The room marks what it relays (XEP-0045 §7.5).
                self.assertIn("muc_user", posted.json)
            posted = await self.delivered()
        await self.becomes(sent, "confirmed")
        await self.admin("<item nick='Robot' role='none'/>")
        codes = ()
        while 307 not in codes:
            gone = await self.posted(kind="presence", type="unavailable")
            codes = gone.json.get("muc_user", {}).get("status", ())
        kicked = await self.owner.expect("type='unavailable'", f"{self.room}/Robot")
        await self.says("Bye")
        await self.owner.expect("<body>Bye</body>")
        after = self.owner.received[self.owner.received.index(kicked) + 1 :]
        self.assertNotIn("Robot", "".join(each.xml for each in after))
        self.assertEqual((await self.get("/rooms")).json, [])


class ProsodyRoomMessageTests(MessageMixin, TestCase):
    """
    Messages on Prosody.
    """

    kind = Prosody


class EjabberdRoomMessageTests(MessageMixin, TestCase):
    """
    Messages on ejabberd.
    """

    kind = Ejabberd
