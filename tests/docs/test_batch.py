"""Tests of the pages about batches: their commands and their examples."""

from __future__ import annotations

import json

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT
from xmpprest.core.media import formats
from xmpprest.core.media.framing import NDJSON
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.webhook.batch import encodeLine, parseBatchResponse

PAGE = Document(ROOT / "docs/how-to/batches.rst")
CALLBACK = Document(ROOT / "docs/how-to/callback-batches.rst")


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

    def test_bot(self) -> None:
        """
        The bot that stands there is the example, which is run as such.
        """
        (bot,) = CALLBACK.of("python")
        example = ROOT / "docs" / "examples" / "echobatch.py"
        self.assertEqual(bot.strip(), example.read_text().strip())

    def test_lines(self) -> None:
        """
        The lines that stand there can be read, and mean what is said of them.
        """
        posted, answered = CALLBACK.of("json")
        line = json.loads(posted)
        element = formats.decode(formats.JSON, json.dumps(line["stanza"]).encode())
        self.assertEqual(json.loads(encodeLine(line["id"], element)), line)
        ids = [json.loads(text)["id"] for text in answered.splitlines()]
        reading = parseBatchResponse(
            CallbackResponse(200, NDJSON, answered.encode()), [*ids, "msg_x"]
        )
        self.assertEqual([*reading.errors], ["msg_x"])
        self.assertEqual(reading.unmatchedLines, 0)
        statuses = [reading.answers[id].status for id in ids]
        self.assertEqual(statuses, [204, 200, 404, 503])
        self.assertEqual(reading.answers[ids[-1]].retryAfter, "60")


def _index(line: dict[str, int]) -> int:
    return line["index"]
