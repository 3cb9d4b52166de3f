"""Tests of L{xmpprest.inbox.pull}: how a client answers updates."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.inbox.pull.case import PullTestCase
from tests.inbox.pull.test_fetch import REQUEST
from tests.support.delivery import ANN, BOT
from tests.support.doubles import live, stanza
from xmpprest.core.errors import serviceUnavailable
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.records import DELIVERED, PENDING, StoreUnavailable
from xmpprest.core.stanza.build import elements
from xmpprest.inbox.pull.requests import PRESENCE
from xmpprest.inbox.pull.transient import LIFETIME

HELLO = b'{"body":"hello"}'


class StoredTests(PullTestCase):
    """
    Tests of answers to stored stanzas.
    """

    def test_reply(self) -> None:
        """
        A body is sent as the reply, and the update is acknowledged.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.answer(update, HELLO)
        (reply,) = self.world.replied.sent
        self.assertEqual((reply["to"], reply["from"]), (ANN, BOT))
        self.assertEqual(str(elements(reply)[0]), "hello")
        self.assertEqual(self.fetch().ids, [])
        record, attempts = self.world.record(update["id"])
        self.assertEqual((record.state, attempts[0].status), (DELIVERED, 200))

    def test_receipt(self) -> None:
        """
        The receipt that a message asks for goes with the reply.
        """
        self.world.message("m1", children=REQUEST)
        (update,) = self.fetch().page["updates"]
        self.answer(update, HELLO)
        (reply,) = self.world.replied.sent
        self.assertEqual([each.name for each in elements(reply)], ["body", "received"])

    def test_status(self) -> None:
        """
        An error status becomes the stanza error of that status.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.answer(update, status=404)
        (error,) = self.world.replied.sent
        self.assertEqual(error["type"], "error")
        condition = elements(elements(error)[0])[0].name
        self.assertEqual(condition, "item-not-found")
        _, attempts = self.world.record(update["id"])
        self.assertEqual(attempts[0].error, "404 Not Found")

    def test_gone(self) -> None:
        """
        The status 410 is about this stanza only: nothing is paused.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.answer(update, status=410)
        self.assertFalse(self.world.inbox.isPaused)
        self.assertEqual(self.world.incoming(PENDING), [])

    def test_outOfOrder(self) -> None:
        """
        An answer acknowledges its own update only, not those before it.
        """
        for number in range(3):
            self.world.message(f"m{number}")
        updates = self.fetch().page["updates"]
        self.answer(updates[1], HELLO)
        again = self.fetch()
        self.assertEqual(again.ids, ["m0", "m2"])
        self.assertEqual(self.world.inbox.storedCount, 2)

    def test_twice(self) -> None:
        """
        A second answer, and one after an acknowledgement, is refused with 409.
        """
        self.world.message("m1")
        self.world.message("m2")
        fetch = self.fetch()
        first, second = fetch.page["updates"]
        self.answer(first, HELLO)
        self.assertAnswerRefused(409, first, HELLO)
        self.fetch(fetch.cursor)
        self.assertAnswerRefused(409, second, HELLO)
        self.assertEqual(len(self.world.replied.sent), 1)

    def test_restart(self) -> None:
        """
        An update of an earlier run can be answered, and a settled one is still known.
        """
        self.world.message("m1")
        self.world.message("m2")
        first, second = self.fetch().page["updates"]
        self.answer(first, HELLO)
        self.world.restart()
        self.answer(second, HELLO)
        self.assertAnswerRefused(409, first, HELLO)
        self.assertAnswerRefused(409, second, HELLO)
        self.assertEqual(self.world.inbox.storedCount, 0)

    def test_unknown(self) -> None:
        """
        An id that no update has is refused with 404.
        """
        self.assertAnswerRefused(404, "msg_unknown", HELLO)

    def test_fault(self) -> None:
        """
        A body that is no reply is refused with 422 and what is wrong with it; the
        update stays.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        for body, word in (
            (b'{"bodi":"x"}', "bodi"),
            (b"{", "JSON"),
            (b'{"kind":"presence","show":"away"}', "presence"),
        ):
            self.assertIn(word, self.assertAnswerRefused(422, update, body))
        self.assertEqual(self.fetch().ids, ["m1"])
        self.assertEqual(self.world.replied.sent, [])

    def test_outboxFull(self) -> None:
        """
        While replies cannot be sent, the answer fails, and can be given again.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.world.replied.problems = [
            serviceUnavailable("resource-constraint", "Full.", 5)
        ]
        self.assertAnswerRefused(503, update, HELLO)
        self.answer(update, HELLO)
        self.assertEqual(len(self.world.replied.sent), 1)

    def test_sameID(self) -> None:
        """
        A reply that is sent again, because the gateway was killed before it recorded
        the answer, has the same id.
        """
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.world.store.failing = {"recordAttempt"}
        with self.assertRaises(StoreUnavailable):
            self._try(update, HELLO)
        self.world.store.failing = set()
        self.world.restart()
        self.answer(update, HELLO)
        first, second = self.world.replied.sent
        self.assertEqual(first["id"], second["id"])

    def test_atOnce(self) -> None:
        """
        The first of two simultaneous answers is sent; the second waits and is refused
        with
        409. The update is not returned meanwhile.
        """
        self.fetch()
        self.world.message("m1")
        (update,) = self.fetch().page["updates"]
        self.world.store.isHeld = True
        response = CallbackResponse(200, "application/json", HELLO)
        results: list[object] = []
        for _ in range(2):
            answering = self.desk.answer(update["id"], response, lambda name: True)
            Deferred.fromCoroutine(answering).addBoth(results.append)
        self.assertEqual(self.fetch().ids, [])
        self.world.store.release()
        self.assertEqual(len(results), 2)
        self.assertEqual(len(self.world.replied.sent), 1)
        refused = [each for each in results if each is not None]
        self.assertEqual(len(refused), 1)
        self.assertIn("settled", str(refused[0]))

    def test_replyLimit(self) -> None:
        """
        The limit on automatic replies applies to answers.
        """
        self.world.settings.value = live(replyLimit=3).value
        for number in range(4):
            self.world.message(f"m{number}")
        for update in self.fetch(limit=1000).page["updates"]:
            self.answer(update, HELLO)
        self.assertEqual(len(self.world.replied.sent), 3)
        self.assertEqual(self.world.inbox.droppedReplies, 1)
        self.assertEqual(self.fetch().ids, [])

    def test_otherCallbacks(self) -> None:
        """
        An update of a callback that the client may not fetch is not found.
        """
        self.world.message("m1")
        id = self.fetch().page["updates"][0]["id"]
        answering = self.desk.answer(id, CallbackResponse(204), lambda name: False)
        failure = self.failureResultOf(Deferred.fromCoroutine(answering))
        self.assertEqual(failure.value.problem.status, 404)


class QuestionTests(PullTestCase):
    """
    Tests of iqs.
    """

    def setUp(self) -> None:
        super().setUp()
        self.fetch()

    def test_answer(self) -> None:
        """
        An iq is returned with the time until which it can be answered, and gets the
        answer of the client.
        """
        self.world.ping()
        (update,) = self.fetch().page["updates"]
        self.assertEqual(update["stanza"]["kind"], "iq")
        self.assertEqual(update["expires"], "2001-09-09T01:47:10.000Z")
        self.answer(update, b'{"version":{"name":"bot"}}')
        (reply,) = self.world.stream.sent
        self.assertEqual((reply["type"], reply["id"]), ("result", "q1"))
        self.assertEqual(self.fetch().ids, [])
        self.assertAnswerRefused(409, update)

    def test_notAcknowledged(self) -> None:
        """
        A cursor answers no iq: it is not returned again, and can still be answered.
        """
        self.world.ping()
        fetch = self.fetch()
        (update,) = fetch.page["updates"]
        self.assertEqual(self.fetch().ids, ["q1"])
        self.assertEqual(self.fetch(fetch.cursor).ids, [])
        self.assertEqual(self.world.stream.sent, [])
        self.answer(update)
        self.assertEqual(self.world.stream.sent[0]["type"], "result")

    def test_expires(self) -> None:
        """
        The sender of an iq that the client does not answer in time gets an error, and a
        late answer is refused with 409.
        """
        self.world.ping()
        fetch = self.begin(self.fetch().cursor, wait=50)
        self.world.clock.advance(LIFETIME)
        (error,) = self.world.stream.sent
        self.assertEqual((error["type"], error["id"]), ("error", "q1"))
        self.assertFalse(fetch.isOver)
        self.assertEqual(self.world.inbox.transientCount, 0)

    def test_late(self) -> None:
        """
        An answer after the time is refused with 409, and nothing is sent.
        """
        self.world.ping()
        (update,) = self.fetch().page["updates"]
        self.world.clock.advance(LIFETIME)
        self.assertAnswerRefused(409, update, HELLO)
        self.assertEqual(len(self.world.stream.sent), 1)

    def test_nobody(self) -> None:
        """
        Where no client was there in the last 30 seconds, an iq gets an error at once.
        """
        self.world.clock.advance(PRESENCE + 1)
        self.world.ping()
        (error,) = self.world.stream.sent
        self.assertEqual(error["type"], "error")
        self.assertEqual(self.fetch().ids, [])

    def test_recently(self) -> None:
        """
        An iq waits for a client that was there in the last 30 seconds.
        """
        self.world.clock.advance(PRESENCE)
        self.world.ping()
        self.assertEqual(self.world.stream.sent, [])
        self.assertEqual(self.fetch().ids, ["q1"])

    def test_stop(self) -> None:
        """
        When the gateway stops, the senders of iqs that wait get an error.
        """
        self.world.ping()
        self.world.stop()
        (error,) = self.world.stream.sent
        self.assertEqual(error["id"], "q1")

    def test_cursorOfEarlierRun(self) -> None:
        """
        A cursor of an earlier run acknowledges no transient stanza of this one.
        """
        self.world.presence("p1")
        cursor = self.fetch().cursor
        self.world.random = 0.25
        self.world.restart()
        self.fetch()
        self.world.presence("p2")
        self.assertEqual(self.fetch(cursor).ids, ["p2"])


class PresenceTests(PullTestCase):
    """
    Tests of presence.
    """

    def test_order(self) -> None:
        """
        Presence is returned between the messages, in the order of arrival.
        """
        self.fetch()
        self.world.message("m1")
        self.world.presence("p1")
        self.world.message("m2")
        fetch = self.fetch()
        self.assertEqual(fetch.ids, ["m1", "p1", "m2"])
        self.assertNotIn("expires", fetch.page["updates"][1])
        cursor = fetch.page["updates"][1]["cursor"]
        self.assertEqual(self.fetch(cursor).ids, ["m2"])
        self.assertEqual(self.world.inbox.transientCount, 0)

    def test_orderOfCommits(self) -> None:
        """
        Presence waits for the commit of the message before it.
        """
        self.fetch()
        self.world.store.isHeld = True
        self.world.message("m1")
        self.world.presence("p1")
        self.world.store.isHeld = False
        self.assertEqual(self.fetch().ids, [])
        self.world.store.release()
        self.assertEqual(self.fetch().ids, ["m1", "p1"])

    def test_nobody(self) -> None:
        """
        Presence is dropped where no client was there in the last 30 seconds.
        """
        self.world.presence("p1")
        self.assertEqual(self.fetch().ids, [])
        self.assertEqual(self.world.stream.sent, [])

    def test_leaves(self) -> None:
        """
        Presence is dropped once no client was there for 30 seconds; while one comes
        back, it stays.
        """
        self.fetch()
        self.world.presence("p1")
        self.world.clock.advance(20)
        self.fetch()
        self.world.clock.advance(20)
        self.assertEqual(self.fetch().ids, ["p1"])
        self.world.clock.pump([20] * 4)
        self.assertEqual(self.world.inbox.transientCount, 0)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_subscription(self) -> None:
        """
        A subscription request is stored like a message.
        """
        self.world.presence("s1", "subscribe")
        self.world.restart()
        (update,) = self.fetch().page["updates"]
        self.answer(update, b'{"type":"subscribed"}')
        (reply,) = self.world.stream.sent
        self.assertEqual(reply["type"], "subscribed")


class ReflectionTests(PullTestCase):
    """
    Tests of messages that rooms send back.
    """

    def reflect(self) -> None:
        """A room sends a message of the bot back, and another one."""
        self.world.reflections.sent(
            f"<message type='groupchat' id='g1' from='{BOT}' to='room@r.example'/>"
        )
        for id in ("g1", "g2"):
            self.world.inbox.receive(
                stanza(
                    f"<message type='groupchat' from='room@r.example/x' to='{BOT}'"
                    f" id='{id}'><body>hi</body></message>"
                )
            )

    def test_dropped(self) -> None:
        """
        A client does not get its own messages back from a room.
        """
        self.reflect()
        self.assertEqual(self.fetch().ids, ["g2"])

    def test_wanted(self) -> None:
        """
        A client that wants them gets them marked, and its answer to one is ignored.
        """
        self.world.wantsReflections = True
        self.world.restart()
        self.reflect()
        first, second = self.fetch().page["updates"]
        self.assertIs(first["stanza"]["reflection"], True)
        self.assertNotIn("reflection", second["stanza"])
        self.answer(first, HELLO)
        self.assertEqual(self.world.replied.sent, [])
        self.assertEqual(self.fetch().ids, ["g2"])
