"""
Tests of many conversations at once, with a callback that is down, or unwell.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.delivery import BEGINNING, BOT, HeldStore, HeldStream
from tests.support.doubles import live, said, stanza
from tests.support.hypothesis_profiles import THOROUGH
from xmpprest.core.media.formats import TEXT
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.policy.health import SHORT_PROBE_INTERVAL
from xmpprest.core.policy.retry import BACKOFF_SCHEDULE, RECOVERY_INTERVAL
from xmpprest.core.records import DEAD, PENDING
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox import conversation
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import STOP_TIMEOUT, Inbox
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.replies import ReplySender
from xmpprest.inbox.subscriber import Subscription

#: Seconds that the callback takes for an answer.
PACE = 0.05
CONNECTIONS = 32
OK = CallbackResponse(204)


class TimedCallback:
    """
    A callback that answers after a time, as the test has it.

    @ivar answer: Says what, or raises that there is none, and after how many seconds.
    @ivar taken: What it has accepted, in that order.
    @ivar tries: When it was asked about what.
    @ivar inFlight: How many it is asked about at the moment.
    @ivar most: How many that were at most.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.answer: Callable[[Element], tuple[float, CallbackResponse | None]] = (
            lambda stanza: (
                PACE,
                CallbackResponse(204),
            )
        )
        self.taken: list[str] = []
        self.tries: list[tuple[float, str]] = []
        self.inFlight = self.most = 0

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """Answer, in time."""
        return Deferred.fromCoroutine(self._post(stanza))

    async def _post(self, stanza: Element) -> CallbackResponse:
        self.tries.append((self._clock.seconds(), stanza["id"]))
        self.inFlight += 1
        self.most = max(self.most, self.inFlight)
        try:
            seconds, said = self.answer(stanza)
            if seconds:
                waited: Deferred[None] = Deferred()
                call = self._clock.callLater(seconds, waited.callback, None)
                try:
                    await waited
                finally:
                    if call.active():
                        call.cancel()
        finally:
            self.inFlight -= 1
        if said is None:
            raise DeliveryError("it is down")
        if said.isSuccess:
            self.taken.append(stanza["id"])
        return said


class OutageTestCase(SynchronousTestCase):
    """
    A test of an inbox with a callback that takes its time.
    """

    def setUp(self) -> None:
        """Have a callback in good order."""
        self.clock = Clock()
        self.clock.rightNow = BEGINNING
        self.store = HeldStore()
        self.random = random.Random(1)
        self.callback = TimedCallback(self.clock)
        self.inbox = self.begin()

    def begin(self) -> Inbox:
        """A new process."""
        options = InboxOptions(
            self.clock, live(), self.store, self.clock.seconds, self.random.random
        )
        inbox = Inbox(
            ReplySender(HeldStream().send, None, lambda iq: None, options),
            Subscription(
                self.callback,
                StanzaFilter(frozenset({"message"}), frozenset({"bare"})),
                CONNECTIONS,
            ),
            options,
        )
        inbox.startService()
        return inbox

    def message(self, person: int, number: int) -> None:
        """A message comes in."""
        self.inbox.receive(
            stanza(
                f"<message from='user{person}@example.com/r' to='{BOT}'"
                f" id='{person}:{number}'><body>hi</body></message>"
            )
        )

    def run_(self, seconds: float) -> None:
        """Let time pass, from one thing that happens to the next."""
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(max(0, calls[0].getTime() - self.clock.seconds()))
        self.clock.advance(max(0, end - self.clock.seconds()))

    def assertInOrder(self, expected: int) -> None:
        """All were taken, each once, those of each conversation in their order."""
        self.assertEqual(expected, len(self.callback.taken))
        order = defaultdict(list)
        for id in self.callback.taken:
            person, number = map(int, id.split(":"))
            order[person].append(number)
        for numbers in order.values():
            self.assertEqual([*range(len(numbers))], numbers)


class DownTests(OutageTestCase):
    """
    Tests of a callback that is down for an hour.
    """

    def test_hour(self) -> None:
        """
        10,000 messages are delivered in order as fast as it takes them once it has
        answered another, no more of them at once than there are connections; in the
        meantime it was tried a few times for each conversation, and the log has one
        line for all that.
        """
        people, each = 500, 20
        self.callback.answer = lambda stanza: (0.0, None)
        with capturedLogs() as logs:
            for number in range(each):
                for person in range(people):
                    self.message(person, number)
                self.run_(1)
            self.run_(3600 - each)
        self.assertEqual(["The callback does not respond: it is down."], said(logs))
        tries = len(self.callback.tries)
        # At 0, 1, 6, 36 s, 2:36, 7:36, 22:36 and 52:36 min, give or take a fifth; and
        # one a minute, or four.
        self.assertLessEqual(tries, people * len(BACKOFF_SCHEDULE) + 75)
        self.assertGreaterEqual(tries, people * (len(BACKOFF_SCHEDULE) - 1))
        self.assertEqual(people * each, self.inbox.storedCount)

        del self.callback.answer
        self.callback.answer = lambda stanza: (PACE, CallbackResponse(204))
        self.callback.most = 0
        self.message(people, 0)
        self.run_((people * each / CONNECTIONS + each) * PACE + 1)
        self.assertInOrder(people * each + 1)
        self.assertEqual(tries + people * each + 1, len(self.callback.tries))
        self.assertLessEqual(self.callback.most, CONNECTIONS)
        self.assertEqual(0, self.inbox.storedCount)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_connections(self) -> None:
        """
        The number of connections is limited also if all stanzas are due at once, and
        each
        attempt takes its time to fail.
        """
        people = 1000
        self.callback.answer = lambda stanza: (15.0, None)
        for person in range(people):
            self.message(person, 0)
        self.run_(120)
        self.assertEqual(CONNECTIONS, self.callback.most)
        self.assertLessEqual(len(self.callback.tries), CONNECTIONS * 9)
        self.callback.answer = lambda stanza: (PACE, CallbackResponse(204))
        self.run_(600)
        self.assertInOrder(people)
        self.assertEqual(CONNECTIONS, self.callback.most)

    def test_memory(self) -> None:
        """
        While they wait, hardly any are in memory.
        """
        self.callback.answer = lambda stanza: (0.0, None)
        for number in range(100):
            for person in range(20):
                self.message(person, number)
        self.run_(600)
        self.assertEqual(0, self.inbox._memory.used)
        self.assertEqual(2, len(self.clock.getDelayedCalls()))

    def test_restart(self) -> None:
        """
        A gateway that starts again meanwhile loses nothing of it, and does not begin
        the schedule anew.
        """
        self.callback.answer = lambda stanza: (0.0, None)
        for number in range(3):
            for person in range(100):
                self.message(person, number)
        for _ in range(6):
            self.run_(600)
            stopping = self.inbox.stopService()
            assert stopping is not None
            self.successResultOf(stopping)
            self.assertEqual([], self.clock.getDelayedCalls())
            self.inbox = self.begin()
        self.assertLessEqual(len(self.callback.tries), 100 * len(BACKOFF_SCHEDULE) + 60)
        self.callback.answer = lambda stanza: (PACE, CallbackResponse(204))
        self.run_(1.2 * 3600)
        self.assertInOrder(300)


class RecoveryTests(OutageTestCase):
    """
    Tests of who is tried sooner once the callback answers again.
    """

    def setUp(self) -> None:
        """Have it out."""
        super().setUp()
        self.out(0)

    def out(self, seconds: float) -> None:
        """Have it give no answer for some time."""
        self.callback.answer = lambda stanza: (0.0, None)
        self.run_(seconds)

    def back(
        self, fault: Callable[[Element], CallbackResponse | None] = lambda _: OK
    ) -> float:
        """Have it answer again, to begin with a new message; when that was."""
        self.callback.answer = lambda stanza: (0.0, fault(stanza))
        self.callback.tries.clear()
        self.message(1000, 0)
        return self.clock.seconds()

    def tried(self, person: int) -> list[float]:
        """How many seconds ago the first message of somebody was tried."""
        now = self.clock.seconds()
        return [now - at for at, id in self.callback.tries if id == f"{person}:0"]

    def test_short(self) -> None:
        """
        After an outage of less than a minute stanzas are hastened, too.
        """
        self.message(0, 0)
        self.out(40)
        self.back()
        self.run_(0)
        self.assertEqual(1, len(self.tried(0)))

    def test_asked(self) -> None:
        """
        Nor is what the callback wants later.
        """
        self.callback.answer = lambda stanza: (
            0.0,
            CallbackResponse(503, retryAfter="3000"),
        )
        self.message(0, 0)
        self.out(600)
        self.message(1, 0)
        self.out(590)
        self.back()
        self.run_(1700)
        self.assertEqual(([], 1), (self.tried(0), len(self.tried(1))))
        self.run_(2000)
        self.assertEqual(1, len(self.tried(0)))

    def test_notAtOnce(self) -> None:
        """
        No more are tried at a time than there are connections, in the order of their
        last attempts.
        """
        for person in range(200):
            self.message(person, 0)
        self.out(590)
        before = [id for _, id in self.callback.tries]
        order = [*dict.fromkeys(reversed(before))][::-1]
        self.back()
        self.callback.answer = lambda stanza: (PACE, OK)
        self.run_(210 / CONNECTIONS * PACE + 1)
        self.assertInOrder(201)
        self.assertEqual(["1000:0", *order], self.callback.taken)
        self.assertLessEqual(self.callback.most, CONNECTIONS)

    def test_underWay(self) -> None:
        """
        A stanza that was under way when another was answered, and gets no answer, is
        tried again at once, too.
        """
        self.message(0, 0)
        self.out(1200)
        self.callback.answer = lambda stanza: (1800.0, None)
        self.run_(1800)
        self.assertEqual(1, self.callback.inFlight)
        self.back()
        self.run_(600)
        self.assertInOrder(2)

    def test_poisoned(self) -> None:
        """
        One that always fails, between others that do not and are rare, is not tried
        more often than once a minute, on the average, and rarely soon after it failed.
        """
        self.message(0, 0)
        self.out(7200)
        self.back(lambda stanza: None if stanza["id"] == "0:0" else OK)
        for number in range(1, 600):
            self.run_(10 * random.Random(number).random() ** 2 * 60)
            self.message(1000, number)
        times = [at for at, id in self.callback.tries if id == "0:0"]
        gaps = [later - at for at, later in pairwise(times)]
        self.assertGreater(len(gaps), 100)
        soon = [each for each in gaps if each < SHORT_PROBE_INTERVAL]
        self.assertLess(len(soon), len(gaps) / 10)
        self.assertGreaterEqual(sum(gaps) / len(gaps), RECOVERY_INTERVAL)

    def test_restart(self) -> None:
        """
        A gateway that starts again after the outage has no idea of it: the first
        answer counts for all that an earlier one has tried in vain.
        """
        self.callback.answer = lambda stanza: (
            0.0,
            CallbackResponse(429, retryAfter="3600"),
        )
        self.message(0, 0)
        for person in range(1, 50):
            self.out(1)
            self.message(person, 0)
        self.out(3000)
        self.successResultOf(self.inbox.stopService())
        self.inbox = self.begin()
        self.back()
        self.run_(1)
        self.assertEqual(50, len(self.callback.taken))
        self.assertEqual([], self.tried(0))
        self.run_(3600)
        self.assertInOrder(51)

    def test_foundLater(self) -> None:
        """A stanza of the outage that is read from the store later is hastened, too."""
        for person in range(50):
            self.message(person, 0)
        self.out(2990)
        self.successResultOf(self.inbox.stopService())
        self.store.failing = {"conversations"}
        self.inbox = self.begin()
        self.back()
        self.run_(10)
        self.assertEqual(1, len(self.callback.taken))
        self.store.failing = set()
        self.run_(2)
        self.assertInOrder(51)

    def test_paused(self) -> None:
        """After a pause stanzas are hastened, too."""
        self.callback.answer = lambda stanza: (0.0, CallbackResponse(200))
        self.message(1000, 0)
        self.callback.answer = lambda stanza: (0.0, CallbackResponse(410))
        self.message(0, 0)
        self.message(1, 0)
        self.run_(3000)
        self.callback.answer = lambda stanza: (0.0, OK)
        self.run_(60)
        self.assertInOrder(3)


class UnwellTests(OutageTestCase):
    """
    Tests of a callback that fails for some.
    """

    def assertPrompt(
        self, fault: Callable[[Element], tuple[float, CallbackResponse | None]]
    ) -> None:
        """Check that a hundred conversations are prompt, whatever happens to one."""

        def answer(stanza: Element) -> tuple[float, CallbackResponse | None]:
            isFaulty = stanza["from"] == "user0@example.com/r"
            return fault(stanza) if isFaulty else (PACE, CallbackResponse(204))

        self.callback.answer = answer
        came, slowest = {}, 0.0
        for number in range(60):
            for person in range(101):
                self.message(person, number)
                came[f"{person}:{number}"] = self.clock.seconds()
            self.run_(1)
        for at, id in self.callback.tries:
            if not id.startswith("0:"):
                slowest = max(slowest, at - came[id])
        self.assertLess(slowest, 1)
        self.assertEqual(6000, sum(not t.startswith("0:") for t in self.callback.taken))

    def test_fails(self) -> None:
        """
        One that always fails at once; the log tells of it once.
        """
        with capturedLogs() as logs:
            self.assertPrompt(lambda stanza: (0.0, None))
        self.assertEqual(
            [
                "The callback does not respond: it is down.",
                "The callback responds again.",
            ],
            said(logs),
        )

    def test_hangs(self) -> None:
        """
        One that always takes half a minute to fail.
        """
        self.assertPrompt(lambda stanza: (30.0, None))

    def test_later(self) -> None:
        """
        One that is always wanted later.
        """
        self.assertPrompt(lambda stanza: (0.0, CallbackResponse(503, retryAfter="0")))

    def test_fair(self) -> None:
        """
        One that has very much to say does not keep others waiting.
        """
        for number in range(2000):
            self.message(0, number)
        self.run_(1)
        for person in range(1, 50):
            self.message(person, 0)
        self.run_(1)
        self.assertEqual(49, sum(not id.startswith("0:") for id in self.callback.taken))
        self.run_(200)
        self.assertInOrder(2049)


_OUTCOMES = (
    *[CallbackResponse(204)] * 4,
    CallbackResponse(200, TEXT, b"hello"),
    CallbackResponse(404),
    None,
    None,
    CallbackResponse(410),
    CallbackResponse(429, retryAfter="3"),
    CallbackResponse(503, retryAfter="2"),
)

_STEPS = (*["message"] * 6, "time", "time", "fail", "mend", "restart")


class AnyTests(OutageTestCase):
    """
    Tests of order, whatever happens.
    """

    @settings(max_examples=THOROUGH // 10)
    @given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 60))
    def test_any(self, seed: int, inMemory: int, steps: int) -> None:
        """
        Each message of a conversation is settled in order, and none is lost, whatever
        the
        callback responds, however long it takes, and whether the store fails or the
        gateway
        restarts.
        """
        # Hypothesis's own would raise where it is caught.
        dice = random.Random(seed)
        self.patch(conversation, "COUNT", inMemory)
        self.setUp()
        self.callback.answer = lambda stanza: (
            dice.choice([0.0, 0.1, 3.0]),
            dice.choice(_OUTCOMES),
        )
        numbers = [0] * 3
        with capturedLogs():
            for _ in range(steps):
                self.step(dice, numbers)
            self.store.failing = set()
            self.callback.answer = lambda stanza: (0.1, CallbackResponse(204))
            self.run_(7200)
        self.assertEqual(0, self.inbox.storedCount)
        self.assertEqual({}, self.store.store._incoming[PENDING])
        self.assertEqual({}, self.store.store._incoming[DEAD])
        tried: dict[int, list[int]] = defaultdict(list)
        for _, id in self.callback.tries:
            person, number = map(int, id.split(":"))
            tried[person].append(number)
        for person, order in tried.items():
            # Each may be tried again, but never after one that came later.
            self.assertEqual(sorted(order), order)
            self.assertEqual({*range(numbers[person])}, {*order})

    def step(self, dice: random.Random, numbers: list[int]) -> None:
        """Let something happen."""
        step = dice.choice(_STEPS)
        if step == "message":
            person = dice.randrange(len(numbers))
            self.message(person, numbers[person])
            numbers[person] += 1
        elif step == "time":
            self.run_(dice.choice([0.05, 1.0, 10.0, 100.0]))
        elif step == "fail":
            self.store.failing = {dice.choice(["recordAttempt", "pending"])}
        elif step == "mend":
            self.store.failing = set()
        else:
            stopping = self.inbox.stopService()
            assert stopping is not None
            # Requests that take longer run into the timeout.
            self.run_(STOP_TIMEOUT)
            self.successResultOf(stopping)
            self.inbox = self.begin()
