"""
Tests of how stanzas that were given up are delivered again.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.inbox.test_stored_delivery import OK, OUT, DurableTestCase
from tests.support.delivery import BEGINNING, BOT, HeldStream, KeepingWorld
from tests.support.doubles import live, stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.retry import MIN_ATTEMPTS
from xmpprest.core.records import DEAD, PENDING, InboxRecord, StoreUnavailable
from xmpprest.core.stanza.build import elements
from xmpprest.inbox import redelivery
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.router import InboxRouter
from xmpprest.store.memory import MemoryStore

END = BEGINNING * 2


class RedeliveryTests(DurableTestCase):
    """
    Tests of L{Inbox.redeliver}.
    """

    def kill(self, *ids: str) -> None:
        """Let messages be given up."""
        for id in ids:
            self.world.message(id, f"{id[:3]}@example.com")
            number = len(self.world.posted()) - 1
            self.world.answer(ZeroDivisionError(), number)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual([*ids], self.world.incoming(DEAD))
        self.world.callback.posts.clear()

    def redeliver(
        self, webhookIDs: Sequence[str] | None = None, until: float = END
    ) -> list[InboxRecord]:
        """Deliver some again."""
        again: Sequence[InboxRecord] = self.successResultOf(
            Deferred.fromCoroutine(
                self.world.inbox.redeliver(webhookIDs, BEGINNING, until)
            )
        )
        return list(again)

    def test_all(self) -> None:
        """
        All of a time span are delivered, in order; who asks is told which.
        """
        self.kill("ann1", "bob1", "ann2")
        again = self.redeliver()
        self.assertEqual([PENDING] * 3, [each.state for each in again])
        self.assertEqual([""] * 3, [each.stanza for each in again])
        self.assertEqual(["ann1", "bob1"], self.world.posted())
        self.assertEqual(again[0].webhookID, self.world.callback.posts[0].id)
        self.world.answer(OK, 0)
        self.assertEqual(["ann1", "bob1", "ann2"], self.world.posted())
        self.assertEqual(3, self.world.inbox.storedCount + 1)

    def test_span(self) -> None:
        """Stanzas of another time are left alone."""
        self.kill("ann1")
        self.assertEqual([], self.redeliver(until=BEGINNING))
        self.assertEqual(["ann1"], self.world.incoming(DEAD))

    def test_chosen(self) -> None:
        """
        They can be chosen by id.
        """
        self.kill("ann1", "bob1")
        (first,) = [
            each
            for each in self.world._result(
                self.world.store.store.listIncoming(DEAD, None, 9)
            )
            if "bob1" in each.stanza
        ]
        (again,) = self.redeliver([first.webhookID, "msg_unknown"])
        self.assertEqual(first.number, again.number)
        self.assertEqual(["bob1"], self.world.posted())

    def test_before(self) -> None:
        """
        One that came before those that wait is delivered before them, as far as they
        are not under way.
        """
        self.kill("ann1")
        for id in ("ann2", "ann3"):
            self.world.message(id, "ann@example.com")
        self.redeliver()
        self.assertEqual(["ann2"], self.world.posted())
        self.world.answer(OK)
        self.world.answer(OK)
        self.assertEqual(["ann2", "ann1", "ann3"], self.world.posted())

    def test_underWay(self) -> None:
        """
        The one that is under way has its turn again after it, if it fails.
        """
        self.kill("ann1")
        self.world.message("ann2", "ann@example.com")
        self.redeliver()
        self.world.answer(OUT)
        self.assertEqual(["ann2", "ann1"], self.world.posted())
        self.world.answer(OK)
        self.assertEqual(["ann2", "ann1"], self.world.posted())
        self.world.clock.advance(1)
        self.world.answer(OK)
        self.assertEqual(["ann2", "ann1", "ann2"], self.world.posted())
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_beforeWaiting(self) -> None:
        """A redelivered stanza does not wait until others are due."""
        self.kill("ann1")
        self.world.message("ann2", "ann@example.com")
        for delay in (1, 5, 30, 120):
            self.world.answer(OUT)
            self.world.clock.advance(delay)
        self.world.answer(OUT)
        self.world.callback.posts.clear()
        self.redeliver()
        self.assertEqual(["ann1"], self.world.posted())
        self.world.answer(OK)
        self.assertEqual(["ann1"], self.world.posted())
        self.world.clock.advance(300)
        self.assertEqual(["ann1", "ann2"], self.world.posted())

    def test_due(self) -> None:
        """
        If those become due while it is under way, they wait all the same.
        """
        self.kill("ann1")
        self.world.message("ann2", "ann@example.com")
        self.world.answer(OUT)
        self.redeliver()
        self.assertEqual(["ann2", "ann1"], self.world.posted())
        self.world.clock.advance(10)
        self.assertEqual(["ann2", "ann1"], self.world.posted())
        self.world.answer(OK)
        self.assertEqual(["ann2", "ann1", "ann2"], self.world.posted())

    def test_behind(self) -> None:
        """
        One that came after those that wait, waits.
        """
        self.kill("ann1", "ann2")
        second = self.world._result(self.world.store.store.listIncoming(DEAD, None, 1))[
            0
        ]
        self.redeliver()
        self.world.answer(OUT)
        self.assertEqual(["ann1"], self.world.posted())
        self.assertEqual([], self.redeliver([second.webhookID]))
        self.world.clock.advance(1)
        self.assertEqual(["ann1", "ann1"], self.world.posted())

    def test_whileReading(self) -> None:
        """
        None is overlooked that is revived while a conversation is being read.
        """
        self.kill("ann1")
        for number in range(2, 40):
            self.world.message(f"ann{number}", "ann@example.com")
        for _ in range(31):
            self.world.answer(OK)
        self.world.store.isHeld = True
        self.world.answer(OK)
        again = Deferred.fromCoroutine(self.world.inbox.redeliver(None, BEGINNING, END))
        self.world.store.release()
        self.assertEqual(1, len(self.successResultOf(again)))
        for _ in range(7):
            self.world.answer(OK)
        self.assertEqual(
            {f"ann{number}" for number in range(1, 40)}, set(self.world.posted())
        )
        self.assertEqual(39, len(self.world.posted()))
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_pages(self) -> None:
        """
        Many are revived page by page, and no more than may wait.
        """
        self.patch(redelivery, "PAGE", 3)
        self.world = KeepingWorld(limit=10)
        self.kill(*(f"{number:03}" for number in range(20)))
        again = self.redeliver()
        self.assertEqual([*range(1, 11)], [each.number for each in again])
        self.assertEqual(10, self.world.inbox.storedCount)
        self.assertEqual(4, self.world.store.calls.count("requeueDead"))
        self.assertEqual([], self.redeliver())

    def test_anyOrder(self) -> None:
        """
        They need not come in the order of their numbers: a store may go by the time,
        and a clock may be set back. All are told.
        """
        self.patch(redelivery, "PAGE", 2)
        ids = [f"{number:03}" for number in range(7)]
        self.kill(*ids)
        store = self.world.store.store
        numbers = [4, 5, 6, 7, 1, 2, 3]

        def redeliver(*args: object) -> Deferred[Sequence[InboxRecord]]:
            chosen = [
                each.webhookID
                for number in numbers[:2]
                for each in [store._incoming[DEAD][number]]
            ]
            del numbers[:2]
            return MemoryStore.requeueDead(store, chosen, BEGINNING, END, END, 2)

        self.patch(store, "requeueDead", redeliver)
        again = self.redeliver()
        self.assertEqual({*range(1, 8)}, {each.number for each in again})
        self.assertEqual([], self.world.incoming(DEAD))

    def test_diesAgain(self) -> None:
        """A stanza that is given up again at once is not redelivered for ever."""
        self.patch(redelivery, "PAGE", 1)
        odd = f"<message from='ann@x' to='{BOT}' id='odd'><x xmlns='u'/></message>"
        elements(inbound := stanza(odd))[0].localPrefixes = {"a": ""}
        self.world.inbox.receive(inbound)
        self.stop()
        self.world.begin()
        with capturedLogs() as logs:
            (again,) = self.redeliver()
        self.assertEqual({again.webhookID}, {event["id"] for event in logs})
        self.assertEqual(0, self.world.inbox.storedCount)

    def test_othersBehind(self) -> None:
        """
        Nor does it end it for those that are none such.
        """
        self.patch(redelivery, "PAGE", 2)
        odd = f"<message from='ann@x' to='{BOT}' id='odd'><x xmlns='u'/></message>"
        elements(inbound := stanza(odd))[0].localPrefixes = {"a": ""}
        self.world.inbox.receive(inbound)
        self.stop()
        self.world.begin()
        for name in ("bob", "cid", "dan", "eve"):
            self.world.message(name, f"{name}@example.com")
            self.world.answer(ZeroDivisionError())
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(5, len(self.redeliver()))
        self.assertEqual(4, self.world.inbox.storedCount)

    def test_schedule(self) -> None:
        """A redelivered stanza is tried a few times at least, however old it is."""
        self.kill("ann1")
        self.world.clock.advance(END / 2)
        self.world.message("bob", "bob@example.com")
        self.world.answer(OK)
        self.world.callback.posts.clear()
        self.redeliver()
        for delay in (1, 5, 30):
            self.world.answer(OUT)
            self.assertEqual(["ann1"], self.world.incoming(PENDING))
            self.world.clock.advance(delay)
        self.world.answer(OUT)
        self.assertEqual(["ann1"], self.world.incoming(DEAD))
        _, attempts = self.world.record(self.world.callback.posts[0].id)
        self.assertEqual(MIN_ATTEMPTS + 1, len(attempts))

    def test_impatient(self) -> None:
        """Stanzas are redelivered also if the client leaves before the response."""
        self.kill("ann1")
        self.world.store.isHeld = True
        again = Deferred.fromCoroutine(self.world.inbox.redeliver(None, BEGINNING, END))
        again.cancel()
        self.failureResultOf(again)
        self.world.store.release()
        self.assertEqual(["ann1"], self.world.posted())

    def test_stop(self) -> None:
        """
        To stop waits for it.
        """
        self.kill("ann1")
        self.world.store.isHeld = True
        again = Deferred.fromCoroutine(self.world.inbox.redeliver(None, BEGINNING, END))
        stopping = self.world.inbox.stopService()
        assert stopping is not None
        self.assertNoResult(stopping)
        self.world.store.release()
        self.successResultOf(again)
        self.successResultOf(stopping)

    def test_unavailable(self) -> None:
        """
        If the store cannot do it, that is said.
        """
        self.world.store.failing = {"requeueDead"}
        again = Deferred.fromCoroutine(self.world.inbox.redeliver(None, BEGINNING, END))
        self.failureResultOf(again, StoreUnavailable)

    def test_withoutStore(self) -> None:
        """
        Where nothing is kept, nothing can be delivered again.
        """
        inbox = InboxRouter(
            HeldStream().send, lambda iq: None, [], InboxOptions(Clock(), live())
        )
        again = Deferred.fromCoroutine(inbox.redeliver(None, 0, 1))
        refusal = self.failureResultOf(again, Refusal).value
        self.assertEqual(409, refusal.problem.status)
        self.assertEqual(0, inbox.storedCount)
        self.assertFalse(inbox.isPaused)
        self.assertEqual(0, inbox.transientCount)

    def test_paused(self) -> None:
        """
        While the callback is paused, it waits like the others.
        """
        self.kill("ann1")
        self.world.message("bob1", "bob@example.com")
        self.world.answer(CallbackResponse(410))
        self.redeliver()
        self.assertEqual(["bob1"], self.world.posted())
