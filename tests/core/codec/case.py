"""The base class of the tests of the core."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Problem, Refusal
from xmpprest.core.stanza.parser import parseDocument

#: The component domain of the tests.
DOMAIN = "gateway.example"


def xml(text: str) -> Element:
    """An element from its text."""
    return parseDocument(text.encode("utf-8"))


def counting() -> Callable[[], str]:
    """Makes the ids new-0, new-1 and so on."""
    numbers = count()
    return lambda: f"new-{next(numbers)}"


class CoreTestCase(SynchronousTestCase):
    """
    A test case that knows what a refusal is.
    """

    def refusal(self, call: Callable[..., object], *arguments: object) -> Problem:
        """Why a call is refused; it must be."""
        try:
            result = call(*arguments)
        except Refusal as refusal:
            return refusal.problem
        raise self.failureException(f"{arguments!r:.200} gives {result!r:.200}")

    def assertSentence(self, text: str) -> None:
        """A text to a person is one: it begins and ends as sentences do."""
        self.assertRegex(text, r"^[A-Z].*\.$")
