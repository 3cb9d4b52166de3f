"""Tests of L{xmpprest.webhook.batcher}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.delivery import BOT, KeepingWorld
from tests.support.doubles import said, stanza
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import RETRY_WINDOW
from xmpprest.core.records import DEAD, DELIVERED, PENDING
from xmpprest.core.webhook.errors import DeliveryError, ResponseLimitExceeded
from xmpprest.webhook import batcher
from xmpprest.webhook.batcher import WebhookBatcher

OUT = DeliveryError("it is out")


@dataclass
class HeldBatch:
    """
    A batch that waits for the callback to answer.

    @ivar stanzas: The ids of its stanzas, in their order.
    @ivar ids: What the callback knows them by.
    """

    url: bytes
    text: bytes
    id: str
    said: Deferred[CallbackResponse]
    stanzas: list[str] = field(init=False)
    ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        lines = [json.loads(line) for line in self.text.splitlines()]
        self.stanzas = [line["stanza"]["id"] for line in lines]
        self.ids = [line["id"] for line in lines]

    def answer(self, *lines: dict[str, Any]) -> None:
        """Answer by lines for its stanzas, in their order; without any, by 204."""
        pairs = zip(self.ids, lines or [{"status": 204}] * len(self.ids), strict=False)
        self.write(*({"id": id, **line} for id, line in pairs))

    def write(self, *lines: dict[str, Any]) -> None:
        """Answer by these lines."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.said.callback(CallbackResponse(200, NDJSON, text.encode()))


class HeldPoster:
    """
    A poster of batches that responds when the test says so.

    @ivar batches: All batches that were ever posted.
    @ivar cancelled: The ids of the batches that were cancelled.
    """

    def __init__(self) -> None:
        self.batches: list[HeldBatch] = []
        self.cancelled: list[str] = []

    def urlOf(self, stanza: Element) -> bytes:
        """Return a URL for each kind."""
        return f"http://x/{stanza.name}".encode()

    def postBatch(
        self, url: bytes, lines: bytes, id: str
    ) -> Deferred[CallbackResponse]:
        """Keep a batch."""
        said: Deferred[CallbackResponse] = Deferred(lambda _: self.cancelled.append(id))
        self.batches.append(HeldBatch(url, lines, id, said))
        return said

    @property
    def posted(self) -> list[list[str]]:
        """The ids of the stanzas, by the batch."""
        return [batch.stanzas for batch in self.batches]


def message(id: str, sender: str | None = None, body: str = "") -> Element:
    """A message; if nothing else is said, of a conversation of its own."""
    sender = sender or f"{id}@example.com/home"
    return stanza(
        f"<message from='{sender}' to='{BOT}' id='{id}'><body>{body}</body></message>"
    )


class GatheringTestCase(SynchronousTestCase):
    """
    A test of a callback that gets batches, without an inbox.
    """

    def setUp(self) -> None:
        """Up to three at once, by one request."""
        self.make()

    def make(self, most: int = 3, connections: int = 1, limit: int = 10_000) -> None:
        """Have another."""
        self.clock = Clock()
        self.poster = HeldPoster()
        self.gathering = WebhookBatcher(
            self.poster, self.clock, most=most, connections=connections, limit=limit
        )

    def post(self, *stanzas: Element | str) -> Sequence[Deferred[CallbackResponse]]:
        """Deliver some in one turn of the reactor; a text is a message's id."""
        found = []
        for each in stanzas:
            element = message(each) if isinstance(each, str) else each
            post = self.gathering.post(element, f"msg_{element['id']}")
            found.append(post)
            # Not every test wants to know why there is no answer.
            self.addCleanup(found[-1].addErrback, lambda _: None)
        return found

    def turn(self) -> None:
        """The turn of the reactor is over."""
        self.clock.advance(0)


class GatherTests(GatheringTestCase):
    """
    Tests of what goes together.
    """

    def test_one(self) -> None:
        """
        One that comes alone waits for nobody, and goes as a batch of one.
        """
        (posting,) = self.post("a")
        self.turn()
        (batch,) = self.poster.batches
        self.assertEqual(batch.ids, ["msg_a"])
        self.assertEqual(batch.url, b"http://x/message")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        batch.answer()
        self.assertEqual(self.successResultOf(posting), CallbackResponse(204))

    def test_sameTurn(self) -> None:
        """
        Stanzas of one turn of the reactor are posted together, in their order, each
        answered
        by its own line.
        """
        posting = self.post("a", "b", "c")
        self.turn()
        (batch,) = self.poster.batches
        self.assertEqual(batch.stanzas, ["a", "b", "c"])
        reply = {"body": "hi"}
        batch.answer({"status": 204}, {"status": 404}, {"reply": reply})
        first, second, third = map(self.successResultOf, posting)
        self.assertEqual(
            [first, second], [CallbackResponse(204), CallbackResponse(404)]
        )
        self.assertEqual(json.loads(third.body), reply)

    def test_meanwhile(self) -> None:
        """
        Stanzas that come while a request is under way are posted together with the
        next.
        """
        self.post("a")
        self.turn()
        for id in ("b", "c", "d", "e"):
            self.post(id)
            self.turn()
        self.assertEqual(self.poster.posted, [["a"]])
        self.poster.batches[0].answer()
        self.assertEqual(self.poster.posted, [["a"], ["b", "c", "d"]])
        self.poster.batches[1].said.errback(OUT)
        self.assertEqual(self.poster.posted[2:], [["e"]])

    def test_connections(self) -> None:
        """
        As many requests are under way as may be, and no more.
        """
        self.make(most=2, connections=2)
        self.post(*"abcdefg")
        self.turn()
        self.assertEqual(self.poster.posted, [["a", "b"], ["c", "d"]])
        self.poster.batches[1].answer()
        self.poster.batches[0].answer()
        self.assertEqual(self.poster.posted[2:], [["e", "f"], ["g"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_free(self) -> None:
        """
        A request that ends while others are about to go leaves them their turn.
        """
        self.make(connections=2)
        self.post("a")
        self.turn()
        self.post("b")
        self.poster.batches[0].answer()
        self.post("c")
        self.assertEqual(self.poster.posted, [["a"]])
        self.turn()
        self.assertEqual(self.poster.posted, [["a"], ["b", "c"]])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_conversations(self) -> None:
        """
        A batch has no two stanzas of one conversation, whatever their kinds.
        """
        same = "ann@example.com/"
        self.post(message("1", f"{same}a"), message("2", f"{same}b"), "c", "d", "e")
        self.turn()
        self.assertEqual(self.poster.posted, [["1", "c", "d"]])
        self.poster.batches[0].answer()
        self.assertEqual(self.poster.posted[1:], [["2", "e"]])
        self.make()
        iq = "<iq type='get' to='x' id='{}' from='ann@x/{}'><q xmlns='q'/></iq>"
        self.post(*(stanza(iq.format(*pair)) for pair in ("1a", "2b", "3a")))
        self.turn()
        self.assertEqual(self.poster.posted, [["1"]])

    def test_urls(self) -> None:
        """
        Only those for the same URL go together, one URL after the other.
        """
        presence = [
            stanza(f"<presence from='{id}@x' to='{BOT}' id='{id}'/>") for id in "stuv"
        ]
        self.post("a", presence[0], "b", presence[1], "c", "d", *presence[2:])
        self.turn()
        for batch in self.poster.batches:
            batch.answer()
        expected = [["a", "b", "c"], ["s", "t", "u"], ["d"], ["v"]]
        self.assertEqual(self.poster.posted, expected)
        urls = [batch.url for batch in self.poster.batches]
        self.assertEqual(urls, [b"http://x/message", b"http://x/presence"] * 2)

    def test_size(self) -> None:
        """
        A batch is no longer than it may be; one stanza that is longer goes alone.
        """
        self.make(most=10, limit=700)
        long = [message(id, body="x" * 400) for id in ("s", "t")]
        self.post("a", long[0], long[1], message("u", body="x" * 1000), "b", "c")
        self.turn()
        for _ in range(4):
            self.poster.batches[-1].answer()
        expected = [["a", "s"], ["t"], ["u"], ["b", "c"]]
        self.assertEqual(self.poster.posted, expected)
        sizes = [len(batch.text) for batch in self.poster.batches]
        self.assertTrue(all(size <= 700 for size in sizes[:2]), sizes)

    def test_ids(self) -> None:
        """
        Each request has an id of its own; what is posted again has the same line.
        """
        texts = []
        for _ in range(2):
            self.post("a", "b")
            self.turn()
            self.poster.batches[-1].said.errback(OUT)
            texts.append(self.poster.batches[-1].text)
        first, second = (batch.id for batch in self.poster.batches)
        self.assertNotEqual(first, second)
        self.assertRegex(first, "^batch_[A-Za-z0-9_-]{16}$")
        self.assertEqual(*texts)


class AnswerTests(GatheringTestCase):
    """
    Tests of what becomes of those in a batch.
    """

    def faults(self, posting: Sequence[Deferred[CallbackResponse]]) -> list[str]:
        """Why they have no answers."""
        return [
            str(self.failureResultOf(each, DeliveryError).value) for each in posting
        ]

    def test_missing(self) -> None:
        """
        One without a line has no answer; the others have.
        """
        posting = self.post("a", "b", "c")
        self.turn()
        self.poster.batches[0].answer({"status": 200}, {"status": "x"})
        self.assertEqual(self.successResultOf(posting[0]), CallbackResponse(200))
        bad, missing = self.faults(posting[1:])
        self.assertIn("no status from 200", bad)
        self.assertIn("no line for it", missing)

    def test_strays(self) -> None:
        """
        A line of nobody's touches nobody, and the log tells of it, without its words.
        """
        posting = self.post("a")
        self.turn()
        batch = self.poster.batches[0]
        with capturedLogs() as logs:
            batch.write(
                {"id": "secret", "status": 404},
                {"id": "msg_a", "status": 204},
            )
        self.assertEqual(self.successResultOf(posting[0]), CallbackResponse(204))
        (line,) = said(logs)
        self.assertIn(f"response to the batch {batch.id} has lines that were", line)
        self.assertIn("ignored (1): each line needs the id", line)
        self.assertNotIn("secret", repr(logs))

    def test_whole(self) -> None:
        """A failure of the request concerns every stanza in it."""
        for answer, expected in (
            (
                CallbackResponse(500),
                "it answered a batch with 500 Internal Server Error",
            ),
            (
                CallbackResponse(204),
                f"it answered a batch with 204, and not with {NDJSON}",
            ),
            (CallbackResponse(200, "text/html"), f"with 200, and not with {NDJSON}"),
        ):
            self.make()
            posting = self.post("a", "b")
            self.turn()
            self.poster.batches[0].said.callback(answer)
            for fault in self.faults(posting):
                self.assertIn(expected, fault)
        posting = self.post("a", "b")
        self.turn()
        self.poster.batches[-1].said.errback(OUT)
        self.assertEqual(self.faults(posting), ["it is out"] * 2)

    def test_postponed(self) -> None:
        """
        A callback that asks to come again later asks that for each of them.
        """
        posting = self.post("a", "b")
        self.turn()
        later = CallbackResponse(503, retryAfter="60")
        self.poster.batches[0].said.callback(later)
        self.assertEqual([*map(self.successResultOf, posting)], [later, later])

    def test_broken(self) -> None:
        """
        A fault of the gateway's is that of each, and the next go all the same.
        """
        posting = self.post("a", "b")
        self.turn()
        self.poster.batches[0].said.errback(ValueError("x"))
        for each in posting:
            self.failureResultOf(each, ValueError)
        self.post("c")
        self.turn()
        self.assertEqual(self.poster.posted[1:], [["c"]])

    def test_apart(self) -> None:
        """
        The stanzas of a batch that the callback has refused are posted alone the next
        time,
        since one of them may be the cause. That one has its answer then.
        """
        self.make(connections=8)
        first = self.post("a", "b")
        self.turn()
        self.poster.batches[0].said.callback(CallbackResponse(500))
        self.faults(first)
        again = self.post("c", "a", "d", "b", "e")
        self.turn()
        self.assertEqual(self.poster.posted[1:], [["c", "d", "e"], ["a"], ["b"]])
        self.poster.batches[2].said.callback(CallbackResponse(500))
        self.assertEqual(self.successResultOf(again[1]), CallbackResponse(500))

    def test_overrun(self) -> None:
        """
        So do those of a batch that took too long, as long as they do.
        """
        self.make(connections=8)
        for _ in range(2):
            self.post("a", "b")
            self.turn()
            for batch in self.poster.batches:
                if not batch.said.called:
                    batch.said.errback(
                        ResponseLimitExceeded("it sent no answer within 15 s")
                    )
        self.post("a", "b", "c")
        self.turn()
        alone = [["a"], ["b"]]
        self.assertEqual(self.poster.posted, [["a", "b"], *alone, ["a"], ["b"], ["c"]])

    def test_together(self) -> None:
        """
        If it was not there, or not it that answered, they go together again.
        """
        for failure in (
            CallbackResponse(502),
            CallbackResponse(204),
            CallbackResponse(503, retryAfter="1"),
            OUT,
        ):
            self.make()
            self.post("a", "b")
            self.turn()
            if isinstance(failure, CallbackResponse):
                self.poster.batches[0].said.callback(failure)
            else:
                self.poster.batches[0].said.errback(failure)
            self.post("a", "b")
            self.turn()
            self.assertEqual(self.poster.posted, [["a", "b"]] * 2)

    def test_forgotten(self) -> None:
        """
        Only so many are remembered for that.
        """
        self.patch(batcher, "MAX_ISOLATED", 2)
        self.post("a", "b", "c")
        self.turn()
        self.poster.batches[0].said.callback(CallbackResponse(400))
        self.post("a", "b", "c")
        self.turn()
        self.assertEqual(self.poster.posted[1:], [["a"]])
        self.poster.batches[1].answer()
        self.assertEqual(self.poster.posted[2:], [["b"]])


class GivenUpTests(GatheringTestCase):
    """
    Tests of those that nobody waits for any more.
    """

    def cancel(self, posting: Deferred[CallbackResponse]) -> None:
        """Wait for one no more."""
        posting.cancel()
        self.failureResultOf(posting, CancelledError)

    def test_waiting(self) -> None:
        """
        One that waits for its turn is never posted.
        """
        posting = self.post("a", "b")
        self.cancel(posting[0])
        self.turn()
        self.assertEqual(self.poster.posted, [["b"]])
        (third,) = self.post("c")
        self.cancel(third)
        self.poster.batches[0].answer()
        self.assertEqual(self.poster.posted, [["b"]])

    def test_last(self) -> None:
        """
        If it was the last, nothing is left to be done.
        """
        for each in self.post("a", "b"):
            self.cancel(each)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.post("c")
        self.turn()
        self.assertEqual(self.poster.posted, [["c"]])

    def test_underWay(self) -> None:
        """
        A request is given up with the last of those that are in it; the others are
        answered.
        """
        first, second = self.post("a", "b")
        self.turn()
        self.cancel(first)
        self.assertEqual(self.poster.cancelled, [])
        self.poster.batches[0].answer()
        self.assertEqual(self.successResultOf(second), CallbackResponse(204))
        third, fourth = self.post("c", "d")
        self.turn()
        self.cancel(third)
        self.cancel(fourth)
        self.assertEqual(self.poster.cancelled, [self.poster.batches[1].id])
        self.post("e")
        self.turn()
        self.assertEqual(self.poster.posted[2:], [["e"]])

    def test_all(self) -> None:
        """
        If all are given up, whichever first, none is posted for a moment.
        """
        for order in (1, -1):
            self.make()
            posting = self.post("a", "b")
            self.turn()
            posting = [*posting, *self.post("c", "d")]
            for each in posting[::order]:
                self.cancel(each)
            self.assertEqual(self.poster.posted, [["a", "b"]])
            self.assertEqual(len(self.poster.cancelled), 1)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failing(self) -> None:
        """If a request fails after one stanza was cancelled, the others fail."""
        first, second = self.post("a", "b")
        self.turn()
        self.cancel(first)
        self.poster.batches[0].said.errback(OUT)
        self.failureResultOf(second, DeliveryError)


class World(KeepingWorld):
    """
    A L{KeepingWorld} whose callback gets batches of up to three, one at a time.
    """

    def __init__(self) -> None:
        super().__init__(connections=3)

    def door(self) -> WebhookBatcher:
        """A new one for each process."""
        self.poster = HeldPoster()
        return WebhookBatcher(
            self.poster, self.clock, most=3, connections=1, limit=10_000
        )

    @property
    def batch(self) -> HeldBatch:
        """The last."""
        return self.poster.batches[-1]

    def messages(self, *ids: str) -> None:
        """Messages come in, each of a conversation of its own."""
        for id in ids:
            self.message(id, f"{id[0]}@example.com/home")
        self.clock.advance(0)


class KeptTests(SynchronousTestCase):
    """
    Tests with an inbox that keeps what it delivers so.
    """

    def setUp(self) -> None:
        """Have both."""
        self.world = World()

    def test_delivered(self) -> None:
        """Answered stanzas are completed, and the reply to each is sent."""
        self.world.messages("a", "b", "c")
        self.assertEqual(self.world.batch.stanzas, ["a", "b", "c"])
        self.world.batch.answer(
            {"status": 204}, {"status": 404}, {"status": 200, "reply": {"body": "hi"}}
        )
        self.assertEqual(self.world.incoming(PENDING), [])
        self.assertEqual(len(self.world.incoming(DELIVERED)), 3)
        error, reply = self.world.replied.sent
        self.assertEqual((error["type"], error["to"]), ("error", "b@example.com/home"))
        self.assertEqual(str(reply.body), "hi")
        self.assertEqual(reply["to"], "c@example.com/home")
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_tries(self) -> None:
        """The attempt of each stanza is measured by its own result."""
        self.world.messages("a", "b", "c")
        self.world.batch.answer({"status": 204}, {"status": 404})
        tries = self.world.inbox.inboxes["default"].attemptLatencies
        counts = {result: tally.count for result, tally in tries.items()}
        found = {result: count for result, count in counts.items() if count}
        self.assertEqual(found, {"2xx": 1, "4xx": 1, "none": 1})

    def test_order(self) -> None:
        """
        The next of a conversation goes only after the one before it was answered, be
        it with others of other conversations.
        """
        self.world.messages("a1", "a2", "b1", "b2", "c1", "d1")
        self.assertEqual(self.world.poster.posted, [["a1", "b1", "c1"]])
        while self.world.incoming(PENDING):
            self.world.batch.answer()
            self.world.clock.advance(0)
        posted = self.world.poster.posted
        flat = [id for batch in posted for id in batch]
        self.assertEqual(sorted(flat), ["a1", "a2", "b1", "b2", "c1", "d1"])
        self.assertLess(flat.index("a1"), flat.index("a2"))
        self.assertLess(flat.index("b1"), flat.index("b2"))
        for batch in posted:
            self.assertEqual(len({id[0] for id in batch}), len(batch))

    def test_retried(self) -> None:
        """
        One without a line is tried again, by its own schedule and with the same id;
        the others are done with.
        """
        self.world.messages("a", "b", "c")
        id = self.world.batch.ids[1]
        lines = [{"id": each, "status": 204} for each in self.world.batch.ids]
        self.world.batch.write(lines[2], lines[0], {"id": "x", "status": 204})
        self.flushed()
        self.assertEqual(self.world.incoming(PENDING), ["b"])
        _, (attempt,) = self.world.record(id)
        self.assertIsNone(attempt.status)
        self.assertIn("no line for it", attempt.error or "")
        self.world.clock.advance(0.9)
        self.assertEqual(len(self.world.poster.batches), 1)
        self.world.clock.pump([0.1, 0])
        self.assertEqual(self.world.batch.ids, [id])
        self.world.batch.answer()
        self.assertEqual(self.world.incoming(PENDING), [])

    def flushed(self) -> None:
        """Nothing more comes of the answer."""
        self.world.clock.advance(0)

    def test_whole(self) -> None:
        """
        If the request fails, each is tried again, by its own schedule.
        """
        self.world.messages("a", "b")
        ids = self.world.batch.ids
        self.world.batch.said.errback(OUT)
        self.assertEqual(self.world.incoming(PENDING), ["a", "b"])
        self.world.messages("c")
        self.world.clock.advance(1)
        self.world.batch.answer()
        self.assertEqual(self.world.poster.posted, [["a", "b"], ["c"], ["a", "b"]])
        self.assertEqual(self.world.batch.ids, ids)
        self.assertEqual(len({batch.id for batch in self.world.poster.batches}), 3)

    def test_retryAfter(self) -> None:
        """
        One line's C{retry_after} holds up its conversation alone.
        """
        self.world.messages("a1", "b1")
        self.world.messages("a2", "b2")
        self.world.batch.answer()
        self.flushed()
        self.world.batch.answer({"status": 503, "retry_after": 60}, {"status": 204})
        self.flushed()
        self.assertEqual(self.world.incoming(PENDING), ["a2"])
        self.world.messages("a3", "b3")
        self.assertEqual(self.world.batch.stanzas, ["b3"])
        self.world.batch.answer()
        self.world.clock.pump([59, 0])
        self.assertEqual(self.world.batch.stanzas, ["b3"])
        self.world.clock.pump([10, 0])
        self.assertEqual(self.world.batch.stanzas, ["a2"])

    def test_dead(self) -> None:
        """
        One that never has a line is given up in the end, and the others never were
        held up by it.
        """
        self.world.messages("a")
        began = self.world.clock.seconds()
        while self.world.clock.seconds() < began + RETRY_WINDOW + 7200:
            self.world.messages("b")
            while not self.world.batch.said.called:
                pairs = zip(self.world.batch.ids, self.world.batch.stanzas, strict=True)
                ids = [id for id, stanza in pairs if stanza == "b"]
                self.world.batch.write(*({"id": id, "status": 204} for id in ids))
                self.world.clock.advance(0)
            self.assertEqual(set(self.world.incoming(PENDING)) - {"a"}, set())
            self.world.clock.advance(1800)
        self.assertEqual(self.world.incoming(DEAD), ["a"])
        self.assertEqual(self.world.incoming(PENDING), [])

    def test_gone(self) -> None:
        """
        A 410 to the whole pauses the callback; then one is tried each minute, alone.
        """
        self.world.messages("a", "b", "c")
        self.world.batch.said.callback(CallbackResponse(410))
        self.assertTrue(self.world.inbox.isPaused)
        self.world.messages("d")
        self.world.clock.pump([60, 0])
        self.assertEqual(len(self.world.batch.stanzas), 1)
        self.world.batch.answer()
        self.assertFalse(self.world.inbox.isPaused)

    def test_iq(self) -> None:
        """
        An iq goes with the others, and is answered by its line; without one, its
        sender is told.
        """
        iq = "<iq type='get' to='{}' id='{}' from='{}@x/y'><q xmlns='q'/></iq>"
        for id in ("1", "2"):
            self.world.inbox.receive(stanza(iq.format(BOT, id, id)))
        self.world.clock.advance(0)
        self.world.batch.answer({"status": 204})
        result, error = self.world.stream.sent
        self.assertEqual((result["type"], result["id"]), ("result", "1"))
        self.assertEqual((error["type"], error["id"]), ("error", "2"))
        self.assertIn("recipient-unavailable", error.toXml())

    def test_stop(self) -> None:
        """
        At the end what is under way is as if it had not been tried, and the next
        process has it again, with the same ids.
        """
        self.world.messages("a", "b")
        self.world.messages("c")
        batch = self.world.batch
        self.assertEqual(batch.stanzas, ["a", "b"])
        self.world.stop()
        self.assertEqual(self.world.poster.cancelled, [batch.id])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        self.assertEqual(self.world.incoming(PENDING), ["a", "b", "c"])
        self.world.begin()
        self.world.clock.advance(0)
        self.assertEqual(self.world.batch.stanzas, ["a", "b", "c"])
        self.assertEqual(self.world.batch.ids[:2], batch.ids)
