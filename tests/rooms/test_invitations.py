"""Tests of L{xmpprest.rooms.invitations}, and of their place in the service."""

from __future__ import annotations

from dataclasses import replace

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.rooms.invitation import readInvitation
from xmpprest.core.rooms.requests import RoomRequest
from xmpprest.core.rooms.values import RoomRecord, RoomSettings
from xmpprest.core.stanza import jid
from xmpprest.rooms.invitations import (
    MAX_INVITED,
    InvitedRooms,
    acceptedInvitation,
)

from ..support.doubles import DOMAIN, stanza
from ..support.room_service import MUC_USER, ScriptedRoom
from .test_service import BOT, OCCUPANT, ROOM, RoomTestCase

BOSS = "boss@example.org"
OTHER_ROOM = "other@rooms.example.org"


def mediated(
    inviter: str = BOSS, *, room: str = ROOM, more: str = "", type: str = "normal"
) -> str:
    """Write an invitation by a room (XEP-0045 §7.8.2)."""
    return (
        f"<message from='{room}' to='{BOT}' type='{type}'><x xmlns='{MUC_USER}'>"
        f"<invite from='{inviter}'><reason>Join us</reason></invite>{more}</x>"
        "</message>"
    )


def direct(inviter: str = f"{BOSS}/phone", room: str = ROOM, more: str = "") -> str:
    """Write an invitation by its sender (XEP-0249)."""
    return (
        f"<message from='{inviter}' to='{BOT}'>"
        f"<x xmlns='jabber:x:conference' jid='{room}'{more}/></message>"
    )


class AcceptedInvitationTests(SynchronousTestCase):
    """
    L{acceptedInvitation}
    """

    def accepted(self, xml: str, *patterns: str) -> RoomRequest | None:
        """Return the request of an invitation."""
        return acceptedInvitation(stanza(xml), patterns)

    def test_direct(self) -> None:
        """
        A direct invitation of a listed sender is accepted, with its password; that of
        another is not.
        """
        expected = RoomRequest(ROOM, BOT, RoomSettings(password="sesame"), BOSS)
        xml = direct(more=" password='sesame'")
        self.assertEqual(self.accepted(xml, BOSS), expected)
        self.assertIsNone(self.accepted(direct("eve@example.org/x"), BOSS))
        self.assertIsNone(self.accepted(direct()))

    def test_directByRoom(self) -> None:
        """
        The room that a direct invitation names does not make up for its sender.
        """
        self.assertIsNone(self.accepted(direct("eve@example.net/x"), ROOM))

    def test_mediated(self) -> None:
        """
        A mediated invitation of a listed sender is accepted, with its password, if the
        room is at the sender's domain or below it.
        """
        expected = RoomRequest(ROOM, BOT, RoomSettings(password="sesame"), BOSS)
        xml = mediated(more="<password>sesame</password>")
        self.assertEqual(self.accepted(xml, BOSS), expected)
        self.assertIsNotNone(self.accepted(mediated(f"{BOSS}/phone"), BOSS))
        self.assertIsNotNone(self.accepted(mediated(room="r@example.org"), BOSS))
        self.assertIsNone(self.accepted(mediated("eve@example.org"), BOSS))

    def test_forged(self) -> None:
        """
        A room elsewhere cannot name a listed sender, nor can a room whose domain only
        ends like the sender's.
        """
        for room in ("r@rooms.example.net", "r@evilexample.org", "r@org"):
            self.assertIsNone(self.accepted(mediated(room=room), BOSS), room)
        self.assertIsNone(self.accepted(mediated(""), BOSS))

    def test_listedRoom(self) -> None:
        """
        A listed room is accepted whoever it names. It stands for a sender that it does
        not know.
        """
        for inviter, invitedBy in (("eve@example.net", ROOM), ("", ROOM), (BOSS, BOSS)):
            request = self.accepted(mediated(inviter), "*@rooms.example.org")
            assert request is not None
            self.assertEqual(request.invitedBy, invitedBy)

    def test_others(self) -> None:
        """
        Errors, messages without an invitation, and rooms with a malformed address are
        no invitations.
        """
        for xml in (
            mediated(type="error"),
            f"<message from='{BOSS}' to='{BOT}'><body>Join us</body></message>",
            f"<presence from='{BOSS}' to='{BOT}'>"
            f"<x xmlns='jabber:x:conference' jid='{ROOM}'/></presence>",
            direct(room=""),
            direct(room="rooms.example.org"),
            direct(room="@rooms.example.org"),
        ):
            self.assertIsNone(self.accepted(xml, "*"), xml)

    def test_occupant(self) -> None:
        """
        An occupant of a room cannot invite in its name, neither to the room nor to
        another one: the room marks what it relays.
        """
        for xml in (
            direct(f"{ROOM}/mallory", OTHER_ROOM).replace(
                "</message>", f"<x xmlns='{MUC_USER}'/></message>"
            ),
            mediated().replace(f"from='{ROOM}'", f"from='{ROOM}/mallory'"),
        ):
            self.assertIsNone(self.accepted(xml, "*@rooms.example.org", BOSS), xml)

    def test_groupchat(self) -> None:
        """
        Messages to all occupants of a room, and those of its history, are no
        invitations.
        """
        for invitation in (direct(), mediated()):
            self.assertIsNotNone(self.accepted(invitation, BOSS))
            said = stanza(invitation)
            said["type"] = "groupchat"
            self.assertIsNone(acceptedInvitation(said, (BOSS, ROOM)))
            delayed = invitation.replace(
                "</message>",
                "<delay xmlns='urn:xmpp:delay' stamp='2027-01-15T08:00:00Z'/>"
                "</message>",
            )
            self.assertIsNone(self.accepted(delayed, BOSS, ROOM), delayed)

    def test_bareSender(self) -> None:
        """
        A bot that was invited by a full address is in the room by its bare address.
        """
        message = stanza(direct())
        message["to"] = f"bot@{DOMAIN}/phone"
        request = acceptedInvitation(message, [BOSS])
        assert request is not None
        self.assertEqual(request.sender, jid.JID("bot", DOMAIN, ""))


class InvitedRoomsTests(SynchronousTestCase):
    """
    L{InvitedRooms}
    """

    def setUp(self) -> None:
        self.invited = InvitedRooms()

    def make(self, count: int, inviter: str) -> None:
        """Count memberships until an invitation would be refused; check how many."""
        number = 0
        while self.invited.excess(inviter) is None:
            self.invited.note((f"{inviter}{number}", "bot"), inviter)
            number += 1
        self.assertEqual(number, count)

    def test_shares(self) -> None:
        """
        No sender and no domain holds more memberships than are still free.
        """
        self.make(MAX_INVITED // 2, BOSS)
        self.make(0, "other@example.org")
        self.make(MAX_INVITED // 4, "boss@example.net")
        excess = self.invited.excess("other@example.net")
        assert excess is not None
        self.assertEqual(excess.holder, "@example.net")

    def test_released(self) -> None:
        """
        A membership that is over, or that a client has taken over, no longer counts.
        """
        self.make(MAX_INVITED // 2, BOSS)
        first, *_ = self.invited.membershipsOf(BOSS)
        self.invited.note(first, BOSS)
        self.assertIsNotNone(self.invited.excess(BOSS))
        self.invited.note(first, None)
        self.assertIsNone(self.invited.excess(BOSS))
        self.assertNotIn(first, self.invited.membershipsOf(None))

    def test_logged(self) -> None:
        """
        The first refusal is logged; the next one only after most memberships are over.
        """
        self.make(MAX_INVITED // 2, BOSS)
        for isLogged in (True, False, True):
            excess = self.invited.excess(BOSS)
            assert excess is not None
            with capturedLogs() as logged:
                self.invited.refuse(ROOM, excess)
            self.assertEqual(len(logged), isLogged)
            if not isLogged:
                for each in self.invited.membershipsOf(BOSS):
                    self.invited.note(each, None)
                self.invited.accept()
                self.make(MAX_INVITED // 2, BOSS)
        self.assertEqual(self.invited.counts, {"accepted": 1, "refused": 3})
        self.assertIn("No sender may hold more", formatEvent(logged[0]))


class AcceptTests(RoomTestCase):
    """
    Invitations that the service accepts.
    """

    accepted = (BOSS,)

    def receive(self, xml: str) -> None:
        """Receive a stanza that is not from an occupant."""
        self.server.deliver(stanza(xml))

    def storeHalf(self) -> list[str]:
        """Store half of the memberships that invitations may make; one is removed."""
        fill, addresses = RoomRecord(ROOM, str(BOT), OCCUPANT, "bot"), []
        for number in range(MAX_INVITED // 2):
            address = f"r{number}@rooms.example.org"
            addresses.append(address)
            record = replace(fill, room=address, invitedBy=BOSS, isRemoved=number == 7)
            self.successResultOf(self.store.saveRoom(record))
        return addresses

    def invitations(self) -> int:
        """Return the number of invitations for the callbacks."""
        return sum(readInvitation(each) is not None for each in self.forwarded)

    def test_accepted(self) -> None:
        """
        A bot that a listed sender has invited is in the room, and stays; the callback
        receives the invitation too.
        """
        self.receive(mediated())
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
        self.assertEqual(self.membership.state, "joined")
        self.assertEqual(len(self.successResultOf(self.store.rooms())), 1)
        self.assertEqual(self.invitations(), 1)

    def test_password(self) -> None:
        """
        The password of an invitation opens the room, and is stored for the next join.
        """
        self.room.password = "sesame"
        self.receive(mediated(more="<password>sesame</password>"))
        self.assertEqual(self.membership.record.password, "sesame")
        self.lose()
        self.connect()
        self.assertEqual(self.membership.state, "joined")

    def test_notListed(self) -> None:
        """
        An invitation of somebody else only goes to the callback.
        """
        self.receive(direct("eve@example.net/x"))
        self.assertEqual([*self.service.memberships], [])
        self.assertEqual(self.server.sent, [])
        self.assertEqual(self.invitations(), 1)

    def test_occupant(self) -> None:
        """
        An occupant of a room in which the bot is cannot invite it in the room's name.
        """
        self.accepted = (ROOM,)
        self.begin()
        self.connect()
        self.join()
        self.server.rooms[OTHER_ROOM] = ScriptedRoom()
        message = stanza(direct(f"{ROOM}/mallory", OTHER_ROOM))
        message["to"] = OCCUPANT
        self.server.deliver(message)
        self.assertEqual(self.server.rooms[OTHER_ROOM].occupants, {})
        self.assertEqual(self.invitations(), 1)
        self.server.deliver(stanza(direct(ROOM, OTHER_ROOM)))
        self.assertEqual(self.server.rooms[OTHER_ROOM].occupants, {"bot": OCCUPANT})

    def test_privateMessage(self) -> None:
        """
        A private message from a room of which the gateway does not know, because the
        bot has joined it by presence, is not the room's invitation. One from a room
        that does not say what it is counts as that.
        """
        self.accepted = ("*@rooms.example.org",)
        self.begin()
        self.connect()
        self.server.rooms[OTHER_ROOM] = ScriptedRoom()
        self.receive(direct(f"{ROOM}/mallory", OTHER_ROOM))
        self.room.isSilent = True
        self.receive(direct(f"{ROOM}/mallory", OTHER_ROOM))
        self.clock.advance(15)
        self.assertEqual(self.server.rooms[OTHER_ROOM].occupants, {})
        self.assertEqual([*self.service.memberships], [])
        self.assertEqual(self.invitations(), 2)

    def test_alreadyIn(self) -> None:
        """
        An invitation to a room in which the bot is changes nothing.
        """
        self.join(nick="Robot")
        self.receive(direct())
        self.assertEqual(self.membership.nick, "Robot")
        self.assertEqual(self.entered(), 1)

    def test_removed(self) -> None:
        """
        A bot that was removed does not return by an invitation: only a PUT lets it in.
        """
        self.join()
        self.server.remove(ROOM, "bot", 307)
        self.receive(direct())
        self.assertEqual(self.membership.state, "removed")
        self.assertEqual(self.entered(), 1)

    def test_full(self) -> None:
        """
        When a sender's invitations have let the bot into too many rooms, a further one
        only goes to the callback, unless the bot was removed from one of these rooms.
        """
        addresses = self.storeHalf()
        self.kill()
        self.connect()
        self.receive(mediated())
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
        rooms = [each.record.room for each in self.service.memberships]
        self.assertEqual(rooms, [*addresses[:7], *addresses[8:], ROOM])
        self.server.rooms[OTHER_ROOM] = ScriptedRoom()
        with capturedLogs() as logged:
            self.receive(mediated(room=OTHER_ROOM))
        self.assertEqual([each["log_level"] for each in logged], [LogLevel.error])
        self.assertEqual(self.server.rooms[OTHER_ROOM].occupants, {})
        self.assertEqual(self.invitations(), 2)
        self.assertEqual(self.service.invitations, {"accepted": 1, "refused": 1})
        # A client takes a room over.
        self.join()
        self.receive(mediated(room=OTHER_ROOM))
        self.assertEqual(self.server.rooms[OTHER_ROOM].occupants, {"bot": OCCUPANT})

    def test_restarted(self) -> None:
        """
        Memberships that another instance has deleted while this one was stopped no
        longer count; the counts of invitations go on.
        """
        addresses = self.storeHalf()
        self.kill()
        self.connect()
        self.receive(mediated())
        self.assertEqual(self.service.invitations, {"accepted": 1, "refused": 0})
        stopping = self.service.stopService()
        self.clock.pump([0.0] * 5)
        self.successResultOf(stopping)
        for address in (*addresses, ROOM):
            self.successResultOf(self.store.deleteRoom(address, str(BOT)))
        self.service.startService()
        self.receive(mediated())
        self.assertEqual(self.room.occupants, {"bot": OCCUPANT})
        self.assertEqual(self.service.invitations, {"accepted": 2, "refused": 0})

    def test_stillFull(self) -> None:
        """
        A membership from which the bot was removed does not make place enough if the
        sender's share has shrunk.
        """
        self.storeHalf()
        fill = RoomRecord(ROOM, str(BOT), OCCUPANT, "bot", invitedBy="ann@example.net")
        for number in range(MAX_INVITED // 4):
            record = replace(fill, room=f"n{number}@rooms.example.org")
            self.successResultOf(self.store.saveRoom(record))
        self.kill()
        self.connect()
        with capturedLogs():
            self.receive(mediated())
        self.assertEqual(self.room.occupants, {})
        self.assertEqual(self.service.invitations, {"accepted": 0, "refused": 1})

    def test_refused(self) -> None:
        """
        A room that does not let the invited bot in leaves no membership.
        """
        self.room.password = "sesame"
        self.receive(mediated())
        self.assertEqual([*self.service.memberships], [])
        self.assertEqual(self.successResultOf(self.store.rooms()), [])
