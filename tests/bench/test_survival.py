"""Tests for L{bench.survival}: which experiments the options ask for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.survival import Experiment, experiments, parseArguments


def planned(*arguments: str) -> dict[str, Experiment]:
    """Return the experiments by name."""
    found = experiments(parseArguments(arguments))
    return {each.name: each for each in found}


class ExperimentsTests(SynchronousTestCase):
    """
    Tests for L{experiments}.
    """

    def test_default(self) -> None:
        """
        Without options, each failure is injected as often as the manual says.
        """
        counts = {name: len(each.blows) for name, each in planned().items()}
        self.assertEqual(
            {
                "gateway killed": 300,
                "gateway killed, clients use keys": 30,
                "Prosody killed": 50,
                "Prosody killed, recipient a component": 50,
                "Prosody stopped": 20,
                "ejabberd killed": 50,
                "ejabberd killed, recipient a component": 50,
                "ejabberd stopped": 20,
                "gateway stopped": 20,
                # Of 15 s and of an hour, forward and back.
                "clock stepped": 80,
                "disk failing or slow": 20,
            },
            counts,
        )

    def test_none(self) -> None:
        """A fault with the number 0 has no experiment."""
        names = planned("--kills=0", "--freezes=0", "--clock-steps=0", "--disks=0")
        self.assertEqual(6, len(names))
        ejabberd = planned("--kills=0", "--server-kills=3", "--servers", "ejabberd")
        self.assertNotIn("Prosody killed", ejabberd)
        self.assertEqual(3, len(ejabberd["ejabberd killed"].blows))

    def test_compare(self) -> None:
        """
        A gateway without a store runs beside, but not with a clock or disk of its own.
        """
        plain = {
            name
            for name, each in planned("--compare").items()
            if each.settings["plain"]
        }
        alone = planned().keys() - plain
        self.assertEqual({"clock stepped", "disk failing or slow"}, alone)
