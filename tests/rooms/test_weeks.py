"""
Simulated weeks of L{xmpprest.rooms}: whatever a room service does, the bot is where it
belongs, and sends little. C{python -m bench.room_weeks} runs many of them.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from ..support.room_service import fault
from ..support.room_turmoil import (
    ARCHIVED,
    DAY,
    DISTURBANCES,
    MAX_TRAFFIC,
    PLAIN,
    Turmoil,
)


class TurmoilMachine(RuleBasedStateMachine):
    """
    A bot in two rooms, to which anything happens in any order, with any pause.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turmoil = Turmoil(0)

    @rule(
        name=st.sampled_from([*DISTURBANCES]),
        room=st.sampled_from([ARCHIVED, PLAIN]),
        seconds=st.sampled_from([0.0, 0.06, 3.0, 16.0, 40.0, 700.0]),
    )
    def disturb(self, name: str, room: str, seconds: float) -> None:
        """Something happens, and the next thing soon after it."""
        self.turmoil.disturbRoom(name, room)
        self.turmoil.advance(seconds)

    @rule()
    def talk(self) -> None:
        """Another occupant says something."""
        self.turmoil.talk()

    @rule()
    def calm(self) -> None:
        """Every disturbance ends."""
        self.turmoil.calm()

    def teardown(self) -> None:
        """The bot is where it belongs."""
        self.turmoil.calm()


class TurmoilTests(SynchronousTestCase):
    """
    Weeks in which all sorts of things happen.
    """

    def test_anyOrder(self) -> None:
        """
        The bot is where it belongs in the end, after any events in any order.
        """
        run_state_machine_as_test(
            TurmoilMachine, settings=settings(stateful_step_count=12, deadline=None)
        )

    def test_threeWeeks(self) -> None:
        """
        After each disturbance the bot is in its rooms once, under the right nick, or
        out of them for a reason; it has every message once and in order; and on no day
        does it send more than a few hundred stanzas to a room.
        """
        turmoil = Turmoil(0)
        turmoil.live(21 * DAY)
        self.assertEqual({*DISTURBANCES} - {*turmoil.happened}, set())
        self.assertLessEqual(max(turmoil.traffic.values()), MAX_TRAFFIC)


class TrafficTests(SynchronousTestCase):
    """
    Stanzas of a whole day, to two rooms, one of which is not as it should be.
    """

    def setUp(self) -> None:
        self.turmoil = Turmoil(0)
        self.room = self.turmoil.server.rooms[PLAIN]
        # A fresh day, without the joins at the begin.
        self.turmoil.advance(DAY - self.turmoil.clock.seconds())

    def day(self) -> int:
        """Let a day pass; return the number of stanzas sent."""
        self.turmoil.traffic.clear()
        self.turmoil.advance(DAY)
        return self.turmoil.traffic.total()

    def test_quiet(self) -> None:
        """
        In a quiet room a bot sends a ping every ten minutes.
        """
        self.assertLessEqual(self.day(), 2 * 144)

    def test_busy(self) -> None:
        """
        A bot does not ping a room that sends something every few minutes.
        """
        self.turmoil.traffic.clear()
        for _ in range(288):
            self.turmoil.server.say(PLAIN, "1", "Ann")
            self.turmoil.advance(DAY / 288)
        self.assertLessEqual(self.turmoil.traffic.total(), 145)

    def test_refused(self) -> None:
        """
        A bot that a room does not let in for now tries again every five minutes at
        last, with a question and a presence; for good, it does not try again.
        """
        for condition, type, most in (
            ("resource-constraint", "wait", 2 * 300),
            ("service-unavailable", "", 2 * 300),
            ("remote-server-timeout", "", 2 * 300),
            ("made-up", "cancel", 2 * 300),
            # Each attempt tries five nicks.
            ("conflict", "", 6 * 300),
            ("forbidden", "auth", 2),
            ("registration-required", "", 2),
        ):
            self.setUp()
            self.room.refusal = fault(condition, type)
            self.turmoil.disturbRoom("dropped without a code", PLAIN)
            sent = self.day()
            self.assertLessEqual(sent, 144 + most, condition)
            self.assertGreaterEqual(sent, 144 + min(most, 288), condition)

    def test_silent(self) -> None:
        """
        A room that answers nothing gets a ping a minute, or a question every five.
        """
        self.room.isSilent = True
        self.assertLessEqual(self.day(), 144 + 1440)
        self.turmoil.server.remove(PLAIN, "bot")
        self.assertLessEqual(self.day(), 144 + 300)

    def test_removed(self) -> None:
        """
        A bot that was kicked sends nothing.
        """
        self.turmoil.disturbRoom("removed for good, 307", PLAIN)
        self.assertLessEqual(self.day(), 144)
