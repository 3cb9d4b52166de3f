"""
The configuration is read again under load; the command does so for longer.
"""

from __future__ import annotations

import re
import sys
import unittest

from tests.servers.shared import require
from tests.support.programs import Place
from tests.support.prosody import Prosody


class ReloadTests(unittest.TestCase):
    """
    C{kill -HUP} of the gateway
    """

    def test_load(self) -> None:
        """
        No request fails, no message is missed, and each time what was read counts.
        """
        require(Prosody)
        command = [sys.executable, "-m", "bench.reload", "--seconds=4", "--rate=40"]
        program = Place(self).start(command)
        status = program.end()
        self.assertEqual(status, 0, program.output)
        self.assertRegex(program.output, re.compile("^failed +0$", re.MULTILINE))
