"""Requirements on every store; a test module for each store runs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count, cycle, islice, product
from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.support.stores import addOutgoing
from xmpprest.core.bots.avatar import Avatar
from xmpprest.core.bots.contact import Contact, ContactRecord
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.bots.subscription import Half, Subscription
from xmpprest.core.errors import Refusal
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    DROPPED,
    PENDING,
    QUEUED,
    SENT,
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
    PendingPlace,
    PendingSize,
    QueueDepth,
    StoreUnavailable,
)
from xmpprest.core.rooms.values import RoomRecord, SeenMessage
from xmpprest.store.interface import Store

from ..core.bots.images import png

MESSAGE = "<message to='user@example.org'><body>Grüße 🙂</body></message>"
TO = "user@example.org"
THEM = "them@example.org us.example.com"


async def newest(store: Store, id: str) -> OutboxRecord | None:
    """Return the newest message with a stanza id; C{None} if there is none."""
    return next(iter(await store.outgoingByID(id)), None)


async def outboxDepth(store: Store) -> QueueDepth:
    """Return the number of queued messages, and when the oldest was accepted."""
    queued = await store.listQueued(0, 1_000_000)
    return QueueDepth(len(queued), queued[0].acceptedAt if queued else None)


class StoreTestCase(TestCase):
    """
    A test that has a store.
    """

    #: The maximum number of idempotency keys.
    keyLimit = 1000

    def makeStore(self) -> Store:
        """The store to be asked; not open."""
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        self.store = self.makeStore()
        await self.store.open()
        self.addCleanup(self.close)

    def close(self) -> Deferred[None]:
        """Close the one there is in the end."""
        return self.store.close()

    async def accept(self, id: str = "a", at: float = 1.0, token: str = "") -> int:
        """Keep a message."""
        message = NewMessage(id, TO, MESSAGE, at, token=token)
        number = await addOutgoing(self.store, message)
        assert isinstance(number, int)
        return number

    async def change(
        self, number: int, state: str, at: float, error: str | None = None
    ) -> None:
        """Let a message come into another state, without a wait for it alone."""
        changed = self.store.updateStates([number], state, at, error)
        await self.store.check()
        await changed

    async def receive(
        self, webhookID: str = "msg_1", at: float = 1.0, conversation: str = THEM
    ) -> int:
        """Keep a stanza."""
        return await self.store.addIncoming(webhookID, conversation, MESSAGE, at)

    async def pending(self, after: int = 0, limit: int = 10) -> Sequence[InboxRecord]:
        """Return the pending stanzas of the conversation."""
        return await self.store.pending(THEM, after, limit)

    async def attempt(
        self, number: int, state: str, at: float, dueAt: float = 0.0
    ) -> None:
        """Record a try."""
        await self.store.recordAttempt(
            number, DeliveryAttempt(at, 500, "no"), state, dueAt
        )

    async def found(self, webhookID: str) -> InboxRecord:
        """A stanza that is there."""
        found = await self.store.incomingByID(webhookID)
        assert found is not None
        return found[0]


class BotSuite(StoreTestCase):
    """
    Bots and their contacts.
    """

    BOT = Bot(
        "weather@gw.example",
        Profile("Wetter", "chat", "ü", -5, "ask", ("urn:a",), Avatar.of(png())),
    )

    def contact(
        self, jid: str, bot: str = "weather@gw.example", **fields: Any
    ) -> ContactRecord:
        """Return a contact that is to be stored."""
        fields = {"subscription": Subscription(Half.NONE, Half.ACTIVE), **fields}
        return ContactRecord(bot, Contact(jid, **fields))

    async def test_bots(self) -> None:
        """
        Bots are read as they were stored last, in the order of their addresses.
        """
        plain = Bot("a@gw.example", Profile())
        await self.store.saveBot(self.BOT)
        await self.store.saveBot(Bot("a@gw.example", Profile("old")))
        await self.store.saveBot(plain)
        self.assertEqual(await self.store.bots(), [plain, self.BOT])

    async def test_contacts(self) -> None:
        """
        Contacts are read as they were stored last, page by page, in the order of the
        addresses of bot and contact.
        """
        first = self.contact("z@x", "a@gw.example", isApproved=True, name="Zoë")
        states = [
            self.contact(f"{number}@x", subscription=Subscription(*halves))
            for number, halves in enumerate(product(Half, repeat=2))
            if halves != (Half.NONE, Half.NONE)
        ]
        await self.store.saveContacts(
            [*reversed(states), self.contact("z@x", "a@gw.example")]
        )
        await self.store.saveContacts([first])
        self.assertEqual(await self.store.contacts("", "", 100), [first, *states])
        page = await self.store.contacts("", "", 2)
        self.assertEqual(page, [first, states[0]])
        last = page[-1]
        self.assertEqual(
            await self.store.contacts(last.bot, last.contact.jid, 3), states[1:4]
        )

    async def test_deleteContacts(self) -> None:
        """
        A contact of which nothing is to be stored is deleted; of one that occurs twice
        in a call the last state counts.
        """
        kept, gone = self.contact("a@x"), self.contact("b@x")
        nothing = self.contact("b@x", subscription=Subscription())
        await self.store.saveContacts([kept, gone])
        await self.store.saveContacts([gone, nothing])
        self.assertEqual(await self.store.contacts("", "", 10), [kept])
        await self.store.saveContacts([nothing, gone])
        self.assertEqual(await self.store.contacts("", "", 10), [kept, gone])
        await self.store.saveContacts([])

    async def test_deleteBot(self) -> None:
        """
        A bot is deleted with its contacts, and no other.
        """
        other = self.contact("a@x", "a@gw.example")
        await self.store.saveBot(self.BOT)
        await self.store.saveContacts([self.contact("a@x"), other])
        await self.store.deleteBot(self.BOT.jid)
        await self.store.deleteBot("unknown@gw.example")
        self.assertEqual(await self.store.bots(), [])
        self.assertEqual(await self.store.contacts("", "", 10), [other])


class OutboxSuite(StoreTestCase):
    """
    Messages on their way out.
    """

    async def test_accept(self) -> None:
        """An accepted message is stored as it was given."""
        number = await self.accept("a", at=1.5)
        expected = OutboxRecord(number, "a", TO, MESSAGE, QUEUED, 1.5, 1.5)
        self.assertEqual(await self.store.queuedMessages(0, 10), [expected])
        self.assertEqual(await newest(self.store, "a"), replace(expected, stanza=""))

    async def test_acceptAll(self) -> None:
        """
        Several are accepted at once: each as if it were alone.
        """
        first = await self.accept("a")
        old = IdempotencyRecord("k", b"f", b"old", 1.0)
        await self.store.beginRequest(old)
        new = IdempotencyRecord("l", b"f", b"new", 2.0)
        found = await self.store.addAllOutgoing(
            [
                NewMessage("b", TO, MESSAGE, 2.0, sender="me@x"),
                NewMessage(
                    "c", TO, MESSAGE, 2.0, IdempotencyRecord("k", b"f", b"new", 2.0)
                ),
                NewMessage("d", TO, MESSAGE, 2.0, new),
                NewMessage(
                    "e", TO, MESSAGE, 2.0, IdempotencyRecord("l", b"g", b"newer", 2.0)
                ),
            ]
        )
        queued = await self.store.queuedMessages(first, 10)
        self.assertEqual([each.id for each in queued], ["b", "d"])
        self.assertEqual([each.sender for each in queued], ["me@x", ""])
        numbers = [each.number for each in queued]
        self.assertEqual(found, [numbers[0], old, numbers[1], new])
        self.assertEqual(
            await self.store.beginRequest(IdempotencyRecord("l", b"", b"", 3.0)), new
        )
        self.assertEqual(await self.store.addAllOutgoing([]), [])

    async def test_sender(self) -> None:
        """
        The sender of a message is stored if it is given, and stays after its
        completion.
        """
        number = await addOutgoing(
            self.store, NewMessage("a", TO, MESSAGE, 1.0, sender="me@x")
        )
        assert isinstance(number, int)
        await self.change(number, CONFIRMED, 2.0)
        found = await newest(self.store, "a")
        assert found is not None
        self.assertEqual((found.sender, found.state), ("me@x", CONFIRMED))

    async def test_order(self) -> None:
        """
        Calls take effect in the order they are made, though nobody waits between.
        """
        numbers = await gatherResults(
            [
                addOutgoing(self.store, NewMessage(f"{each}", TO, MESSAGE, 1.0))
                for each in range(50)
            ]
        )
        self.assertEqual(numbers, sorted(set(numbers)))
        kept = await self.store.queuedMessages(0, 100)
        self.assertEqual([each.id for each in kept], [f"{each}" for each in range(50)])
        self.assertEqual([each.number for each in kept], numbers)

    async def test_readAfterWrite(self) -> None:
        """
        A question sees what was asked to be kept before it.
        """
        accepted = addOutgoing(self.store, NewMessage("a", TO, MESSAGE, 1.0))
        asked = self.store.outgoingByID("a")
        changed = self.store.updateStates([1], CONFIRMED, 2.0)
        askedAgain = self.store.queuedMessages(0, 10)
        self.assertEqual(await askedAgain, [])
        self.assertTrue(accepted.called and changed.called)
        self.assertEqual([each.id for each in await asked], ["a"])

    async def test_pages(self) -> None:
        """Queued messages are read in pages, from after a number."""
        numbers = [await self.accept(each) for each in "abcde"]
        await self.change(numbers[1], SENT, 2.0)
        await self.change(numbers[2], CONFIRMED, 2.0)
        first = await self.store.queuedMessages(0, 2)
        self.assertEqual([each.id for each in first], ["a", "d"])
        second = await self.store.queuedMessages(first[-1].number, 10)
        self.assertEqual([each.id for each in second], ["e"])
        self.assertEqual(await self.store.queuedMessages(second[-1].number, 10), [])

    async def test_done(self) -> None:
        """
        A message that is no longer queued has no stanza any more, and has the error
        that came back.
        """
        for state, error in (
            (SENT, None),
            (CONFIRMED, None),
            (BOUNCED, "<error type='cancel'/>"),
        ):
            number = await self.accept(state)
            await self.change(number, state, 2.0, error)
            message = await newest(self.store, state)
            expected = OutboxRecord(number, state, TO, "", state, 1.0, 2.0, error)
            self.assertEqual(message, expected)
        self.assertEqual(await self.store.queuedMessages(0, 10), [])

    async def test_changes(self) -> None:
        """
        A queued message may change to any state, a sent or confirmed one may bounce,
        and
        other changes are ignored.
        """
        for before in (SENT, CONFIRMED, BOUNCED):
            for after in (SENT, CONFIRMED, BOUNCED):
                number = await self.accept(id := f"{before} {after}")
                await self.change(number, before, 2.0, "1")
                await self.change(number, after, 3.0, "2")
                found = await newest(self.store, id)
                expected = (before, 2.0, "1")
                if before != BOUNCED and after == BOUNCED:
                    expected = (BOUNCED, 3.0, "2")
                assert found is not None
                self.assertEqual((found.state, found.changedAt, found.error), expected)
        await self.change(number + 7, BOUNCED, 3.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(0, None))

    async def test_manyChanges(self) -> None:
        """
        Changes take effect in the order of the calls, each for all of its messages.
        """
        numbers = [await self.accept(f"{each}") for each in range(6)]
        update = self.store.updateStates
        changed = [
            update([*numbers[:4], numbers[3] + 1000], CONFIRMED, 2.0),
            update([numbers[1]], BOUNCED, 3.0, "<error/>"),
            update([numbers[1]], SENT, 4.0),
            update(numbers[4:5], CONFIRMED, 5.0),
            update([], CONFIRMED, 6.0),
        ]
        await self.store.check()
        await gatherResults(changed)
        (left,) = await self.store.queuedMessages(0, 10)
        self.assertEqual(left.number, numbers[5])
        self.assertEqual(await outboxDepth(self.store), QueueDepth(1, 1.0))
        states = []
        for each in range(5):
            found = await newest(self.store, f"{each}")
            states.append(found and (found.state, found.changedAt))
        once = (CONFIRMED, 2.0)
        expected = [once, (BOUNCED, 3.0), once, once, (CONFIRMED, 5.0)]
        self.assertEqual(states, expected)

    async def test_sameID(self) -> None:
        """
        Messages with the same id are found by it, the newest first, by the page and
        without their stanzas.
        """
        numbers = [await self.accept("a", at=float(each)) for each in (1, 2, 3)]
        await self.accept("b")
        found = await self.store.outgoingByID("a")
        self.assertEqual([each.number for each in found], numbers[::-1])
        self.assertEqual({each.stanza for each in found}, {""})
        page = await self.store.outgoingByID("a", numbers[2], 1)
        self.assertEqual([each.number for each in page], [numbers[1]])
        self.assertEqual(await self.store.outgoingByID("a", numbers[0]), [])
        self.assertEqual(await self.store.outgoingByID("c"), [])

    async def test_ofHook(self) -> None:
        """
        The messages of a hook are found by it, the newest first, queued or not; those
        of tokens are not.
        """
        numbers = [await self.accept(f"{each}", token="hooks/a") for each in range(3)]
        await self.accept("b", token="hooks/ab")
        await self.accept("c", token="a")
        await self.store.updateStates([numbers[1]], CONFIRMED, 2.0)
        await self.store.check()
        found = await self.store.outgoingByToken("hooks/a", 2)
        self.assertEqual(
            [(each.number, each.state, each.stanza) for each in found],
            [(numbers[2], QUEUED, ""), (numbers[1], CONFIRMED, "")],
        )
        self.assertEqual(len(await self.store.outgoingByToken("hooks/a", 9)), 3)
        self.assertEqual(await self.store.outgoingByToken("a", 9), [])

    async def test_key(self) -> None:
        """
        A message is found by its key, queued and afterwards.
        """
        message = NewMessage("a", TO, MESSAGE, 1.0, key="k", token="t", size=70)
        number = await addOutgoing(self.store, message)
        assert isinstance(number, int)
        expected = OutboxRecord(
            *(number, "a", TO, MESSAGE, QUEUED, 1.0, 1.0),
            key="k",
            token="t",
            size=70,
        )
        self.assertEqual(await self.store.outgoingByKey("k"), expected)
        await self.change(number, DROPPED, 2.0)
        expected = replace(expected, stanza="", state=DROPPED, changedAt=2.0)
        self.assertEqual(await self.store.outgoingByKey("k"), expected)
        for key in ("", "a", "K"):
            self.assertIsNone(await self.store.outgoingByKey(key))
        await self.store.purge(done=3.0, dead=0.0, answered=0.0)
        self.assertIsNone(await self.store.outgoingByKey("k"))

    async def test_listQueued(self) -> None:
        """
        Queued messages are listed in their order, by the page and without stanzas.
        """
        numbers = [await self.accept(each) for each in "abcd"]
        await self.change(numbers[1], CONFIRMED, 2.0)
        found = await self.store.listQueued(0, 2)
        self.assertEqual([each.id for each in found], ["a", "c"])
        self.assertEqual({each.stanza for each in found}, {""})
        found = await self.store.listQueued(numbers[2], 10)
        self.assertEqual([each.id for each in found], ["d"])

    async def test_recordLimit(self) -> None:
        """
        Beyond the limit the oldest records of sent and delivered stanzas are deleted;
        waiting stanzas, dead letters and idempotency keys stay.
        """
        known = IdempotencyRecord("k", b"f", b"a", 0.5)
        await self.store.beginRequest(known)
        for number, id in enumerate("abc"):
            accepted = await self.accept(id)
            await self.change(accepted, CONFIRMED, 10.0 + 2 * number)
            received = await self.receive(f"msg_{id}")
            await self.attempt(received, DELIVERED, 11.0 + 2 * number)
        await self.accept("queued")
        await self.receive("msg_pending")
        await self.attempt(await self.receive("msg_dead"), DEAD, 9.0)
        # The idempotency key is one of four.
        await self.store.purge(0.0, 0.0, 0.0, records=4)
        sent = [each for each in "abc" if await newest(self.store, each)]
        delivered = await self.store.listIncoming(DELIVERED, None, 10)
        self.assertEqual(sent, ["c"])
        self.assertEqual([each.webhookID for each in delivered], ["msg_c", "msg_b"])
        await self.store.purge(0.0, 0.0, 0.0, records=0)
        self.assertEqual(await self.store.listIncoming(DELIVERED, None, 10), [])
        self.assertIsNone(await newest(self.store, "c"))
        self.assertEqual((await outboxDepth(self.store)).count, 1)
        for state in (PENDING, DEAD):
            self.assertEqual((await self.store.incomingDepth(state)).count, 1)
        self.assertEqual(await self.store.beginRequest(known), known)

    async def test_usage(self) -> None:
        """
        Queued messages are counted, and their bytes, by sender and token.
        """
        self.assertEqual(await self.store.outgoingUsage(), [])
        for sender, token, size in (
            ("a@x", "t", 10),
            ("a@x", "t", 5),
            ("a@x", "", 3),
            ("b@x", "t", 1),
        ):
            number = await addOutgoing(
                self.store,
                NewMessage("i", TO, MESSAGE, 1.0, None, sender, "", token, size),
            )
        assert isinstance(number, int)
        await self.change(number, CONFIRMED, 2.0)
        found = await self.store.outgoingUsage()
        expected = {OutboxUsage("a@x", "t", 2, 15), OutboxUsage("a@x", "", 1, 3)}
        self.assertEqual((len(found), {*found}), (2, expected))

    async def test_depth(self) -> None:
        """Queued messages are counted, with the time of the first one."""
        self.assertEqual(await outboxDepth(self.store), QueueDepth(0, None))
        one, two = await self.accept("a", at=1.0), await self.accept("b", at=2.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(2, 1.0))
        await self.change(one, SENT, 3.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(1, 2.0))
        await self.change(one, BOUNCED, 4.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(1, 2.0))
        await self.change(two, CONFIRMED, 4.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(0, None))
        await self.store.purge(9.0, 0.0, 0.0)
        await self.accept("c", at=3.0)
        self.assertEqual(await outboxDepth(self.store), QueueDepth(1, 3.0))


class InboxSuite(StoreTestCase):
    """
    Stanzas on their way to the callback.
    """

    async def test_receive(self) -> None:
        """A received stanza is stored as it was given, and due at once."""
        number = await self.receive("msg_1", at=1.5)
        expected = InboxRecord(
            number,
            "msg_1",
            THEM,
            MESSAGE,
            PENDING,
            1.5,
            attempts=0,
            dueAt=1.5,
            position=number,
        )
        self.assertEqual(await self.pending(), [expected])
        self.assertEqual(await self.store.incomingByID("msg_1"), (expected, []))
        self.assertIsNone(await self.store.incomingByID("msg_2"))

    async def test_pages(self) -> None:
        """Pending stanzas are read in pages, from after a number."""
        numbers = [await self.receive(f"msg_{each}") for each in range(5)]
        await self.attempt(numbers[2], DELIVERED, 2.0)
        first = await self.pending(0, 2)
        self.assertEqual([each.number for each in first], numbers[:2])
        second = await self.pending(numbers[1], 10)
        self.assertEqual([each.number for each in second], numbers[3:])

    async def test_conversations(self) -> None:
        """
        Each conversation that has something to be delivered is given once, in an
        order, from after one, and so many as are wanted.
        """
        numbers = {
            (conversation, each): await self.receive(
                f"{conversation} {each}", conversation=conversation
            )
            for each in range(3)
            for conversation in ("d", "a", "e", "ä", "b", "c")
        }
        for each in range(3):
            await self.attempt(numbers["b", each], DELIVERED, 2.0)
            await self.attempt(numbers["c", each], DEAD, 2.0)
        await self.attempt(numbers["d", 0], DELIVERED, 2.0)
        await self.attempt(numbers["d", 1], PENDING, 2.0)
        conversations = self.store.conversations
        self.assertEqual(await conversations("", 10), ["a", "d", "e", "ä"])
        self.assertEqual(await conversations("", 2), ["a", "d"])
        self.assertEqual(await conversations("a", 2), ["d", "e"])
        self.assertEqual(await conversations("b", 10), ["d", "e", "ä"])
        self.assertEqual(await conversations("ä", 10), [])
        pending = await self.store.pending("d", 0, 10)
        expected = [numbers["d", 1], numbers["d", 2]]
        self.assertEqual([each.number for each in pending], expected)
        self.assertEqual(await self.store.pending("b", 0, 10), [])
        await self.store.requeueDead(["c 2"], 0.0, inf, 3.0, 10)
        self.assertEqual(await conversations("a", 2), ["c", "d"])

    async def test_retried(self) -> None:
        """
        After a try that was no success, a stanza is due later.
        """
        number = await self.receive()
        await self.attempt(number, PENDING, 2.0, dueAt=7.0)
        await self.attempt(number, PENDING, 7.0, dueAt=37.0)
        (stanza,) = await self.pending()
        self.assertEqual((stanza.attempts, stanza.dueAt), (2, 37.0))
        self.assertEqual(stanza.stanza, MESSAGE)

    async def test_delivered(self) -> None:
        """
        A delivered stanza is no longer pending, and its XML is deleted; every attempt
        is on
        record.
        """
        number = await self.receive()
        tries = [
            DeliveryAttempt(2.0, None, "it is down"),
            DeliveryAttempt(3.0, 200, None),
        ]
        await self.store.recordAttempt(number, tries[0], PENDING, 3.0)
        await self.store.recordAttempt(number, tries[1], DELIVERED, 0.0)
        self.assertEqual(await self.pending(), [])
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        stanza, attempts = found
        self.assertEqual((stanza.state, stanza.stanza), (DELIVERED, ""))
        self.assertEqual((stanza.attempts, list(attempts)), (2, tries))

    async def test_manyTries(self) -> None:
        """
        Tries that are recorded at the same time are recorded each, in their order.
        """
        one, two = await self.receive("msg_1"), await self.receive("msg_2")
        tries = [
            (one, PENDING, 2.0),
            (two, DEAD, 2.0),
            (one, DELIVERED, 3.0),
            (one, PENDING, 4.0),
            (two + 7, DEAD, 4.0),
        ]
        asked = [
            self.store.recordAttempt(
                number, DeliveryAttempt(at, None, "ü\n"), state, at + 1
            )
            for number, state, at in tries
        ]
        self.assertEqual(await gatherResults(asked), [None] * 5)
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        stanza, attempts = found
        self.assertEqual((stanza.state, stanza.attempts), (DELIVERED, 2))
        expected = [DeliveryAttempt(at, None, "ü\n") for at in (2.0, 3.0, 4.0)]
        self.assertEqual(list(attempts), expected)
        self.assertEqual((await self.found("msg_2")).state, DEAD)
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(0, None))

    async def test_dead(self) -> None:
        """A dead stanza keeps its XML."""
        await self.attempt(await self.receive(), DEAD, 2.0)
        stanza = await self.found("msg_1")
        self.assertEqual((stanza.state, stanza.stanza), (DEAD, MESSAGE))
        self.assertEqual(await self.pending(), [])

    async def test_final(self) -> None:
        """
        A final state stays, but a try that comes late is recorded; one of what is not
        there is not.
        """
        number = await self.receive()
        await self.attempt(number, DELIVERED, 2.0)
        await self.attempt(number, PENDING, 3.0)
        await self.attempt(number + 7, DEAD, 3.0)
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        self.assertEqual(found[0].state, DELIVERED)
        self.assertEqual([each.at for each in found[1]], [2.0, 3.0])
        self.assertEqual(await self.store.listIncoming(DEAD, None, 10), [])

    async def test_states(self) -> None:
        """Stanzas in a state are listed, the newest first, from before a number."""
        numbers = [await self.receive(f"msg_{each}") for each in range(6)]
        for number in (numbers[4], numbers[0], numbers[2], numbers[3]):
            await self.attempt(number, DEAD, 2.0)
        first = await self.store.listIncoming(DEAD, None, 2)
        self.assertEqual([each.number for each in first], [numbers[4], numbers[3]])
        second = await self.store.listIncoming(DEAD, numbers[3], 10)
        self.assertEqual([each.number for each in second], [numbers[2], numbers[0]])
        waiting = await self.store.listIncoming(PENDING, None, 10)
        self.assertEqual([each.number for each in waiting], [numbers[5], numbers[1]])

    async def test_depth(self) -> None:
        """Stanzas in a state are counted, with the arrival time of the first one."""
        one = await self.receive("msg_1", at=1.0)
        two = await self.receive("msg_2", at=2.0)
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(2, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), QueueDepth(0, None))
        await self.attempt(two, DEAD, 3.0)
        await self.attempt(one, DEAD, 3.0)
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(0, None))
        self.assertEqual(await self.store.incomingDepth(DEAD), QueueDepth(2, 1.0))
        await self.store.requeueDead(["msg_1"], 0.0, inf, 4.0, 10)
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(1, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), QueueDepth(1, 2.0))

    async def test_redeliver(self) -> None:
        """
        Dead stanzas become pending by their ids: their tries are not counted any
        more, but still known.
        """
        for number in [await self.receive(f"msg_{each}") for each in range(3)]:
            await self.attempt(number, DEAD, 2.0)
        await self.receive("msg_3")
        (again,) = await self.store.requeueDead(
            ["msg_1", "msg_3", "msg_9", "msg_1"], 0.0, inf, 9.0, 10
        )
        self.assertEqual(again.webhookID, "msg_1")
        self.assertEqual((again.state, again.attempts, again.dueAt), (PENDING, 0, 9.0))
        self.assertEqual(again.stanza, MESSAGE)
        self.assertEqual(await self.store.incomingByID("msg_1"), (again, [_NO]))
        pending = await self.pending()
        self.assertEqual([each.webhookID for each in pending], ["msg_1", "msg_3"])

    async def test_redeliverSpan(self) -> None:
        """
        Dead stanzas become pending by the time they came, the first of them first,
        and not more than wanted.
        """
        for each in range(6):
            number = await self.receive(f"msg_{each}", at=float(each))
            await self.attempt(number, DEAD, 10.0)
        again = await self.store.requeueDead(None, 1.0, 5.0, 20.0, 3)
        self.assertEqual([each.receivedAt for each in again], [1.0, 2.0, 3.0])
        again = await self.store.requeueDead(None, 1.0, 5.0, 20.0, 3)
        self.assertEqual([each.webhookID for each in again], ["msg_4"])
        again = await self.store.requeueDead(["msg_0", "msg_5"], 1.0, 9.0, 20.0, 3)
        self.assertEqual([each.webhookID for each in again], ["msg_5"])

    async def test_pendingSizes(self) -> None:
        """
        Stanzas to be delivered are counted and measured in bytes, by conversation, up
        to a number, page by page.
        """
        for number, conversation in enumerate("aabcd"):
            await self.receive(f"msg_{number}", conversation=conversation)
        done = await self.receive("msg_done", conversation="b")
        await self.attempt(done, DELIVERED, 2.0)
        await self.store.addIncoming("msg_wide", "e", "<a>\u00e4\U0001f600</a>", 1.0)
        sizes = self.store.pendingSizes
        everything = await sizes("", None, 10)
        counts = {each.conversation: each.count for each in everything}
        self.assertEqual(counts, {"a": 2, "b": 1, "c": 1, "d": 1, "e": 1})
        self.assertEqual(everything[-1].size, len("<a></a>") + 6)
        self.assertEqual(everything[0].size, 2 * everything[1].size)
        self.assertEqual(await sizes("", None, 2), everything[:2])
        self.assertEqual(await sizes("b", None, 2), everything[2:4])
        self.assertEqual(
            await sizes("", 2, 10), [PendingSize("a", 1, everything[0].size // 2)]
        )

    async def test_move(self) -> None:
        """
        Stanzas that are to be delivered may come into another conversation, where
        their numbers say what is first; others stay, and so does what is counted.
        """
        one = await self.receive("msg_1", conversation="a")
        two = await self.receive("msg_2", conversation="b")
        three = await self.receive("msg_3", conversation="a")
        dead = await self.receive("msg_4", conversation="a")
        await self.attempt(dead, DEAD, 2.0)
        positions = await self.store.reassign([three, one, dead, 1000], "b")
        moved = await self.store.pending("b", 0, 10)
        self.assertEqual([each.number for each in moved], [one, two, three])
        self.assertEqual({each.conversation for each in moved}, {"b"})
        self.assertEqual((await self.found("msg_4")).conversation, "a")
        self.assertEqual(await self.store.conversations("", 10), ["b"])
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(3, 1.0))
        self.assertEqual(
            [each.position for each in moved], [positions[1], two, positions[0]]
        )
        self.assertEqual(list(positions), sorted({*positions}))
        self.assertGreater(positions[0], dead)
        self.assertGreater(await self.receive("msg_5"), positions[-1])
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(4, 1.0))

    async def test_positions(self) -> None:
        """
        The position of a stanza is its number; one that is redelivered gets a higher
        one, and no later stanza gets the same.
        """
        first = await self.receive("msg_1")
        await self.attempt(first, DEAD, 2.0)
        second = await self.receive("msg_2")
        self.assertEqual((await self.found("msg_2")).position, second)
        before = await self.store.updatesOrigin()
        self.assertGreaterEqual(before.last, second)
        (again,) = await self.store.requeueDead(None, 0.0, inf, 9.0, 10)
        self.assertEqual(again.number, first)
        self.assertGreater(again.position, before.last)
        self.assertEqual(await self.found("msg_1"), again)
        third = await self.receive("msg_3")
        self.assertGreater(third, again.position)
        after = await self.store.updatesOrigin()
        self.assertEqual(after.store, before.store)
        self.assertGreaterEqual(after.last, third)
        self.assertEqual(await self.store.incomingDepth(PENDING), QueueDepth(3, 1.0))

    async def test_pendingPlaces(self) -> None:
        """
        The places of pending stanzas are read by conversation and number, page by
        page.
        """
        one = await self.receive("msg_1", at=1.0, conversation="b")
        two = await self.receive("msg_2", at=2.0, conversation="a")
        three = await self.receive("msg_3", at=3.0, conversation="b")
        done = await self.receive("msg_4", conversation="b")
        await self.attempt(done, DELIVERED, 2.0)
        size = len(MESSAGE.encode())
        everything = [
            PendingPlace(two, two, "a", size, 2.0),
            PendingPlace(one, one, "b", size, 1.0),
            PendingPlace(three, three, "b", size, 3.0),
        ]
        places = self.store.pendingPlaces
        self.assertEqual(await places("", 0, 10), everything)
        self.assertEqual(await places("", 0, 2), everything[:2])
        self.assertEqual(await places("b", one, 2), everything[2:])

    async def test_pendingSince(self) -> None:
        """
        The age of a redelivered stanza counts from its redelivery, in its new place.
        """
        await self.attempt(await self.receive("msg_1"), DEAD, 2.0)
        (again,) = await self.store.requeueDead(None, 0.0, inf, 9.0, 10)
        (place,) = await self.store.pendingPlaces("", 0, 10)
        self.assertEqual((place.since, place.position), (9.0, again.position))

    async def test_pendingStanzas(self) -> None:
        """
        Pending stanzas are read by their numbers, in the order given, up to a size.
        """
        one, two, three = [await self.receive(f"msg_{each}") for each in range(3)]
        done = await self.receive("msg_4")
        await self.attempt(done, DELIVERED, 2.0)

        async def read(size: int) -> list[int]:
            found = await self.store.pendingStanzas([three, done, 9999, one, two], size)
            self.assertEqual({each.stanza for each in found}, {MESSAGE})
            return [each.number for each in found]

        size = len(MESSAGE)
        self.assertEqual(await read(3 * size), [three, one, two])
        self.assertEqual(await read(2 * size), [three, one])
        self.assertEqual(await read(0), [three])


#: What L{StoreTestCase.attempt} records at 2.0.
_NO = DeliveryAttempt(2.0, 500, "no")


class AnswersSuite(StoreTestCase):
    """
    Requests with an idempotency key.
    """

    running = IdempotencyRecord("key", b"\0print", None, 1.0)
    done = IdempotencyRecord("key", b"\0print", b"\xff answer", 1.0)

    async def test_begin(self) -> None:
        """
        A key is kept once; whoever comes again is given what there is, first nothing
        but that it runs, then the answer.
        """
        self.assertIsNone(await self.store.beginRequest(self.running))
        other = IdempotencyRecord("key", b"other", None, 2.0)
        self.assertEqual(await self.store.beginRequest(other), self.running)
        assert self.done.answer is not None
        await self.store.finishRequest("key", self.done.answer)
        self.assertEqual(await self.store.beginRequest(other), self.done)

    async def test_byKey(self) -> None:
        """
        The record of a key can be read, which does not begin a request.
        """
        self.assertIsNone(await self.store.requestByKey("key"))
        await self.store.beginRequest(self.running)
        self.assertEqual(await self.store.requestByKey("key"), self.running)

    async def test_follows(self) -> None:
        """
        Messages that follow another one are stored with it, or not at all.
        """

        def messages(record: IdempotencyRecord) -> list[NewMessage]:
            first = NewMessage("a", TO, MESSAGE, 1.0, record)
            rest = [NewMessage(id, TO, MESSAGE, 1.0, follows=True) for id in "bc"]
            return [first, *rest]

        results = await self.store.addAllOutgoing(messages(self.done))
        self.assertEqual([type(each) for each in results], [int] * 3)
        alone = NewMessage("d", TO, MESSAGE, 1.0)
        again = [*messages(self.done), alone]
        *results, number = await self.store.addAllOutgoing(again)
        self.assertEqual(results, [self.done] * 3)
        self.assertIsInstance(number, int)
        found = await self.store.listQueued(0, 10)
        self.assertEqual([each.id for each in found], ["a", "b", "c", "d"])

    async def test_forgotten(self) -> None:
        """
        A key without an answer is as if it had never been.
        """
        await self.store.beginRequest(self.running)
        await self.store.finishRequest("key", None)
        self.assertIsNone(await self.store.beginRequest(self.running))
        await self.store.finishRequest("unknown", None)
        await self.store.finishRequest("unknown", b"answer")
        self.assertIsNone(
            await self.store.beginRequest(IdempotencyRecord("unknown", b"", None, 1.0))
        )

    async def test_interrupted(self) -> None:
        """A request that still ran gets the response; an answered one keeps its own."""
        await self.store.beginRequest(self.running)
        await self.store.beginRequest(
            IdempotencyRecord("other", b"print", b"its own", 1.0)
        )
        await self.store.failInterruptedRequests(b"sorry")
        again = await self.store.beginRequest(self.running)
        self.assertEqual(again and again.answer, b"sorry")
        again = await self.store.beginRequest(
            IdempotencyRecord("other", b"print", None, 1.0)
        )
        self.assertEqual(again and again.answer, b"its own")

    async def test_accept(self) -> None:
        """
        A message is kept with its key, or neither is.
        """
        number = await addOutgoing(
            self.store, NewMessage("a", TO, MESSAGE, 1.0, self.done)
        )
        self.assertIsInstance(number, int)
        self.assertEqual(await self.store.beginRequest(self.running), self.done)
        again = await addOutgoing(
            self.store, NewMessage("b", TO, MESSAGE, 2.0, self.running)
        )
        self.assertEqual(again, self.done)
        self.assertEqual(
            [each.id for each in await self.store.queuedMessages(0, 9)], ["a"]
        )
        self.assertIsNone(await newest(self.store, "b"))

    def begin(
        self, key: str, answer: bytes | None = b"done"
    ) -> Deferred[IdempotencyRecord | None]:
        """Store the idempotency key of a request."""
        return self.store.beginRequest(IdempotencyRecord(key, b"", answer, 1.0))

    async def test_keyLimit(self) -> None:
        """
        A new idempotency key beyond the limit is refused with 503 and the setting to
        raise, and known ones still get their response; one that is forgotten or expires
        makes room.
        """
        self.keyLimit = 2
        for key in ("one", "two"):
            self.assertIsNone(await self.begin(key))
        with self.assertRaises(Refusal) as raised:
            await self.begin("three")
        problem = raised.exception.problem
        self.assertEqual(problem.status, 503)
        self.assertEqual(problem.headers, (("Retry-After", "60"),))
        self.assertIn("2 (record-limit)", problem.text)
        self.assertEqual(
            await self.begin("one"), IdempotencyRecord("one", b"", b"done", 1.0)
        )
        self.assertEqual(await self.store.keyCount(), 2)
        await self.store.finishRequest("one", None)
        self.assertIsNone(await self.begin("three"))
        await self.store.purge(0.0, 0.0, answered=2.0)
        self.assertEqual(await self.store.keyCount(), 0)
        self.assertIsNone(await self.begin("four"))

    async def test_keyLimitRaised(self) -> None:
        """
        The limit on idempotency keys can change while the store is open.
        """
        self.keyLimit = 1
        await self.begin("one")
        with self.assertRaises(Refusal):
            await self.begin("two")
        self.keyLimit = 2
        self.assertIsNone(await self.begin("two"))

    async def test_keyShares(self) -> None:
        """
        A token may have as many idempotency keys as are still free, and so half of the
        limit; credentials may use everything that is free.
        """
        self.keyLimit = 8
        for each in range(4):
            self.assertIsNone(await self.begin(f"greedy\t{each}"))
        with self.assertRaises(Refusal) as raised:
            await self.begin("greedy\t4")
        self.assertIn("'greedy'", raised.exception.problem.text)
        for each in range(2):
            self.assertIsNone(await self.begin(f"other\t{each}"))
        with self.assertRaises(Refusal):
            await self.begin("other\t2")
        for each in range(2):
            self.assertIsNone(await self.begin(f"{each}"))
        with self.assertRaises(Refusal) as raised:
            await self.begin("2")
        self.assertNotIn("token", raised.exception.problem.text)
        for each in range(4):
            await self.store.finishRequest(f"greedy\t{each}", None)
        self.assertIsNone(await self.begin("other\t2"))

    async def test_messageBeyondKeyLimit(self) -> None:
        """
        A message whose new idempotency key is beyond the limit is not stored; the
        others of the same commit are, and a known key gets its record.
        """
        self.keyLimit = 1
        await self.begin("known")
        keys = [IdempotencyRecord(each, b"", b"", 1.0) for each in ("known", "new")]
        messages = [
            NewMessage("a", TO, MESSAGE, 1.0, keys[0]),
            NewMessage("b", TO, MESSAGE, 1.0, keys[1]),
            NewMessage("c", TO, MESSAGE, 1.0),
        ]
        for known, new, plain in (
            await self.store.addAllOutgoing(messages),
            await gatherResults([addOutgoing(self.store, each) for each in messages]),
        ):
            self.assertEqual(known, IdempotencyRecord("known", b"", b"done", 1.0))
            assert isinstance(new, Refusal)
            self.assertEqual(new.problem.status, 503)
            self.assertIsInstance(plain, int)
        kept = await self.store.queuedMessages(0, 10)
        self.assertEqual([each.id for each in kept], ["c", "c"])

    async def test_acceptMany(self) -> None:
        """
        Only the first of several messages with the same key is stored; those without a
        key are all stored.
        """
        one, again, two, other = await gatherResults(
            [
                addOutgoing(
                    self.store, NewMessage("a", TO, MESSAGE, 1.0, self.running)
                ),
                addOutgoing(self.store, NewMessage("b", TO, MESSAGE, 1.0, self.done)),
                addOutgoing(self.store, NewMessage("c", TO, MESSAGE, 1.0)),
                addOutgoing(
                    self.store,
                    NewMessage(
                        "d",
                        TO,
                        MESSAGE,
                        1.0,
                        IdempotencyRecord("other", b"", None, 1.0),
                    ),
                ),
            ]
        )
        self.assertEqual(again, self.running)
        kept = await self.store.queuedMessages(0, 10)
        self.assertEqual([each.id for each in kept], ["a", "c", "d"])
        self.assertEqual([each.number for each in kept], [one, two, other])


class HousekeepingSuite(StoreTestCase):
    """
    Beginning, forgetting, ending.
    """

    async def test_forgetOutgoing(self) -> None:
        """
        Messages are forgotten by when they were done; those queued never are.
        """
        numbers = [await self.accept(each) for each in "abcde"]
        for number, state, at in (
            (numbers[0], CONFIRMED, 10.0),
            (numbers[1], BOUNCED, 20.0),
            (numbers[2], SENT, 10.0),
            (numbers[3], CONFIRMED, 10.0),
            (numbers[3], BOUNCED, 20.0),
        ):
            await self.change(number, state, at)
        await self.store.purge(15.0, 0.0, 0.0)
        left = [each for each in "abcde" if await newest(self.store, each)]
        self.assertEqual(left, ["b", "d", "e"])
        self.assertEqual(await outboxDepth(self.store), QueueDepth(1, 1.0))

    async def test_forgetIncoming(self) -> None:
        """
        Stanzas are forgotten by when they were delivered or died, with their tries;
        those that wait never are.
        """
        for webhookID, state, at in (
            ("old", DELIVERED, 10.0),
            ("new", DELIVERED, 20.0),
            ("older", DEAD, 10.0),
            ("newer", DEAD, 20.0),
            ("waiting", PENDING, 10.0),
        ):
            await self.attempt(await self.receive(webhookID), state, at)
        await self.store.purge(15.0, 5.0, 0.0)
        self.assertEqual(await self.known(), ["new", "newer", "older", "waiting"])
        await self.store.purge(5.0, 15.0, 0.0)
        self.assertEqual(await self.known(), ["new", "newer", "waiting"])
        self.assertEqual(await self.store.incomingDepth(DELIVERED), QueueDepth(1, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), QueueDepth(1, 1.0))

    async def known(self) -> list[str]:
        """Which stanzas are still there."""
        stanzas: list[InboxRecord] = []
        for state in (PENDING, DELIVERED, DEAD):
            stanzas += await self.store.listIncoming(state, None, 10)
        return sorted(each.webhookID for each in stanzas)

    async def test_forgetAnswers(self) -> None:
        """
        Keys are forgotten by when they were used first.
        """
        await self.store.beginRequest(IdempotencyRecord("old", b"", b"", 10.0))
        await self.store.beginRequest(IdempotencyRecord("new", b"", b"", 20.0))
        await self.store.purge(0.0, 0.0, 15.0)
        self.assertIsNone(
            await self.store.beginRequest(IdempotencyRecord("old", b"", b"", 30.0))
        )
        self.assertIsNotNone(
            await self.store.beginRequest(IdempotencyRecord("new", b"", b"", 30.0))
        )

    async def test_forgetMany(self) -> None:
        """
        However many there are, all are forgotten; and no number is used again.
        """
        numbers = [
            addOutgoing(self.store, NewMessage(f"{each}", TO, MESSAGE, 1.0))
            for each in range(1000)
        ]
        last = (await gatherResults(numbers))[-1]
        assert isinstance(last, int)
        await self.store.updateStates(range(1, last + 1), CONFIRMED, 2.0)
        await self.store.purge(3.0, 3.0, 3.0)
        for each in (0, 500, 999):
            self.assertIsNone(await newest(self.store, f"{each}"))
        self.assertGreater(await self.accept(), last)

    async def test_firing(self) -> None:
        """
        Deferreds fire in the order of the calls, whatever is asked, however much, and
        whether it succeeds or not.
        """
        fired: list[int] = []
        asks = islice(cycle(self.mixture()), 1000)
        await gatherResults(
            [
                ask().addBoth(lambda _, number: fired.append(number), number)
                for number, ask in enumerate(asks)
            ]
        )
        self.assertEqual(fired, [*range(1000)])

    def mixture(self) -> Sequence[Callable[[], Deferred[Any]]]:
        """Some questions, and some things to keep."""
        ids = map(str, count())
        return (
            lambda: addOutgoing(self.store, NewMessage(next(ids), TO, MESSAGE, 1.0)),
            lambda: self.store.queuedMessages(0, 10),
            lambda: self.store.addIncoming(next(ids), THEM, MESSAGE, 1.0),
            lambda: self.store.updateStates([1], CONFIRMED, 1.0),
            self.store.check,
            lambda: self.store.beginRequest(IdempotencyRecord("key", b"", None, 1.0)),
            lambda: self.store.conversations("", 1),
        )

    async def test_cancel(self) -> None:
        """
        To cancel gives up the wait, not the work.
        """
        accepted = addOutgoing(self.store, NewMessage("a", TO, MESSAGE, 1.0))
        accepted.addErrback(lambda failure: failure.trap(CancelledError))
        accepted.cancel()
        self.assertIsNotNone(await newest(self.store, "a"))

    async def test_check(self) -> None:
        """
        All is well.
        """
        await self.store.check()

    async def test_closed(self) -> None:
        """Calls before the end take effect; later ones fail."""
        accepted = addOutgoing(self.store, NewMessage("a", TO, MESSAGE, 1.0))
        await self.store.close()
        self.assertTrue(accepted.called)
        for ask in self.questions():
            with self.assertRaises(StoreUnavailable):
                await ask()

    def questions(self) -> Sequence[Callable[[], Awaitable[object]]]:
        """Some."""
        return (
            lambda: addOutgoing(self.store, NewMessage("b", TO, MESSAGE, 1.0)),
            lambda: self.store.queuedMessages(0, 10),
            self.store.check,
            lambda: self.store.purge(0.0, 0.0, 0.0),
        )

    async def test_closedTwice(self) -> None:
        """
        The end may be asked for again.
        """
        await self.store.close()
        await self.store.close()


class RoomSuite(StoreTestCase):
    """
    Memberships in rooms, and the messages that were seen in each.
    """

    async def test_reflected(self) -> None:
        """
        A queued or sent message is confirmed with the room's id; no other is changed.
        """
        for state, isConfirmed in ((QUEUED, True), (SENT, True), (BOUNCED, False)):
            number = await self.accept(state)
            if state != QUEUED:
                await self.change(number, state, 8.0)
            await self.store.confirmReflected(number, "x", 9.0)
            found = await newest(self.store, state)
            assert found is not None
            expected = (CONFIRMED, "x") if isConfirmed else (state, None)
            self.assertEqual((found.state, found.stanzaID), expected)

    async def test_records(self) -> None:
        """
        A membership is read as it was saved last, and is gone once it is deleted.
        """
        record = RoomRecord("r@x", "b@y", "b@y/z", "nick", "secret", "none", True)
        other = RoomRecord("r@x", "c@y", "c@y/z", "other", invitedBy="d@y")
        for each in (record, other):
            await self.store.saveRoom(each)
        removed = replace(
            record,
            isRemoved=True,
            since=2.5,
            condition="kicked",
            reason="why",
            actor="who",
            joinedAt=1.5,
            subject="s",
        )
        await self.store.saveRoom(removed)
        self.assertEqual([*await self.store.rooms()], [removed, other])
        await self.store.deleteRoom("r@x", "b@y")
        self.assertEqual([*await self.store.rooms()], [other])

    async def test_seen(self) -> None:
        """
        Seen messages are read in their order, trimmed, and deleted with the room.
        """
        seen = [SeenMessage("r@x", "b@y", n, f"k{n}", n / 2) for n in range(200)]
        others = [SeenMessage("r@x", "c@y", n, "k", 1.0) for n in range(3)]
        for each in (*seen, *others):
            self.store.addSeen(each)
        self.assertEqual([*await self.store.seenMessages("r@x", "b@y")], seen)
        await self.store.trimSeen("r@x", "b@y", 150)
        self.assertEqual([*await self.store.seenMessages("r@x", "b@y")], seen[150:])
        await self.store.deleteRoom("r@x", "b@y")
        self.assertEqual([*await self.store.seenMessages("r@x", "b@y")], [])
        self.assertEqual([*await self.store.seenMessages("r@x", "c@y")], others)
