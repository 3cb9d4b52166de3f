"""Real payloads of other programs, and the messages that they become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.hooks.hook import Hook
from xmpprest.core.hooks.notice import layout
from xmpprest.core.hooks.request import HookRequest, parseRequest
from xmpprest.core.hooks.shapes import SHAPES, detect

from .hooks import makeHook

PAYLOADS = Path(__file__).parent / "payloads"

#: The least number of payloads of a shape.
LEAST = 5


def cases() -> Iterator[tuple[str, dict[str, Any], HookRequest]]:
    """Yield the shape, the case and the request of each payload."""
    for path in sorted(PAYLOADS.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8")):
            query = case.get("query", "").encode()
            body = case["body"].removesuffix("\n").encode()
            yield path.stem, case, parseRequest(case["headers"], body, query)


class PayloadTests(SynchronousTestCase):
    """
    The messages of real payloads
    """

    def test_messages(self) -> None:
        """
        Each payload becomes the message beside it, by the built-in template and by the
        layout that needs none.
        """
        hooks: dict[str, Hook] = {name: makeHook(shape=name) for name in SHAPES}
        for shape, case, request in cases():
            expected = case["message"].removesuffix("\n")
            with self.subTest(f"{shape}: {case['name']}"):
                message = hooks[shape].message(request)
                self.assertEqual(message.body, expected)
                self.assertIsNone(message.failure)
                self.assertEqual(layout(message.notice), expected)

    def test_detected(self) -> None:
        """
        The shape of each payload is found by its headers and keys.
        """
        for shape, case, request in cases():
            with self.subTest(f"{shape}: {case['name']}"):
                self.assertEqual(detect(request), case.get("detected", shape))

    def test_number(self) -> None:
        """
        Each shape has at least five payloads, each with its source.
        """
        counts = dict.fromkeys(SHAPES, 0)
        for shape, case, _ in cases():
            self.assertTrue(case["source"], case["name"])
            counts[shape] += 1
        for shape, count in counts.items():
            self.assertGreaterEqual(count, LEAST, shape)
