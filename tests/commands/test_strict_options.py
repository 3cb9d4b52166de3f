"""Tests for L{xmpprest.commands.strict_options}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.__main__ import COMMANDS
from xmpprest.__main__ import main as command


class StrictOptionsTests(SynchronousTestCase):
    """
    Flags of all commands.
    """

    def test_unknown(self) -> None:
        """
        Each command but the doctor, which prints a report, refuses an unknown flag with
        the same sentence; it suggests the nearest one, and accepts no abbreviation.
        """
        for name in sorted({*COMMANDS} - {"doctor"}):
            for flag, hint in (
                ("--hlep", "did you mean --help?"),
                ("--vers", "did you mean --version?"),
                ("--qqq=secret", "see --help."),
            ):
                error = self.assertRaises(SystemExit, command, [name, flag])
                expected = f"There is no flag {flag.partition('=')[0]}; {hint}"
                self.assertIn(expected, str(error.code), name)
                self.assertNotIn("secret", str(error.code))
