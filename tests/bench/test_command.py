"""Tests of the command line of C{bench}."""

from __future__ import annotations

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.__main__ import parseArguments, requireModRest, run


class ModRestTests(SynchronousTestCase):
    """
    Tests of C{--mod-rest}.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp(), "mod_rest")
        self.directory.mkdir(parents=True)

    def test_missing(self) -> None:
        """
        A command that names no copy of mod_rest parses, but does not run.
        """
        arguments = ["--mod-rest", str(self.directory)]
        self.assertEqual(parseArguments(arguments).mod_rest, self.directory.resolve())
        ended = self.assertRaises(SystemExit, run, arguments)
        self.assertIn("has no file mod_rest.lua", str(ended))

    def test_there(self) -> None:
        """
        A copy is accepted, and so is a run without one.
        """
        (self.directory / "mod_rest.lua").touch()
        requireModRest(self.directory)
        requireModRest(None)

    def test_name(self) -> None:
        """
        The directory must have the name that Prosody looks for.
        """
        said = StringIO()
        with redirect_stderr(said):
            self.assertRaises(SystemExit, parseArguments, ["--mod-rest", "mods/rest"])
        self.assertIn("must be called mod_rest", said.getvalue())
