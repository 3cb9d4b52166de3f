"""The commands of README.rst for a start, pasted."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tests.docs.document import Document
from tests.docs.world import ROOT, WorldTestCase
from tests.support.programs import Program, require

README = Document(ROOT / "README.rst")
(FILES, START) = README.of("sh")[:2]


class PasteTestCase(WorldTestCase):
    """
    A test that pastes what is there, in its order.
    """

    async def prepare(self) -> None:
        """Make the files."""
        require("curl")
        await self.run_(FILES)

    async def start(self, *more: str, port: int = 0) -> Program:
        """
        Start the gateway with the command that is there; returns once it is connected.

        @param more: Further flags.
        @param port: Of the server, if it is another one than this world's.
        """
        program = self.shell(
            shlex.join([*shlex.split(START), *more]),
            XMPPREST_SERVER=f"tcp:127.0.0.1:{port or self.serverPort}",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
        )
        found = await self.waiting(
            program.expect, r"(?s)Listening for HTTP on .*?\bport\D+(\d+).*connected"
        )
        # So that curl takes what is written there for this.
        self.place.write(
            ".curlrc", f'connect-to = "127.0.0.1:8080:127.0.0.1:{found[1]}"'
        )
        return program

    async def paste(self, command: str) -> tuple[int, str]:
        """Paste one that is all curl; returns the status and the body."""
        said = await self.run_(f"{command} -sS -w '\\n%{{http_code}}'")
        body, _, status = said.rpartition("\n")
        return int(status), body

    def assertJSON(self, body: str, expected: str) -> Any:
        """
        A body is what a document says, in the same order.

        @return: Its content.
        """
        value = json.loads(body)
        self.assertEqual(json.dumps(value), json.dumps(json.loads(expected)))
        return value
