"""Tests of C{docs/reference/http-api.rst}: it has what the gateway has."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT, TOKEN
from xmpprest.core.codec.table import PAYLOADS
from xmpprest.core.media import formats
from xmpprest.core.openapi.document import document

PAGE = Document(ROOT / "docs/reference/http-api.rst")
STATUSES = Document(ROOT / "docs/reference/status-codes.rst")
(PROBLEM,) = STATUSES.of("json")
DOCUMENT = document("gateway.example.org", "1")


class TableTests(SynchronousTestCase):
    """
    Tests of the tables.
    """

    def test_routes(self) -> None:
        """
        Every route is there.
        """
        described = {
            f"{method.upper()} /rest{path.rstrip('/')}"
            for path, methods in DOCUMENT["paths"].items()
            for method in methods
        }
        named = {each.name for each in PAGE.entries("Routes")}
        byPayload = {
            route
            for payload in PAYLOADS
            for route in (
                f"GET /rest/{payload}/{{to}}",
                f"POST /rest/iq/{payload}/{{to}}",
            )
        }
        self.assertEqual(described - named, byPayload)

    def test_payloads(self) -> None:
        """
        Every payload is there, with what its query may say.
        """
        rows = {row[0].text: row for row in PAGE.table("Queries as one URL")}
        self.assertEqual(set(rows), set(PAYLOADS))
        self.assertEqual(rows["items"][2].literals, ["node"])
        self.assertEqual(rows["items"][3].text, "XEP-0030")

    def test_types(self) -> None:
        """
        The media types are those that there are.
        """
        rows = {row[0].text: row[1:] for row in PAGE.table("Media types")}
        self.assertEqual(set(rows), set(formats.FORMATS))
        answers = {name for name, row in rows.items() if row[1].text == "yes"}
        self.assertEqual(answers, set(formats.OUTPUT_TYPES))

    def test_statuses(self) -> None:
        """
        Every problem has its status.
        """
        entries = {each.name: each.literals for each in STATUSES.entries("Errors")}
        responses = DOCUMENT["components"]["responses"]
        self.assertEqual(set(entries), set(responses) - {"accepted"})
        for status, literals in entries.items():
            self.assertLessEqual(set(responses[status]["headers"]), set(literals))


class ProblemTests(PasteTestCase):
    """
    Errors for mistakes.
    """

    async def test_problem(self) -> None:
        """
        The example is what the gateway answers.
        """
        await self.prepare()
        await self.start()
        status, body = await self.paste(
            f"curl http://127.0.0.1:8080/rest --oauth2-bearer {TOKEN}"
            " -H 'Content-Type: application/json'"
            """ -d '{"kind": "message", "to": "user@example.org", "bdy": "Hello!"}'"""
        )
        self.assertEqual(status, json.loads(PROBLEM)["status"])
        self.assertJSON(body, PROBLEM)
