"""Bots that rooms remove, on real servers."""

from __future__ import annotations

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers.rooms_case import OWNER, RoomMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from xmpprest.core.rooms.tables import PROVES_JOINED, PROVES_NOTHING


class RemovalMixin(RoomMixin):
    """
    Kicks, bans, and the end of rooms.
    """

    async def removed(self, condition: str, reason: str | None) -> None:
        """Check that the bot was removed, that messages bounce, and that PUT joins."""
        found = await self.becomesState("removed")
        self.assertEqual((found["condition"], found["reason"]), (condition, reason))
        await self.event(event="removed", condition=condition, reason=reason)
        bounced = await self.say("Let me in!", "10")
        self.assertEqual(bounced.status, 200, bounced.text)
        self.assertEqual(bounced.json["error"]["condition"], "not-acceptable")

    async def test_removed(self) -> None:
        """
        A bot that is kicked, banned, or no longer a member, or whose room is destroyed,
        stays out, with the reason, until a PUT.
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        await self.event(event="joined")
        item = "<item nick='Robot' role='none'><reason>Too loud</reason></item>"
        await self.admin(item)
        await self.removed("kicked", "Too loud")
        await self.becomesMember("none")
        item = f"<item affiliation='outcast' jid='{self.bot}'><reason>Spam</reason>"
        await self.admin(f"{item}</item>")
        await self.removed("banned", "Spam")
        banned = await self.putJSON(self.path, {"from": self.bot})
        self.assertEqual(banned.status, 403, banned.text)
        await self.becomesMember("none")
        await self.configure(membersonly="1")
        await self.removed("members-only", None)
        await self.becomesMember("member")
        await self.admin(f"<item affiliation='none' jid='{self.bot}'/>")
        await self.removed("members-only", None)
        await self.becomesMember("member")
        other = f"other@{self.server.mucDomain}"
        destroy = f"<destroy jid='{other}'><reason>Moved</reason></destroy>"
        await self.ask(self.room, "set", f"<query xmlns='{OWNER}'>{destroy}</query>")
        await self.removed("destroyed", f"Moved ({other})")

    async def becomesMember(self, affiliation: str) -> None:
        """Let the bot have an affiliation, and enter again."""
        await self.admin(f"<item affiliation='{affiliation}' jid='{self.bot}'/>")
        reply = await self.join(nick="Robot")
        self.assertEqual(reply.json["affiliation"], affiliation)
        await self.event(event="joined")

    async def test_selfPing(self) -> None:
        """
        A self-ping of a bot in the room has a result or an error that proves it; that
        of a bot outside has another error (XEP-0410).
        """
        await self.openRoom()
        await self.begin()
        await self.join(nick="Robot")
        self.assertIn(await self.selfPing(), (None, *PROVES_JOINED))
        await self.deleteAt(self.path)
        self.assertNotIn(await self.selfPing(), (None, *PROVES_JOINED, *PROVES_NOTHING))

    async def selfPing(self) -> str | None:
        """Ping the bot in the room; return the condition of the error."""
        reply = await self.post(
            f"<iq type='get' from='{self.bot}/xmpprest' to='{self.room}/Robot'>"
            "<ping xmlns='urn:xmpp:ping'/></iq>",
            Accept="application/json",
        )
        error = reply.json.get("error")
        return None if error is None else str(error["condition"])


class ProsodyRemovalTests(RemovalMixin, TestCase):
    """
    Removals on Prosody.
    """

    kind = Prosody


class EjabberdRemovalTests(RemovalMixin, TestCase):
    """
    Removals on ejabberd.
    """

    kind = Ejabberd

    async def test_full(self) -> None:
        """
        A full room gives 503. Prosody's rooms have no limit.
        """
        await self.openRoom(maxusers="5")
        peer = await self.connect(self.server.peerDomain)
        for number in range(4):
            sender = f"guest{number}@{peer.domain}/x"
            await peer.joinRoom(self.room, f"Guest {number}", sender)
        await self.begin()
        full = await self.putJSON(self.path, {"from": self.bot})
        self.assertEqual(full.status, 503, full.text)
        self.assertIn("The room is full", full.json["detail"])
        self.assertEqual((await self.get("/rooms")).json, [])

    async def test_serviceShutdown(self) -> None:
        """
        After a restart of the room service (status 332) the bot is in the room again,
        on the same stream.
        """
        await self.openRoom()
        await self.begin(callbackOccupants=True)
        await self.join(nick="Robot")
        assert isinstance(self.server, Ejabberd)
        await deferToThread(self.server.restartRooms)
        shown = await self.delivered()
        while 332 not in shown.json.get("muc_user", {}).get("status", ()):
            shown = await self.delivered()
        await self.becomesState("joined")
        await self.event(event="returned")
