"""Tests of the log of the programs twist and twistd, with each format."""

from __future__ import annotations

import json
import signal
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support.programs import Place, twist, twistd
from tests.test_tap import ANYWHERE, ENOUGH


class ProgramTests(SynchronousTestCase):
    """
    The programs
    """

    def test_json(self) -> None:
        """
        Each line of twist, of twistd, and of a file of twistd's is a JSON object, and
        with text none is.
        """
        place = Place(self)
        file = place.path / "the.log"
        foreground = ("-n", "--pidfile=")
        gateway = ("xmpprest", "--listen", ANYWHERE, "--store=memory")
        started = [
            place.start(command, **ENOUGH)
            for command in (
                twist(*gateway, "--log-format=json"),
                twistd(*foreground, *gateway, "--log-format=json"),
                twistd(*foreground, "-l", str(file), *gateway, "--log-format=json"),
                twist(*gateway, "--log-format=text"),
            )
        ]
        for program in (*started[:2], started[3]):
            program.expect("cannot connect")
        while not (file.exists() and "cannot connect" in file.read_text()):
            self.assertTrue(started[2].leftOver)
            time.sleep(0.05)
        for program in started:
            program.end(signal.SIGINT)
        for text in (started[0].output, started[1].output, file.read_text()):
            lines = [json.loads(line) for line in text.splitlines()]
            (trouble,) = [line for line in lines if "what" in line]
            self.assertEqual(trouble["level"], "error")
            self.assertIn(trouble["what"], trouble["message"])
        self.assertNotIn("{", started[3].output)
