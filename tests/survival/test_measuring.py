"""Tests of what measures an ordeal: turns, silences, and a clock that is stepped."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ..support.stepped_clock import SteppedClock
from ..support.survival.silence import Silence
from ..support.survival.turns import LongestTurns


def metrics(longest: str, started: int) -> bytes:
    """The text of the metrics of a gateway."""
    return (
        "# TYPE xmpprest_reactor_turn_max_seconds gauge\n"
        f"xmpprest_reactor_turn_max_seconds {longest}\n"
        f"process_start_time_seconds {started}.5\n"
    ).encode()


class LongestTurnsTests(SynchronousTestCase):
    """
    Tests for L{LongestTurns}.
    """

    def setUp(self) -> None:
        """Have seen nothing."""
        self.turns = LongestTurns()

    def test_processes(self) -> None:
        """
        The turns in which a process starts are apart.
        """
        for longest, started in (("0.5", 1), ("0.01", 1), ("0.4", 2), ("2e-2", 2)):
            self.turns.read(metrics(longest, started))
        self.assertEqual([0.5, 0.4], self.turns.starting)
        self.assertEqual([0.01, 0.02], self.turns.seconds)

    def test_skip(self) -> None:
        """
        After a freeze, two answers do not count.
        """
        self.turns.read(metrics("0.01", 1))
        self.turns.skip()
        for longest in ("20.1", "20", "0.02"):
            self.turns.read(metrics(longest, 1))
        self.assertEqual([0.02], self.turns.seconds)

    def test_without(self) -> None:
        """
        A gateway that cannot measure its turns has none.
        """
        self.turns.read(b"process_start_time_seconds 1\n")
        self.assertEqual([], self.turns.starting + self.turns.seconds)


class SilenceTests(SynchronousTestCase):
    """
    Tests for L{Silence}.
    """

    def test_longest(self) -> None:
        """
        The longest time between two arrivals counts, or since the beginning.
        """
        times = iter([0.0, 10.0, 13.0, 14.0, 20.0, 21.0])
        silence = Silence(lambda: next(times))
        silence.begin()
        silence.end()
        self.assertEqual(3.0, silence.longest)
        silence.end()
        silence.begin()
        silence.end()
        self.assertEqual(3.0, silence.longest)


class SteppedClockTests(SynchronousTestCase):
    """
    Tests for L{SteppedClock}.
    """

    def test_file(self) -> None:
        """
        The file that libfaketime reads has the sum of all steps.
        """
        place = Path(self.mktemp())
        place.mkdir()
        clock = SteppedClock(place)
        file = Path(clock.environment["FAKETIME_TIMESTAMP_FILE"])
        self.assertEqual("+0.000\n", file.read_text())
        clock.step(15)
        clock.step(-3600)
        self.assertEqual("-3585.000\n", file.read_text())
