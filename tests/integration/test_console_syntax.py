"""Tests of the console's scripts with Node, which parses them as a browser does."""

from __future__ import annotations

import subprocess
from importlib import resources

from twisted.trial.unittest import SynchronousTestCase

from tests.support.programs import require


class SyntaxTests(SynchronousTestCase):
    """
    Tests of each script.
    """

    def test_modules(self) -> None:
        """
        Every script is a module without syntax errors, such as the name of a private
        method that its class does not have: with one, the page does nothing.
        """
        require("node")
        directory = resources.files("xmpprest") / "console"
        scripts = [it for it in directory.iterdir() if it.name.endswith(".js")]
        self.assertGreater(len(scripts), 5)
        for script in scripts:
            checked = subprocess.run(
                ["node", "--input-type=module", "--check"],
                input=script.read_text("utf-8"),
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(checked.returncode, 0, (script.name, checked.stderr))
