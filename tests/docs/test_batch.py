"""Tests of C{docs/batch.rst}: its commands, and what is answered."""

from __future__ import annotations

import json

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT

PAGE = Document(ROOT / "docs" / "batch.rst")


class BatchTests(PasteTestCase):
    """
    The commands, pasted.
    """

    async def test_asWritten(self) -> None:
        """
        Each batch is answered by the lines that stand there; one that comes again, by
        the same.
        """
        await self.prepare()
        await self.start()
        for command, expected in zip(PAGE.of("sh"), PAGE.of("text"), strict=True):
            status, body = await self.paste(command)
            self.assertEqual(status, 200, body)
            lines = sorted(map(json.loads, body.splitlines()), key=_index)
            said = [f"{line['index']} {line['status']}" for line in lines]
            self.assertEqual(said, expected.strip().split("\n"))
            if "Idempotency-Key" in command:
                _, again = await self.paste(command)
                self.assertEqual(
                    sorted(map(json.loads, again.splitlines()), key=_index), lines
                )


def _index(line: dict[str, int]) -> int:
    return line["index"]
