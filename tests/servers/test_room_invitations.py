"""Invitations of bots to rooms, on real servers."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.servers.rooms_case import MUC, RoomMixin
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody


class InvitationMixin(RoomMixin):
    """
    Mediated invitations, by the room, and direct ones, by the owner.

    @cvar trustedRooms: Further addresses whose invitations are accepted.
    """

    trustedRooms: tuple[str, ...] = ()

    def invite(self, *, isDirect: bool) -> None:
        """Let the owner invite the bot."""
        self.owner.send(
            f"<message to='{self.bot}'><x xmlns='jabber:x:conference'"
            f" jid='{self.room}' reason='Join us'/></message>"
            if isDirect
            else f"<message to='{self.room}'><x xmlns='{MUC}#user'>"
            f"<invite to='{self.bot}'><reason>Join us</reason></invite></x></message>"
        )

    async def invited(self, *, isDirect: bool) -> None:
        """Check the invitation that the callback gets."""
        got = (await self.posted(kind="message")).json
        if isDirect:
            self.assertEqual(got["from"], self.owner.jid)
            invite = got["invite"]
            self.assertEqual((invite["jid"], invite["reason"]), (self.room, "Join us"))
        else:
            self.assertEqual(got["from"], self.room)
            invite = got["muc_user"]["invite"]
            self.assertIn(invite["from"], (self.owner.jid, f"{self.room}/Owner"))
            self.assertEqual(invite["reason"], "Join us")

    async def test_invited(self) -> None:
        """
        Invitations reach the callback; the bot joins nothing by itself.
        """
        await self.openRoom()
        await self.begin()
        for isDirect in (False, True):
            self.invite(isDirect=isDirect)
            await self.invited(isDirect=isDirect)
        self.assertEqual((await self.get("/rooms")).json, [])

    async def test_accepted(self) -> None:
        """
        The gateway accepts those of C{rooms-accept}; the callback gets them, too.
        """
        for isDirect in (False, True):
            # A bot need not be a member of a room to which its owner has invited it.
            await self.openRoom(membersonly="0" if isDirect else "1")
            await self.begin(roomsAccept=(self.owner.bareJID, *self.trustedRooms))
            self.invite(isDirect=isDirect)
            await self.invited(isDirect=isDirect)
            await self.owner.expect("<presence", f"{self.room}/bot")
            await self.becomesState("joined")
            await self.posted(event="joined")
            await self.deleteAt(self.path)
            await self.stopGateway()


class ProsodyInvitationTests(InvitationMixin, TestCase):
    """
    Invitations on Prosody, whose rooms do not tell the address of the sender.
    """

    kind = Prosody
    trustedRooms = (f"*@{Prosody.mucDomain}",)


class EjabberdInvitationTests(InvitationMixin, TestCase):
    """
    Invitations on ejabberd.
    """

    kind = Ejabberd
