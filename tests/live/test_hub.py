"""Tests for L{xmpprest.live.hub}, and for what it is made of."""

from __future__ import annotations

import json
from typing import Any

from jsonschema_rs import Draft202012Validator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.codec.events import MAX_XML_SHOWN, EventFilter, eventSchemas
from xmpprest.core.errors import Refusal
from xmpprest.core.media.values import Value
from xmpprest.core.stanza import jid
from xmpprest.core.stanza.serializer import toXML
from xmpprest.live.event_log import COUNT, MAX_OTHER_EVENTS, SIZE
from xmpprest.live.hub import GRACE, MAX_SUBSCRIBERS, MAX_TEXT, EventHub
from xmpprest.live.subscription import EventSubscription

from ..support.doubles import stanza

#: Rates while nothing happens.
NOTHING: dict[str, Value] = {"counts": {}, "latencies": {}, "queues": {}}
#: What is told has these schemas; that of stanzas is tested elsewhere.
SCHEMAS = {
    name: Draft202012Validator({**schema}, validate_formats=True)
    for name, schema in eventSchemas({"type": "object"}).items()
}


def message(number: int = 0, body: str = "hi") -> str:
    """A message as it is written."""
    return toXML(
        stanza(
            f"<message from='bot@gateway.example' to='a@example.org' id='{number}'>"
            f"<body>{body}</body></message>"
        )
    )


class LiveTestCase(SynchronousTestCase):
    """
    A test that decides what happens.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.live = EventHub(self.clock, self.clock.seconds)
        self.lastID = ""

    def take(
        self, watcher: EventSubscription, limit: int = 10_000
    ) -> list[tuple[str, Any]]:
        """Return the name and the data of each event that a watcher has got."""
        found = []
        for id, event in watcher.read(limit):
            self.lastID = id
            data = json.loads(event.data)
            SCHEMAS[event.name].validate(data)
            found.append((event.name, data))
        return found

    def stanzas(self, watcher: EventSubscription, limit: int = 10_000) -> list[str]:
        """Return the ids of these stanzas, and the reason for those that were lost."""
        return [
            data["json"]["id"] if name == "stanza" else f"lost: {data['reason']}"
            for name, data in self.take(watcher, limit)
            if name in {"stanza", "lost"}
        ]

    def send(self, *numbers: int) -> None:
        """Messages are written."""
        for number in numbers:
            self.live.sent(message(number))


class EventTests(LiveTestCase):
    """
    The content of events.
    """

    def test_stanza(self) -> None:
        """
        A stanza is told of in XML and in JSON, with its way, time and ends.
        """
        watcher = self.live.subscribe(EventFilter())
        self.take(watcher)
        self.live.sent(message(1))
        self.clock.advance(0.25)
        self.live.received(stanza("<presence from='a@example.org/1' type='probe'/>"))
        (_, sent), (_, received) = self.take(watcher)
        self.assertEqual(
            sent,
            {
                "time": "2023-11-14T22:13:20.000Z",
                "direction": "out",
                "kind": "message",
                "from": "bot@gateway.example",
                "to": "a@example.org",
                "size": len(message(1)),
                "xml": message(1),
                "json": {
                    "kind": "message",
                    "type": "normal",
                    "from": "bot@gateway.example",
                    "to": "a@example.org",
                    "id": "1",
                    "body": "hi",
                },
            },
        )
        self.assertEqual(received["time"], "2023-11-14T22:13:20.250Z")
        self.assertEqual(
            [received[key] for key in ("direction", "kind", "from", "to")],
            ["in", "presence", "a@example.org/1", ""],
        )
        self.assertEqual(received["json"]["type"], "probe")

    def test_large(self) -> None:
        """The event of a very large stanza has only its kind."""
        watcher = self.live.subscribe(EventFilter())
        self.take(watcher)
        self.live.sent(message(1, "x" * MAX_XML_SHOWN))
        ((_, data),) = self.take(watcher)
        self.assertGreater(data["size"], MAX_XML_SHOWN)
        self.assertEqual(data.keys() & {"xml", "json", "to"}, {"to"})

    def test_unreadable(self) -> None:
        """
        A stanza that the stream takes and JSON cannot say is told of as XML; what has
        no head is not, and nobody is bothered.
        """
        watcher = self.live.subscribe(EventFilter())
        self.take(watcher)
        xml = "<message from='a@b' to='c@d'><x xmlns:a='' xmlns='urn:x'/></message>"
        self.live.sent(xml)
        self.live.sent("<")
        ((_, data),) = self.take(watcher)
        self.assertEqual((data["xml"], data["json"]), (xml, None))

    def test_state(self) -> None:
        """
        The stream's state is told of, since when, and how often it was lost.
        """
        watcher = self.live.subscribe(EventFilter())
        self.clock.advance(1)
        self.live.connected()
        self.clock.advance(1)
        self.live.disconnected()
        told = [(name, *data.values()) for name, data in self.take(watcher)]
        self.assertEqual(
            told,
            [
                ("state", "down", "2023-11-14T22:13:20.000Z", 0),
                ("state", "up", "2023-11-14T22:13:21.000Z", 0),
                ("state", "down", "2023-11-14T22:13:22.000Z", 1),
            ],
        )

    def test_rates(self) -> None:
        """
        Rates are kept for 15 minutes, for who begins to watch.
        """
        for number in range(MAX_OTHER_EVENTS + 1):
            self.live.rates({"seconds": number, **NOTHING})
        rates = [
            d for n, d in self.take(self.live.subscribe(EventFilter())) if n == "rates"
        ]
        self.assertEqual(
            [each["seconds"] for each in rates], [*range(1, MAX_OTHER_EVENTS + 1)]
        )
        self.assertEqual(rates[0]["time"], "2023-11-14T22:13:20.000Z")

    def test_room(self) -> None:
        """
        The events of rooms are kept, but no more of a reason than its beginning: the
        words of a room may be as long as a stanza.
        """
        value: dict[str, Value] = {
            "event": "removed",
            "room": "room@rooms.example.org",
            "from": "bot@gateway.example",
            "nick": "bot",
            "state": "removed",
            "condition": None,
            "reason": "x" * (MAX_TEXT + 1),
        }
        self.live.room(value)
        self.live.room({**value, "reason": "spam"})
        found = [
            data
            for name, data in self.take(self.live.subscribe(EventFilter()))
            if name == "room"
        ]
        reasons = [data.pop("reason") for data in found]
        self.assertEqual(reasons, ["x" * MAX_TEXT, "spam"])
        time = "2023-11-14T22:13:20.000Z"
        del value["reason"]
        self.assertEqual(found, [{"time": time, **value}] * 2)

    def test_order(self) -> None:
        """
        Events are told in their order, and their ids are different.
        """
        watcher = self.live.subscribe(EventFilter())
        self.send(1)
        self.live.connected()
        self.send(2)
        self.live.rates({"seconds": 5, **NOTHING})
        found = watcher.read(10)
        names = [event.name for _, event in found]
        self.assertEqual(names, ["state", "stanza", "state", "stanza", "rates"])
        self.assertEqual(len({id for id, _ in found}), 5)
        self.assertEqual(watcher.read(10), [])


class WantedTests(LiveTestCase):
    """
    Which stanzas are told of.
    """

    def seen(self, **wanted: Any) -> list[str]:
        """The ids of those that are."""
        watcher = self.live.subscribe(EventFilter(**wanted))
        for xml in (
            "<message id='1' from='A@Example.org/1' to='gateway.example'/>",
            "<presence id='2' from='gateway.example' to='a@example.org'/>",
            "<iq id='3' type='get' from='b@example.org' to='x@gateway.example/a@b'/>",
            "<message id='4'/>",
        ):
            self.live.received(stanza(xml))
        return self.stanzas(watcher)

    def test_all(self) -> None:
        """Every one, if nothing is said."""
        self.assertEqual(self.seen(), ["1", "2", "3", "4"])

    def test_kinds(self) -> None:
        """A filter by kind."""
        self.assertEqual(self.seen(kinds={"message", "iq"}), ["1", "3", "4"])

    def test_whose(self) -> None:
        """
        A filter by address, at either end: with its resource, with any, or any user of
        a
        domain.
        """
        for address, ids in {
            "a@example.org": ["1", "2"],
            "a@example.org/1": ["1"],
            "a@example.org/2": [],
            "example.org": ["1", "2", "3"],
            "gateway.example": ["1", "2", "3"],
            "x@gateway.example": ["3"],
        }.items():
            self.assertEqual(self.seen(jid=jid.parseJID(address)), ids, address)

    def test_others(self) -> None:
        """Filters do not apply to other events."""
        watcher = self.live.subscribe(EventFilter(kinds={"iq"}))
        self.assertEqual([name for name, _ in self.take(watcher)], ["state"])


class WatcherTests(LiveTestCase):
    """
    Watchers and their events.
    """

    def test_watched(self) -> None:
        """
        Stanzas are wanted from when the first begins to watch until a minute after the
        last has left, unless somebody has come by then.
        """
        self.assertFalse(self.live.isRecording)
        first, second = (
            self.live.subscribe(EventFilter()),
            self.live.subscribe(EventFilter()),
        )
        first.close()
        self.clock.advance(GRACE)
        second.close()
        self.clock.advance(GRACE - 1)
        third = self.live.subscribe(EventFilter())
        self.clock.advance(GRACE)
        self.assertTrue(self.live.isRecording)
        third.close()
        self.clock.advance(GRACE)
        self.assertFalse(self.live.isRecording)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.live.subscribe(EventFilter())
        self.assertTrue(self.live.isRecording)

    def test_rendered(self) -> None:
        """
        A stanza is written in JSON once, for all that see it.
        """
        watchers = [self.live.subscribe(EventFilter()) for _ in range(2)]
        self.send(1)
        (one,), (other,) = (each.read(10)[1:] for each in watchers)
        self.assertIs(one[1].data, other[1].data)

    def test_limit(self) -> None:
        """
        So many may watch, and no more, until one leaves.
        """
        watchers = [self.live.subscribe(EventFilter()) for _ in range(MAX_SUBSCRIBERS)]
        with self.assertRaises(Refusal) as raised:
            self.live.subscribe(EventFilter())
        self.assertEqual(raised.exception.problem.status, 503)
        watchers[0].close()
        self.live.subscribe(EventFilter())

    def test_now(self) -> None:
        """A new watcher does not get stanzas that have passed."""
        first = self.live.subscribe(EventFilter())
        self.send(1)
        second = self.live.subscribe(EventFilter())
        self.send(2)
        self.assertEqual(self.stanzas(first), ["1", "2"])
        self.assertEqual(self.stanzas(second), ["2"])

    def test_pieces(self) -> None:
        """A watcher that takes a few at a time gets all of them, in order, once."""
        watcher = self.live.subscribe(EventFilter())
        self.send(*range(5))
        taken = [self.stanzas(watcher, 2) for _ in range(4)]
        self.assertEqual(taken, [["0"], ["1", "2"], ["3", "4"], []])

    def test_slow(self) -> None:
        """
        A watcher that is too slow is told that stanzas were lost, and goes on with the
        oldest that is kept.
        """
        watcher = self.live.subscribe(EventFilter())
        self.send(1)
        self.assertEqual(self.stanzas(watcher), ["1"])
        self.send(*range(2, COUNT + 4))
        seen = self.stanzas(watcher, 3)
        self.assertEqual(seen, ["lost: slow", "4", "5"])
        self.assertEqual(len(self.stanzas(watcher)), COUNT - 2)

    def test_size(self) -> None:
        """The kept events are limited in size, too."""
        watcher = self.live.subscribe(EventFilter())
        large = message(1, "x" * (SIZE // 4))
        for _ in range(5):
            self.live.sent(large)
        names = [name for name, _ in self.take(watcher)]
        self.assertEqual(names, ["state", "lost", *["stanza"] * 3])


class ShareTests(LiveTestCase):
    """How many subscriptions a token may have."""

    def test_share(self) -> None:
        """A token has at most half of them; credentials may have all."""
        watchers = [
            self.live.subscribe(EventFilter(), None, "a")
            for _ in range(MAX_SUBSCRIBERS // 2)
        ]
        with self.assertRaises(Refusal) as raised:
            self.live.subscribe(EventFilter(), None, "a")
        problem = raised.exception.problem
        self.assertEqual(problem.status, 503)
        self.assertIn("The token 'a'", problem.text)
        for _ in range(MAX_SUBSCRIBERS // 2):
            self.live.subscribe(EventFilter())
        watchers[0].close()
        self.live.subscribe(EventFilter(), None, "b")


class ResumingTests(LiveTestCase):
    """
    A watcher that comes back.
    """

    def setUp(self) -> None:
        super().setUp()
        watcher = self.live.subscribe(EventFilter())
        self.send(1)
        self.assertEqual(self.stanzas(watcher), ["1"])
        watcher.close()

    def resumed(self) -> list[str]:
        """
        Return the stanzas that a returning watcher gets, and one that passes then.
        """
        watcher = self.live.subscribe(EventFilter(), self.lastID)
        self.send(99)
        return self.stanzas(watcher)

    def test_soon(self) -> None:
        """
        A watcher gets the stanzas that passed in the meantime, and none of them twice.
        """
        self.send(2)
        self.live.connected()
        self.clock.advance(GRACE - 1)
        watcher = self.live.subscribe(EventFilter(), self.lastID)
        names = [name for name, _ in self.take(watcher)]
        self.assertEqual(names, ["stanza", "state"])
        self.assertEqual(self.resumed(), ["99"])

    def test_late(self) -> None:
        """
        When stanzas have not been recorded for a while, that is told.
        """
        self.clock.advance(GRACE)
        self.assertEqual(self.resumed(), ["lost: old", "99"])
        self.assertEqual(self.resumed(), ["99"])

    def test_many(self) -> None:
        """
        When more have passed than are kept, the oldest are lost.
        """
        self.send(*range(2, COUNT + 3))
        resumed = self.resumed()
        self.assertEqual(resumed[:2], ["lost: old", "4"])
        self.assertEqual(len(resumed), COUNT + 1)

    def test_unknown(self) -> None:
        """
        An id that is none of this process's, or of no event yet, is told of; all else
        is as if there were none.
        """
        run, _, number = self.lastID.partition("-")
        for id in (
            f"00{run[2:]}x-{number}",
            f"{run}-{int(number) + 1000}",
            f"{run}-",
            f"{run}-{'9' * 5000}",
            "²",
            "",
        ):
            self.lastID = id
            self.assertEqual(self.resumed(), ["lost: unknown", "99"], id)
        watcher = self.live.subscribe(EventFilter(), "x")
        self.assertEqual([name for name, _ in self.take(watcher)], ["state", "lost"])
