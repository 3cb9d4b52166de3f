"""Tests of L{xmpprest.outbox.capacity}: many messages, and room for them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.support.doubles import stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.records import IdempotencyRecord, NewMessage
from xmpprest.outbox.capacity import HIGH_WATER
from xmpprest.outbox.intake import GROUP
from xmpprest.store.memory import MemoryStore

from .test_outbox import OutboxTestCase, message


class SlowStore(MemoryStore):
    """
    A store that keeps messages when the test says so.

    @ivar calls: What each call was given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.storing: Deferred[Sequence[int | IdempotencyRecord | Refusal]] = Deferred()
        self.calls: list[Sequence[NewMessage]] = []

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord | Refusal]]:
        """Wait."""
        self.calls.append(messages)
        return self.storing


class GroupTests(OutboxTestCase):
    """
    The messages of one reactor turn are stored together.
    """

    def test_together(self) -> None:
        """Messages are stored, and written in their order, behind one barrier."""
        self.connect()
        self.assertEqual(self.acceptAll(*map(message, range(3))), [1, 2, 3])
        self.assertEqual(self.outbox.waiting, 3)
        self.assertEqual(self.queued(), ["m0", "m1", "m2"])
        written = [stanza(xml)["id"] for xml in self.stream.written]
        self.assertEqual(written, ["m0", "m1", "m2"])
        self.assertEqual(len(self.stream.crossings), 1)

    def test_oneCall(self) -> None:
        """The store is called once, at the end of the turn, or once it are many."""
        self.store = store = SlowStore()
        self.outbox = self.begin()
        for number in range(GROUP + 2):
            self.outbox.enqueue(message(number), lambda result: None)
        self.assertEqual([len(each) for each in store.calls], [GROUP])
        self.clock.advance(0)
        self.assertEqual([len(each) for each in store.calls], [GROUP, 2])
        self.clock.advance(1)
        self.assertEqual(len(store.calls), 2)

    def test_mixed(self) -> None:
        """A message that is too long leaves the others alone."""
        self.connect()
        first, second, third = self.acceptAll(
            message(1), message("x" * 1000), message(2)
        )
        self.assertEqual((first, third), (1, 2))
        assert isinstance(second, Refusal)
        self.assertEqual(second.problem.status, 413)
        self.assertEqual(self.queued(), ["m1", "m2"])

    def test_again(self) -> None:
        """A message whose idempotency key is known already is not sent again."""
        old = IdempotencyRecord("k", b"f", b"old", 1.0)
        self.store.beginRequest(old)
        new = IdempotencyRecord("k", b"f", b"new", 2.0)
        results: list[object] = []
        self.outbox.enqueue(message(1), results.append, idempotency=new)
        self.outbox.enqueue(message(2), results.append)
        self.clock.advance(0)
        self.assertEqual(results, [old, 1])
        self.assertEqual((self.queued(), self.outbox.waiting), (["m2"], 1))

    def test_limit(self) -> None:
        """Messages beyond the limit are refused, also within one turn."""
        self.outbox = self.begin(outboxLimit=2)
        *two, third = self.acceptAll(*map(message, range(3)))
        self.assertEqual(two, [1, 2])
        assert isinstance(third, Refusal)
        self.assertEqual(third.problem.status, 503)

    def test_store(self) -> None:
        """Where the store takes none, none is accepted."""
        self.store.close()
        for result in self.acceptAll(message(1), message(2)):
            assert isinstance(result, Refusal)
            self.assertEqual(result.problem.status, 503)
        self.assertEqual(self.outbox.waiting, 0)

    def test_storeCrashed(self) -> None:
        """An unexpected error of the store reaches each who waits, and counts none."""
        self.store = store = SlowStore()
        self.outbox = self.begin()
        results: list[object] = []
        for number in range(2):
            self.outbox.enqueue(message(number), results.append)
        self.clock.advance(0)
        crash = ValueError("what?")
        store.storing.errback(Failure(crash))
        self.assertEqual(results, [crash, crash])
        self.assertEqual(self.outbox.waiting, 0)

    def test_streamCrashed(self) -> None:
        """An unexpected error on the way to the stream is logged; callers are told."""
        self.connect()
        self.patch(self.stream, "writeAll", lambda messages: 1 / 0)
        self.assertEqual(self.acceptAll(message(1)), [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_callerLeaves(self) -> None:
        """A message is sent also if its caller has stopped waiting."""
        self.store = store = SlowStore()
        store.open()
        self.outbox = self.begin()
        self.connect()
        accepting = Deferred.fromCoroutine(self.outbox.accept(message(1)))
        accepting.addErrback(lambda _: None)
        accepting.cancel()
        self.clock.advance(0)
        store.storing.callback([7])
        self.assertEqual(len(self.stream.written), 1)

    def test_stopped(self) -> None:
        """A message that was accepted is stored before the outbox stops."""
        results: list[object] = []
        self.outbox.enqueue(message(1), results.append)
        self.outbox.stopService()
        self.store.close()
        self.assertEqual(results, [1])


class LimitTests(OutboxTestCase):
    """
    Messages are limited in bytes, and their senders have shares.
    """

    def post(self, number: int | str, token: str = "", sender: str = "") -> str:
        """Post a message; returns why it is refused, or nothing."""
        stanza = message(number)
        stanza["from"] = sender or stanza["from"]
        (result,) = self.acceptAll(stanza, token=token)
        return str(result) if isinstance(result, Exception) else ""

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
            " again, or raise outbox-limit.",
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
            self.acceptAll(message(1), idempotency=key)
        self.assertEqual(self.outbox.waiting, 1)

    def test_countedLate(self) -> None:
        """
        A message that is being stored when the earlier ones are counted counts once.
        """
        self.post(1)
        self.outbox = self.begin(outboxLimit=2)
        storing: Deferred[Sequence[int | IdempotencyRecord]] = Deferred()
        self.patch(self.store, "addAllOutgoing", lambda messages: storing)
        self.outbox.enqueue(message(2), lambda result: None)
        self.clock.advance(0)
        self.outbox._count()
        self.assertEqual(self.outbox.waiting, 2)
        storing.callback([2])
        self.assertEqual(self.outbox.waiting, 2)


class RoomTests(OutboxTestCase):
    """
    A client with many messages waits until earlier ones are on their way.
    """

    def test_room(self) -> None:
        """Below the mark nobody waits, and above it everybody does."""
        self.connect()
        self.successResultOf(self.outbox.whenBelowHighWater())
        self.acceptAll(*map(message, range(HIGH_WATER)))
        rooms = [self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()]
        for room in rooms:
            self.assertNoResult(room)
        self.cross()
        for room in rooms:
            self.successResultOf(room)
        self.successResultOf(self.outbox.whenBelowHighWater())

    def test_offline(self) -> None:
        """Without a stream no caller waits."""
        self.acceptAll(*map(message, range(HIGH_WATER)))
        self.successResultOf(self.outbox.whenBelowHighWater())
        self.connect()
        room = self.outbox.whenBelowHighWater()
        self.assertNoResult(room)
        self.breakStream()
        self.successResultOf(room)

    def test_leaves(self) -> None:
        """A waiter that leaves does not affect the others."""
        self.connect()
        self.acceptAll(*map(message, range(HIGH_WATER)))
        gone, room = self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()
        gone.addErrback(lambda _: None)
        gone.cancel()
        self.cross()
        self.successResultOf(room)
