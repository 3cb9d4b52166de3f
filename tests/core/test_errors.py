"""Tests of L{xmpprest.core.errors}."""

from __future__ import annotations

from tests.core.codec.case import CoreTestCase
from xmpprest.core.errors import (
    Problem,
    Refusal,
    StanzaError,
    badRequest,
    errorFromStatus,
    reasonPhrase,
    serviceUnavailable,
    unprocessable,
)

#: The table of callback.rst, row by row: what the sender is told.
TOLD: dict[tuple[int, ...], tuple[str, str]] = {
    (400, 411, 416, 422): ("modify", "bad-request"),
    (401, 511): ("auth", "not-authorized"),
    (402,): ("auth", "not-authorized"),
    (403, 451): ("auth", "forbidden"),
    (404,): ("cancel", "item-not-found"),
    (405,): ("cancel", "not-allowed"),
    (406,): ("modify", "not-acceptable"),
    (407,): ("auth", "registration-required"),
    (415,): ("cancel", "feature-not-implemented"),
    (423, 429, 507): ("wait", "resource-constraint"),
    (431, 413, 414): ("modify", "resource-constraint"),
    (500,): ("wait", "internal-server-error"),
    (501,): ("cancel", "feature-not-implemented"),
    (502, 504, 408): ("wait", "remote-server-timeout"),
    (503,): ("cancel", "service-unavailable"),
    (409, 412): ("cancel", "conflict"),
    (410,): ("cancel", "gone"),
    (300, 301, 302, 304, 307, 308): ("cancel", "undefined-condition"),
    (100, 418, 421, 426, 428, 499, 505, 508, 599, 999): (
        "cancel",
        "undefined-condition",
    ),
}

#: RFC 6120 §8.3.3
DEFINED_CONDITIONS = frozenset(
    {
        "bad-request",
        "conflict",
        "feature-not-implemented",
        "forbidden",
        "gone",
        "internal-server-error",
        "item-not-found",
        "jid-malformed",
        "not-acceptable",
        "not-allowed",
        "not-authorized",
        "policy-violation",
        "recipient-unavailable",
        "redirect",
        "registration-required",
        "remote-server-not-found",
        "remote-server-timeout",
        "resource-constraint",
        "service-unavailable",
        "subscription-required",
        "undefined-condition",
        "unexpected-request",
    }
)


class ErrorFromStatusTests(CoreTestCase):
    """
    L{errorFromStatus}
    """

    def test_table(self) -> None:
        """
        Each status has the type and the condition of the contract.
        """
        for statuses, told in TOLD.items():
            for status in statuses:
                error = errorFromStatus(status)
                self.assertEqual((error.type, error.condition), told, status)

    def test_defined(self) -> None:
        """
        Every status gives a type and a condition that RFC 6120 has.
        """
        for status in range(100, 1000):
            error = errorFromStatus(status)
            self.assertIn(error.condition, DEFINED_CONDITIONS, status)
            self.assertIn(error.type, {"auth", "cancel", "modify", "wait"}, status)

    def test_text(self) -> None:
        """
        The text is the status and its standard phrase, if there is one.
        """
        for status, text in {
            404: "404 Not Found",
            413: "413 Content Too Large",
            422: "422 Unprocessable Content",
            503: "503 Service Unavailable",
            999: "999",
        }.items():
            self.assertEqual(errorFromStatus(status).text, text)


class ReasonPhraseTests(CoreTestCase):
    """
    L{reasonPhrase}
    """

    def test_phrases(self) -> None:
        """
        The phrases are those of RFC 9110, whichever Python it is.
        """
        for status, phrase in {
            200: "OK",
            202: "Accepted",
            413: "Content Too Large",
            414: "URI Too Long",
            416: "Range Not Satisfiable",
            422: "Unprocessable Content",
            429: "Too Many Requests",
            504: "Gateway Timeout",
            299: "",
            999: "",
        }.items():
            self.assertEqual(reasonPhrase(status), phrase, status)


class ProblemTests(CoreTestCase):
    """
    L{Problem}, L{Refusal} and what makes them.
    """

    def test_title(self) -> None:
        """
        The title of a problem is the phrase of its status.
        """
        problem = Problem(422, "modify", "bad-format", "Wrong.")
        self.assertEqual(problem.title, "Unprocessable Content")

    def test_refusal(self) -> None:
        """
        A refusal carries its problem, and its text into a traceback.
        """
        problem = Problem(400, "modify", "bad-format", "Wrong.")
        self.assertIs(Refusal(problem).problem, problem)
        self.assertEqual(str(Refusal(problem)), "Wrong.")

    def test_made(self) -> None:
        """
        The usual refusals have their status, and 503 says when to try again.
        """
        for refusal, problem in (
            (
                badRequest("A."),
                Problem(400, "modify", "not-well-formed", "A."),
            ),
            (
                unprocessable("invalid-from", "B."),
                Problem(422, "modify", "invalid-from", "B."),
            ),
            (
                serviceUnavailable("resource-constraint", "C.", retryAfter=5),
                Problem(
                    503, "wait", "resource-constraint", "C.", (("Retry-After", "5"),)
                ),
            ),
        ):
            self.assertEqual(refusal.problem, problem)

    def test_stanzaError(self) -> None:
        """
        A stanza error need not have a text.
        """
        self.assertEqual(StanzaError("wait", "gone").text, "")
