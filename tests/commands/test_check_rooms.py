"""Tests for L{xmpprest.commands.doctor.check_rooms}."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.doubles import DOMAIN
from xmpprest.commands.doctor.check_rooms import examine, examineWaiting
from xmpprest.commands.doctor.result import WARNING
from xmpprest.core.rooms.values import RoomRecord

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ROOM, BOT = "team@rooms.example.org", f"bot@{DOMAIN}"


def membership(sender: str = BOT, room: str = ROOM, **more: Any) -> RoomRecord:
    """Make a membership of a bot that has been in its room."""
    facts = {"joinedAt": 1_700_000_000.0, **more}
    return RoomRecord(room, sender, f"{sender}/xmpprest", "bot", **facts)


class ExamineTests(SynchronousTestCase):
    """
    L{examine}
    """

    def assertFound(self, *expected: str, records: list[RoomRecord]) -> None:
        """Memberships have one warning, whose words contain each text."""
        (found,) = examine(records, DOMAIN)
        self.assertEqual((found.state, found.subject), (WARNING, "rooms"))
        for each in expected:
            self.assertIn(each, found.words)

    def test_good(self) -> None:
        """
        No membership, and one whose bot has entered, are no problem.
        """
        self.assertEqual(examine([], DOMAIN), [])
        self.assertEqual(examine([membership(), membership(DOMAIN)], DOMAIN), [])

    def test_foreign(self) -> None:
        """
        A bot at another domain is named with both ways out, removed or not.
        """
        for isRemoved in (False, True):
            self.assertFound(
                f"bot@old.example cannot be in {ROOM}, because the domain is {DOMAIN}",
                "set --domain",
                f"PUT /rest/rooms/{ROOM}",
                records=[membership("bot@old.example", isRemoved=isRemoved)],
            )
        # At the end of the address alone, it would be this gateway's.
        other = f"bot@old.{DOMAIN}"
        self.assertFound(f"{other} cannot be", records=[membership(other)])

    def test_removed(self) -> None:
        """
        A bot that was removed is named with the reason, and how it joins again; of
        several the first is named, and the others are counted.
        """
        record = membership(isRemoved=True, condition="kicked", reason="Too loud")
        self.assertFound(
            f"{BOT} was removed from {ROOM} (kicked, Too loud): ",
            f"PUT /rest/rooms/{ROOM}",
            records=[membership(room="other@rooms.example.org"), record],
        )
        self.assertFound("(and 2 more like it)", records=[record] * 3)
        plain = membership(isRemoved=True)
        self.assertFound(f"removed from {ROOM}: once", records=[plain])

    def test_outside(self) -> None:
        """
        A bot that has never entered its room is named.
        """
        self.assertFound(
            f"{BOT} has not entered {ROOM} yet",
            f"GET /rest/rooms/{ROOM}?from={BOT}",
            records=[membership(joinedAt=0.0)],
        )

    def test_all(self) -> None:
        """
        Each kind of problem has a warning of its own.
        """
        records = [
            membership("bot@old.example"),
            membership(isRemoved=True),
            membership(joinedAt=0.0),
        ]
        self.assertEqual(len(examine(records, DOMAIN)), 3)


class WaitingTests(SynchronousTestCase):
    """
    L{examineWaiting}
    """

    def room(self, state: str, minutes: float, **more: Any) -> dict[str, Any]:
        """A membership in a state since so many minutes ago, as the API has it."""
        since = (NOW - timedelta(minutes=minutes)).isoformat()
        return {"room": ROOM, "from": BOT, "state": state, "since": since, **more}

    def test_good(self) -> None:
        """
        Bots in their rooms, removed ones, and those on their way for a few minutes are
        no problem.
        """
        rooms = [self.room("joined", 99), self.room("removed", 99)]
        rooms += [self.room("waiting", 9), self.room("joining", 9)]
        self.assertIsNone(examineWaiting(rooms, NOW))

    def test_late(self) -> None:
        """
        A bot on its way for long is named with the condition and the reason; the others
        are counted.
        """
        first = self.room("waiting", 11, condition="full", reason="Come later")
        rooms = [first, self.room("joining", 30, condition=None, reason=None)]
        found = examineWaiting(rooms, NOW)
        assert found is not None
        self.assertEqual((found.state, found.subject), (WARNING, "rooms"))
        for text in (
            f"{BOT} has not been in {ROOM} since {first['since']} (full, Come later)",
            "(and 1 more like it)",
            f"DELETE /rest/rooms/{ROOM}?from={BOT}",
        ):
            self.assertIn(text, found.words)
