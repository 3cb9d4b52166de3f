"""
Does once what is asked again under the same key (behaviour.md §5).

The first answer is kept, and given to whoever asks again. What was refused before
anything had happened leaves nothing behind, so that it may be tried again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from twisted.logger import Logger

from ...core.errors import Problem, Refusal
from ...core.media import formats
from ...core.records import IdempotencyRecord, StoreUnavailable
from ..response import Accepts, Response, errorResponse
from .key import IdempotencyKey

_log = Logger()


class IdempotencyStore(Protocol):
    """
    What keeps answers. Every call may raise L{StoreUnavailable}.
    """

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Awaitable[IdempotencyRecord | None]:
        """Keep the key of a request that runs now; returns what there is already."""

    def finishRequest(self, key: str, answer: bytes | None) -> Awaitable[None]:
        """Keep the answer; C{None} forgets the key."""


#: Does something, and returns what brings the answer. If it raises L{Refusal} or
#: L{StoreUnavailable}, nothing has happened.
Action = Callable[[], Awaitable[Awaitable[Response]]]


async def ready(response: Response) -> Response:
    """The answer of what has happened already."""
    return response


async def _freely(acting: Awaitable[Awaitable[Response]]) -> Response:
    """Do what has no key."""
    answering = await acting
    del acting
    return await answering


class IdempotencyGuard:
    """
    Does what has a key once.
    """

    def __init__(self, keys: IdempotencyStore, now: Callable[[], float]) -> None:
        """
        @param now: Tells the time, in seconds since 1970.
        """
        self._keys = keys
        self._now = now
        #: The fingerprints of what runs, by key.
        self._running: dict[str, bytes] = {}

    def run(
        self, claim: IdempotencyKey | None, accepts: Accepts, act: Action
    ) -> Awaitable[Response]:
        """
        Do something, or give the answer that there is already.

        @param accepts: Which form an error has that is kept.
        @param act: What it holds may be long, and the wait for the answer, too: it is
            let go of before.
        @return: Brings the answer. It raises L{Refusal}: nothing has happened, or there
            is no claim; 409, it runs; 422, the key is another's; 504, the answer was
            lost.
        """
        if claim is None:
            return _freely(act())
        return self._do(claim, accepts, act)

    async def _do(
        self, claim: IdempotencyKey, accepts: Accepts, act: Action
    ) -> Response:
        with self.lock(claim):
            earlier = await self._begin(claim)
            if earlier is not None:
                return earlier
            try:
                acting = act()
                del act
                answering = await acting
            except (Refusal, StoreUnavailable):
                await self._end(claim, None)
                raise
            del acting
            try:
                response = await answering
            except Refusal as refusal:
                response = errorResponse(_lasting(refusal.problem), accepts)
            await self.finish(claim, response)
            return response

    @contextmanager
    def lock(self, claim: IdempotencyKey | None) -> Iterator[None]:
        """
        Let nobody else do the same meanwhile.

        @raise Refusal: 409, somebody does; 422, or something else under that key.
        """
        if claim is None:
            yield
            return
        if claim.key in self._running:
            _checkSame(claim, self._running[claim.key])
            raise _runs()
        self._running[claim.key] = claim.fingerprint
        try:
            yield
        finally:
            del self._running[claim.key]

    def recordFor(
        self, claim: IdempotencyKey | None, response: Response
    ) -> IdempotencyRecord | None:
        """What to keep together with what is done, for the answer that it will have."""
        return (
            None if claim is None else self._record(claim, serializeResponse(response))
        )

    async def finish(self, claim: IdempotencyKey | None, response: Response) -> None:
        """Keep an answer: the first one, or the last word instead of it."""
        await self._end(claim, serializeResponse(response))

    async def _begin(self, claim: IdempotencyKey) -> Response | None:
        earlier = await self._keys.beginRequest(self._record(claim, None))
        return None if earlier is None else replay(earlier, claim)

    async def _end(self, claim: IdempotencyKey | None, answer: bytes | None) -> None:
        if claim is None:
            return
        try:
            await self._keys.finishRequest(claim.key, answer)
        except StoreUnavailable as error:
            # What has happened has happened, and whoever waits is to know.
            _log.error(
                "The answer for the idempotency key {key} was not kept: {reason}.",
                key=claim.key,
                reason=error,
            )

    def _record(self, claim: IdempotencyKey, answer: bytes | None) -> IdempotencyRecord:
        return IdempotencyRecord(claim.key, claim.fingerprint, answer, self._now())


def replay(earlier: IdempotencyRecord, claim: IdempotencyKey) -> Response:
    """
    The answer that there is already.

    @param earlier: Of a request that runs no longer.
    @raise Refusal: 422, it was for something else; 504, nobody knows it any more.
    """
    _checkSame(claim, earlier.fingerprint)
    if earlier.answer is None:
        raise Refusal(_unknown("The answer to this could not be kept"))
    return _loaded(earlier.answer)


def _checkSame(claim: IdempotencyKey, fingerprint: bytes) -> None:
    if claim.fingerprint != fingerprint:
        raise Refusal(
            Problem(
                422,
                "modify",
                "conflict",
                "This Idempotency-Key was used for another request: another path,"
                " Content-Type or body; use a new one.",
            )
        )


def _runs() -> Refusal:
    return Refusal(
        Problem(
            409,
            "wait",
            "conflict",
            "The request with this Idempotency-Key is not answered yet; ask again"
            " later.",
            (("Retry-After", "1"),),
        )
    )


def _unknown(why: str) -> Problem:
    return Problem(
        504,
        "wait",
        "connection-timeout",
        f"{why}; whether it was carried out is not known. Use a new key to try again.",
    )


def _lasting(problem: Problem) -> Problem:
    """
    What to say of a failure for as long as the key is kept: not that it may be tried
    again, for with this key it is not.

    @param problem: Of what has been sent; 503, the stream was lost.
    """
    if problem.status != 503:
        return problem
    return _unknown(
        "The connection to the XMPP server was lost while this waited for its reply"
    )


def interruptedAnswer() -> bytes:
    """The answer to a request that ran when the gateway ended."""
    problem = _unknown("The gateway was restarted while this waited for its reply")
    body = formats.encodeProblem(problem, formats.JSON)
    return serializeResponse(Response(problem.status, body, formats.JSON))


# --- answers, to be kept --------------------------------------------------------


def serializeResponse(response: Response) -> bytes:
    """A response as it is kept: a line of JSON, and the body."""
    head = [response.status, response.contentType, response.headers]
    return json.dumps(head).encode() + b"\n" + response.body


def _loaded(answer: bytes) -> Response:
    head, _, body = answer.partition(b"\n")
    status, contentType, headers = json.loads(head)
    return Response(status, body, contentType, tuple((n, v) for n, v in headers))
