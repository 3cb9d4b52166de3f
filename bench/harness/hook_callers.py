"""Programs that call hooks, and repeat each request until it is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.survival.http import Answer, Client, InDoubt, NotSent
from tests.support.survival.ledger import Label, Ledger
from tests.support.survival.load import AGAIN, PAUSE, sleep

_PAYLOADS = Path(__file__).parents[2] / "tests/core/hooks/payloads"


@dataclass(frozen=True)
class Program:
    """
    A kind of program that calls hooks.

    @ivar headers: The header fields of each request.
    @ivar deliveryHeader: The header field with the id of the delivery.
    @ivar write: Returns the body of a request whose message has a text.
    """

    headers: Mapping[str, str]
    deliveryHeader: str
    write: Callable[[str], str]


def _payload(shape: str, name: str, *path: str | int) -> Callable[[str], str]:
    """
    Return a function that writes a text into a real payload.

    @param path: The keys of the text in the payload.
    """
    cases = yaml.safe_load((_PAYLOADS / f"{shape}.yaml").read_text("utf-8"))
    (case,) = [each for each in cases if each["name"] == name]

    def write(text: str) -> str:
        payload = inner = json.loads(case["body"])
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = text
        return json.dumps(payload)

    return write


#: The programs, each with its own header for the id of a delivery.
PROGRAMS: Sequence[Program] = (
    Program(
        {"X-GitHub-Event": "issues", "Content-Type": "application/json"},
        "X-GitHub-Delivery",
        _payload("github", "issue opened", "issue", "title"),
    ),
    Program(
        {"X-Gitlab-Event": "Issue Hook", "Content-Type": "application/json"},
        "Idempotency-Key",
        _payload("gitlab", "issue opened", "object_attributes", "title"),
    ),
    Program(
        {"X-Gitea-Event": "push", "Content-Type": "application/json"},
        "X-Gitea-Delivery",
        _payload("gitea", "push", "commits", 0, "message"),
    ),
    Program(
        {"Content-Type": "application/json"},
        "webhook-id",
        lambda text: json.dumps({"event": "backup", "message": text}),
    ),
    Program({"Content-Type": "text/plain"}, "Idempotency-Key", str),
)


class HookCaller:
    """
    A program that calls a hook for one thing after the other. It repeats a request,
    with the same id of the delivery, until there is a response.

    @ivar doubtful: The number of requests without a response.
    @ivar refused: The unexpected responses.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        path: str,
        port: int,
        ledgers: Sequence[Ledger],
    ) -> None:
        """
        @param name: Of the caller, which its labels begin with.
        @param path: Of the hook.
        @param port: Of the gateway.
        @param ledgers: One for each recipient of the hook.
        """
        self.doubtful = 0
        self.refused: list[Answer] = []
        self._name = name
        self._program = program
        self._path = path
        self._ledgers = ledgers
        self._client = Client(port)
        self._number = 0
        self._ended = False

    def end(self) -> None:
        """Begin no further request."""
        self._ended = True

    async def run(self) -> None:
        """Call the hook until it is ended; the last request gets its response, too."""
        self._ended = False
        try:
            while not self._ended:
                self._number += 1
                await self._call(Label(self._name, self._number))
        finally:
            await self._client.close()

    async def _call(self, label: Label) -> None:
        answer = await self._insist(label)
        if not 200 <= answer.status < 300:
            self.refused.append(answer)
            return
        id = _idIn(answer)
        for number, ledger in enumerate(self._ledgers):
            # The response has the id of the message to the first recipient.
            ledger.promise(label, "" if number else id)

    async def _insist(self, label: Label) -> Answer:
        program = self._program
        body = program.write(f"{label} happened")
        headers = {**program.headers, program.deliveryHeader: f"delivery-{label}"}
        while True:
            try:
                answer = await self._client.request(
                    "POST", self._path, body, headers, authorized=False
                )
            except NotSent:
                await sleep(PAUSE)
                continue
            except InDoubt:
                self.doubtful += 1
                continue
            if answer.status not in AGAIN:
                return answer
            await sleep(PAUSE)


def _idIn(answer: Answer) -> str:
    value: Any = json.loads(answer.body)
    return str(value["id"])
