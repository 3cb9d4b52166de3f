"""Tests of L{xmpprest.outbox.capacity}: many messages, and room for them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.support.doubles import stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.records import Accepted, IdempotencyRecord, NewMessage, Submission
from xmpprest.outbox.capacity import HIGH_WATER
from xmpprest.store.memory import MemoryStore

from .test_outbox import OutboxTestCase, message


class SlowStore(MemoryStore):
    """
    A store that keeps many when the test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keeping: Deferred[Sequence[int | IdempotencyRecord | Refusal]] = Deferred()

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord | Refusal]]:
        """Wait."""
        return self.keeping


class ManyTests(OutboxTestCase):
    """
    Many are accepted at once.
    """

    def test_together(self) -> None:
        """Messages are kept, and written in their order."""
        self.connect()
        pairs = [Submission(message(number)) for number in range(3)]
        results = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(results, [Accepted(number) for number in (1, 2, 3)])
        self.assertEqual(self.outbox.waiting, 3)
        self.assertEqual(self.queued(), ["m0", "m1", "m2"])
        written = [stanza(xml)["id"] for xml in self.stream.written]
        self.assertEqual(written, ["m0", "m1", "m2"])
        # One barrier for them all.
        self.assertEqual(len(self.stream.crossings), 1)

    def test_mixed(self) -> None:
        """What is no message is written at once; what is too long leaves the others."""
        self.connect()
        presence = stanza("<presence to='a@b' from='c' id='p'/>")
        many = [message(1), presence, message("x" * 1000), message(2)]
        results = self.wait(self.outbox.acceptAll([Submission(each) for each in many]))
        first, second, third, fourth = results
        self.assertEqual(
            (first, second, fourth), (Accepted(1), Accepted(), Accepted(2))
        )
        self.assertEqual(third.problem.status, 413)  # type: ignore[union-attr]
        self.assertEqual(self.queued(), ["m1", "m2"])

    def test_again(self) -> None:
        """What has a key that there is already is not sent again."""
        old = IdempotencyRecord("k", b"f", b"old", 1.0)
        self.store.beginRequest(old)
        new = IdempotencyRecord("k", b"f", b"new", 2.0)
        pairs = [Submission(message(1), new), Submission(message(2))]
        results = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(results, [old, Accepted(1)])
        self.assertEqual((self.queued(), self.outbox.waiting), (["m2"], 1))

    def test_limit(self) -> None:
        """So many are kept as may wait; the others are refused."""
        self.outbox = self.begin(outboxLimit=2)
        pairs = [Submission(message(number)) for number in range(3)]
        *two, third = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(two, [Accepted(1), Accepted(2)])
        self.assertEqual(third.problem.status, 503)  # type: ignore[union-attr]

    def test_store(self) -> None:
        """Where the store takes none, none is accepted."""
        self.store.close()
        pairs = [Submission(message(number)) for number in range(2)]
        for result in self.wait(self.outbox.acceptAll(pairs)):
            self.assertEqual(result.problem.status, 503)  # type: ignore[union-attr]
        self.assertEqual(self.outbox.waiting, 0)

    def test_nobodyWaits(self) -> None:
        """Who leaves before they are kept does not keep them from being sent."""
        self.store = store = SlowStore()
        store.open()
        self.outbox = self.begin()
        self.connect()
        accepting = Deferred.fromCoroutine(
            self.outbox.acceptAll([Submission(message(1))])
        )
        accepting.addErrback(lambda _: None)
        accepting.cancel()
        store.keeping.callback([7])
        self.assertEqual(len(self.stream.written), 1)


class LimitTests(OutboxTestCase):
    """
    Messages are limited in bytes, and their senders have shares.
    """

    def post(self, number: int | str, token: str = "", sender: str = "") -> str:
        """Post a message; returns why it is refused, or nothing."""
        stanza = message(number)
        stanza["from"] = sender or stanza["from"]
        accepting = Deferred.fromCoroutine(
            self.outbox.enqueue(Submission(stanza, token=token))
        )
        failures: list[Failure] = []
        accepting.addErrback(failures.append)
        return failures[0].getErrorMessage() if failures else ""

    def fill(self, token: str, sender: str = "") -> int:
        """Post messages until one is refused; returns how many were accepted."""
        number = 0
        while not self.post(number, token, sender):
            number += 1
        return number

    def test_size(self) -> None:
        """Messages wait up to so many bytes, and again once others are confirmed."""
        self.post(1)
        size = self.outbox.waitingBytes
        self.assertEqual(size, len(self.stored()))
        self.outbox = self.begin(outboxSize=2 * size)
        self.assertEqual(self.outbox.waitingBytes, size)
        self.assertEqual(self.post(2), "")
        self.assertEqual(
            self.post(3),
            f"Messages of {2 * size} bytes wait for the XMPP server already, of at"
            f" most {2 * size} (outbox-size); try again.",
        )
        self.connect()
        self.cross()
        self.assertEqual(self.outbox.waitingBytes, 0)
        self.assertEqual(self.post(3), "")

    def stored(self) -> bytes:
        """The oldest message in the store."""
        (first, *_) = self.successResultOf(self.store.queuedMessages(0, 1))
        return first.stanza.encode()

    def test_token(self) -> None:
        """A token gets half of the outbox; another one, and credentials, still fit."""
        self.outbox = self.begin(outboxLimit=100)
        self.assertEqual(self.fill("ann", "ann@a.example"), 50)
        self.assertEqual(
            self.post(1, "ann", "ann@a.example"),
            "50 messages wait for the XMPP server already from the token 'ann', which"
            " would then occupy more than is still free of 100 (outbox-limit); try"
            " again.",
        )
        self.assertEqual(self.fill("bob", "bob@b.example"), 25)
        self.assertEqual(self.fill("", "ann@a.example"), 25)

    def test_sender(self) -> None:
        """Tokens that send from the same bare address share, whatever the resource."""
        self.outbox = self.begin(outboxLimit=100)
        self.assertEqual(self.fill("ann", "bot@a.example/1"), 50)
        self.assertIn(
            "from the sender 'bot@a.example'", self.post(1, "bob", "bot@a.example/2")
        )

    def test_domain(self) -> None:
        """All tokens together get half of the outbox, as one domain."""
        self.outbox = self.begin(outboxLimit=100)
        self.assertEqual(self.fill("ann", "ann@a.example"), 50)
        self.assertIn(
            "from the domain 'a.example'", self.post(1, "bob", "bob@a.example")
        )

    def test_restart(self) -> None:
        """The shares count the messages that an earlier process has left."""
        self.outbox = self.begin(outboxLimit=10)
        self.fill("ann")
        self.outbox = self.begin(outboxLimit=10)
        self.assertEqual(self.outbox.waiting, 5)
        self.assertIn("token 'ann'", self.post(1, "ann"))

    def test_notStored(self) -> None:
        """A message that is not stored does not count."""
        self.store.close()
        self.assertIn("cannot be stored", self.post(1, "ann"))
        self.assertEqual((self.outbox.waiting, self.outbox.waitingBytes), (0, 0))
        self.store.open()
        key = IdempotencyRecord("k", b"f", b"", 1.0)
        for _ in range(2):
            self.wait(self.outbox.enqueue(Submission(message(1), key)))
        self.assertEqual(self.outbox.waiting, 1)

    def test_countedLate(self) -> None:
        """
        A message that is being stored when the earlier ones are counted counts once.
        """
        self.post(1)
        self.outbox = self.begin(outboxLimit=2)
        storing: Deferred[int | IdempotencyRecord] = Deferred()
        self.patch(self.store, "addOutgoing", lambda message: storing)
        self.post(2)
        self.outbox._count()
        self.assertEqual(self.outbox.waiting, 2)
        storing.callback(2)
        self.assertEqual(self.outbox.waiting, 2)


class RoomTests(OutboxTestCase):
    """
    Who has many waits until those before are on their way.
    """

    def test_room(self) -> None:
        """There is room until so many wait, and again once fewer do."""
        self.connect()
        self.successResultOf(self.outbox.whenBelowHighWater())
        pairs = [Submission(message(number)) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        rooms = [self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()]
        for room in rooms:
            self.assertNoResult(room)
        self.cross()
        for room in rooms:
            self.successResultOf(room)
        self.successResultOf(self.outbox.whenBelowHighWater())

    def test_offline(self) -> None:
        """Nobody waits for a stream that there is not."""
        pairs = [Submission(message(number)) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        self.successResultOf(self.outbox.whenBelowHighWater())
        self.connect()
        room = self.outbox.whenBelowHighWater()
        self.assertNoResult(room)
        self.breakStream()
        self.successResultOf(room)

    def test_leaves(self) -> None:
        """Who does not want to wait any more is no harm to the others."""
        self.connect()
        pairs = [Submission(message(number)) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        gone, room = self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()
        gone.addErrback(lambda _: None)
        gone.cancel()
        self.cross()
        self.successResultOf(room)
