"""An inbox whose client the test is."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support.delivery import ANN, BOT, KeepingWorld
from tests.support.doubles import stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.inbox.pull.desk import UpdateDesk
from xmpprest.inbox.pull.inbox import PullInbox

JSON = "application/json"


class PullWorld(KeepingWorld):
    """
    A store, and inboxes on it that a client fetches from.
    """

    def door(self) -> None:
        """Return no subscriber: a client fetches."""
        return

    @property
    def pull(self) -> PullInbox:
        """The inbox of the only callback."""
        inbox = self.inbox.inboxes["default"]
        assert isinstance(inbox, PullInbox)
        return inbox

    def ping(self, id: str = "q1", type: str = "get") -> None:
        """An iq comes in."""
        self.inbox.receive(
            stanza(
                f"<iq type='{type}' from='{ANN}' to='{BOT}' id='{id}'>"
                "<query xmlns='urn:example:unknown'/></iq>"
            )
        )

    def presence(self, id: str, type: str = "") -> None:
        """A presence comes in."""
        kind = f"type='{type}'" if type else ""
        self.inbox.receive(
            stanza(f"<presence {kind} from='{ANN}' to='{BOT}' id='{id}'/>")
        )

    def restart(self) -> None:
        """End the process in order and begin another."""
        self.stop()
        self.begin()


class Fetch:
    """
    A request for updates.
    """

    def __init__(self, fetching: Deferred[bytes]) -> None:
        self.fetching = fetching
        self.results: list[Any] = []
        fetching.addBoth(self.results.append)

    @property
    def isOver(self) -> bool:
        """Whether there is a response."""
        return bool(self.results)

    @property
    def page(self) -> dict[str, Any]:
        """The JSON of the response."""
        (body,) = self.results
        assert isinstance(body, bytes), body
        page: dict[str, Any] = json.loads(body)
        return page

    @property
    def cursor(self) -> str:
        """The cursor of the response."""
        return str(self.page["cursor"])

    @property
    def ids(self) -> list[str]:
        """The ids of the stanzas."""
        return [each["stanza"]["id"] for each in self.page["updates"]]


class PullTestCase(SynchronousTestCase):
    """
    A test with an inbox that a client fetches from.
    """

    def setUp(self) -> None:
        self.world = PullWorld()
        self.desk = UpdateDesk(self.world.inbox, self.world.store)

    def begin(
        self, after: str | None = None, wait: float = 0, limit: int = 100
    ) -> Fetch:
        """Begin a request for updates."""
        fetching = self.world.pull.fetch(after, wait, limit)
        return Fetch(Deferred.fromCoroutine(fetching))

    def fetch(self, after: str | None = None, limit: int = 100) -> Fetch:
        """Make a request for updates that does not wait."""
        fetch = self.begin(after, 0, limit)
        self.world.clock.advance(0)
        self.assertTrue(fetch.isOver)
        return fetch

    def answer(
        self,
        update: dict[str, Any] | str,
        body: bytes = b"",
        status: int | None = None,
        contentType: str | None = JSON,
    ) -> None:
        """Answer an update."""
        id = update if isinstance(update, str) else update["id"]
        response = CallbackResponse(
            status or (200 if body else 204), contentType if body else None, body
        )
        desk = UpdateDesk(self.world.inbox, self.world.store)
        answering = desk.answer(id, response, lambda name: True)
        self.successResultOf(Deferred.fromCoroutine(answering))

    def assertAnswerRefused(
        self, status: int, update: dict[str, Any] | str, body: bytes = b""
    ) -> str:
        """An answer is refused; returns the reason."""
        refusal = self.assertRaises(Refusal, self._try, update, body)
        self.assertEqual(refusal.problem.status, status)
        return str(refusal.problem.text)

    def _try(self, update: dict[str, Any] | str, body: bytes) -> None:
        id = update if isinstance(update, str) else update["id"]
        response = CallbackResponse(200 if body else 204, JSON if body else None, body)
        desk = UpdateDesk(self.world.inbox, self.world.store)
        answering = desk.answer(id, response, lambda name: True)
        failure: list[Any] = []
        Deferred.fromCoroutine(answering).addErrback(failure.append)
        if failure:
            failure[0].raiseException()

    def assertRefused(self, fetch: Fetch, status: int) -> None:
        """A request for updates was refused."""
        (failure,) = fetch.results
        refusal = failure.value
        self.assertIsInstance(refusal, Refusal)
        self.assertEqual(refusal.problem.status, status)
