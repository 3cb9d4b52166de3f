"""Tests of L{xmpprest.core.rooms.history}, and of the stamps that it relies on."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.rooms.history import (
    REMEMBERED,
    RepeatFilter,
    stanzaIDOf,
    withoutStanzaID,
)
from xmpprest.core.rooms.reading import stampOf
from xmpprest.core.rooms.values import SeenMessage

from ...support.doubles import stanza

ROOM = "room@rooms.example.org"
#: When the bot entered the room first.
JOINED = 1_800_000_000.0
SID = "xmlns='urn:xmpp:sid:0'"


def message(*children: str) -> str:
    """Write a message of a room."""
    return f"<message from='{ROOM}/Ann' type='groupchat'>{''.join(children)}</message>"


class RepeatFilterTests(SynchronousTestCase):
    """
    L{RepeatFilter}
    """

    def new(
        self, seen: Sequence[tuple[str, float]], history: Sequence[tuple[str, float]]
    ) -> list[str]:
        """
        Return the messages of a history that are new.

        @param seen: Keys, and seconds since the first join.
        """
        repeats = RepeatFilter(
            SeenMessage(ROOM, "bot", number, f"f:{key}", JOINED + at)
            for number, (key, at) in enumerate(seen)
        )
        first = repeats.countRepeated(
            [f"f:{key}" for key, _ in history],
            [JOINED + at for _, at in history],
            JOINED,
        )
        return [key for key, _ in history[first:]]

    def test_missed(self) -> None:
        """What follows the messages that were seen is new."""
        seen = [("a", 10.0), ("b", 20.0)]
        self.assertEqual(self.new(seen, [*seen, ("c", 30), ("d", 40)]), ["c", "d"])
        self.assertEqual(self.new(seen, [("b", 20), ("c", 30)]), ["c"])
        self.assertEqual(self.new(seen, [("c", 30)]), ["c"])
        self.assertEqual(self.new(seen, seen), [])

    def test_equal(self) -> None:
        """
        A message that equals one that was seen hides none of those before it, and is
        new itself.
        """
        missed = [("m1", 31), ("m2", 32), ("same", 33)]
        expected = ["m1", "m2", "same"]
        self.assertEqual(self.new([("same", 30)], missed), expected)
        self.assertEqual(self.new([("same", 30)], [("same", 30), *missed]), expected)
        seen = [("same", 1.0), ("live", 30.0)]
        self.assertEqual(self.new(seen, [("live", 30), *missed]), expected)
        self.assertEqual(self.new(seen, [("live", 30), missed[-1]]), ["same"])

    def test_stamp(self) -> None:
        """An equal message from another time is another message."""
        self.assertEqual(self.new([("same", 1.0)], [("same", 62)]), ["same"])

    def test_beforeFirstJoin(self) -> None:
        """What was said before the first join is not new."""
        self.assertEqual(self.new([], [("a", -5), ("b", 5)]), ["b"])

    def test_joiningSecond(self) -> None:
        """
        In the second of the first join, rooms do not tell what was before: a message
        is new unless it is before one that was seen.
        """
        repeats = RepeatFilter([SeenMessage(ROOM, "bot", 0, "f:b", JOINED + 0.9)])
        stamps = [JOINED, JOINED, JOINED]
        for keys, count in ((["f:a", "f:b", "f:c"], 2), (["f:a", "f:c", "f:d"], 0)):
            self.assertEqual(repeats.countRepeated(keys, stamps, JOINED + 0.5), count)

    def test_forgotten(self) -> None:
        """What was said before all that is remembered is not new."""
        seen = [(f"s{number}", 1000.0 + number) for number in range(REMEMBERED)]
        history = [("old", 500.0), *seen[-9:], ("missed", 2000.0)]
        self.assertEqual(self.new(seen, history), ["missed"])

    def test_withoutBody(self) -> None:
        """A message without a key is known if one behind it is known."""
        repeats = RepeatFilter([SeenMessage(ROOM, "bot", 0, "f:a", JOINED + 9)])
        stamps = [JOINED + 9] * 3
        count = repeats.countRepeated([None, "f:a", None], stamps, JOINED)
        self.assertEqual(count, 2)


class StanzaIDTests(SynchronousTestCase):
    """
    L{withoutStanzaID}
    """

    def test_removed(self) -> None:
        """
        Ids in the name of the room are removed, in whatever form its address is
        written; those of others stay.
        """
        text = message(
            "<body>Hi</body>",
            f"<stanza-id {SID} by='{ROOM}' id='1'/>",
            f"<stanza-id {SID} by='{ROOM.upper()}' id='2'/>",
            f"<stanza-id {SID} by='example.net' id='3'/>",
        )
        self.assertEqual(stanzaIDOf(stanza(text), ROOM), "1")
        left = withoutStanzaID(stanza(text), ROOM)
        self.assertIsNone(stanzaIDOf(left, ROOM))
        self.assertEqual(stanzaIDOf(left, "example.net"), "3")
        self.assertEqual(len([*left.elements()]), 2)


class StampTests(SynchronousTestCase):
    """
    L{stampOf}
    """

    def test_stamps(self) -> None:
        """
        The last delay of the room or of its service counts, wherever it is; without
        one, the last of others.
        """

        def delay(sender: str, day: int) -> str:
            return (
                f"<delay xmlns='urn:xmpp:delay' from='{sender}'"
                f" stamp='2027-01-{day:02}T08:00:00Z'/>"
            )

        first = 1_798_790_400.0  # 2027-01-01T08:00:00Z
        eve, service = "eve@example.net", "rooms.example.org"
        for delays, day in (
            ([], None),
            ([delay(ROOM, 3)], 3),
            ([delay(service, 3)], 3),
            ([delay(eve, 9), delay(ROOM, 3)], 3),
            ([delay(ROOM, 3), delay(eve, 9)], 3),
            ([delay(ROOM, 9), delay(ROOM, 3)], 3),
            ([delay(eve, 9), delay("ann@example.org", 3)], 3),
        ):
            expected = None if day is None else first + (day - 1) * 86_400.0
            self.assertEqual(stampOf(stanza(message(*delays)), ROOM), expected)
