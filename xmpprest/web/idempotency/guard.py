"""
Runs a request with an idempotency key only once (reliability.rst).

The first response is stored and replayed to repetitions. A request that was refused
before it had any effect leaves no record, so that it can be repeated.
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
from ..response import Accepts, Answer, Response, errorResponse
from .key import IdempotencyKey

_log = Logger()


class IdempotencyStore(Protocol):
    """
    The part of the store that keeps responses. Every call may raise
    L{StoreUnavailable}.
    """

    def beginRequest(
        self, request: IdempotencyRecord
    ) -> Awaitable[IdempotencyRecord | None]:
        """
        Store the key of a request that begins.

        @return: The record of an earlier request with this key; C{None} if the key is
            new.
        """

    def requestByKey(self, key: str) -> Awaitable[IdempotencyRecord | None]:
        """Read the record of a key; C{None} if there is none."""

    def finishRequest(self, key: str, answer: bytes | None) -> Awaitable[None]:
        """
        Store the response under its idempotency key; with C{None}, forget the key, so
        that the request can be repeated.
        """


#: Runs a request, and returns its response or what brings it. If it raises L{Refusal}
#: or L{StoreUnavailable}, the request had no effect.
Action = Callable[[], Awaitable[Answer]]


async def _freely(acting: Awaitable[Answer]) -> Response:
    """Run a request without a key."""
    answer = await acting
    del acting
    return answer if isinstance(answer, Response) else await answer


class IdempotencyGuard:
    """
    Runs requests with an idempotency key once.
    """

    def __init__(self, keys: IdempotencyStore, now: Callable[[], float]) -> None:
        """@param now: Returns the current time in seconds since 1970."""
        self._keys = keys
        self._now = now
        #: The fingerprints of running requests, by key.
        self._running: dict[str, bytes] = {}

    def run(
        self, claim: IdempotencyKey | None, accepts: Accepts, act: Action
    ) -> Awaitable[Response]:
        """
        Run a request, or replay its stored response.

        @param accepts: The media types for a stored error.
        @param act: Runs the request. It may hold a long body, and is released before
            the response is awaited.
        @return: Awaits the response. It raises L{Refusal} if nothing happened or there
            is no key; 409 if a request with the key is running; 422 if the key belongs
            to another request; 504 if the response was lost.
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
                answer = await acting
            except (Refusal, StoreUnavailable):
                await self._end(claim, None)
                raise
            del acting
            try:
                response = answer if isinstance(answer, Response) else await answer
            except Refusal as refusal:
                response = errorResponse(_lasting(refusal.problem), accepts)
            await self.finish(claim, response)
            return response

    @contextmanager
    def lock(self, claim: IdempotencyKey | None) -> Iterator[None]:
        """
        Lock a key for the duration of a request.

        @raise Refusal: 409 if the same request is running; 422 if another request has
            the key.
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

    async def find(self, claim: IdempotencyKey | None) -> Response | None:
        """
        Return the response of an earlier request with a key; C{None} if there is none.

        @raise Refusal: 422 if the key belongs to another request; 504 if the response
            was lost.
        """
        if claim is None:
            return None
        earlier = await self._keys.requestByKey(claim.key)
        return None if earlier is None else replay(earlier, claim)

    def recordFor(
        self, claim: IdempotencyKey | None, response: Response
    ) -> IdempotencyRecord | None:
        """
        Return the record to store with a request, for the response that it will get.
        """
        return (
            None if claim is None else self._record(claim, serializeResponse(response))
        )

    async def finish(self, claim: IdempotencyKey | None, response: Response) -> None:
        """Store a response: the first one, or the final one in its place."""
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
            # The request took effect, so the client gets its response all the same.
            _log.error(
                "The response for the idempotency key {key} was not stored: {reason}.",
                key=claim.key,
                reason=error,
            )

    def _record(self, claim: IdempotencyKey, answer: bytes | None) -> IdempotencyRecord:
        return IdempotencyRecord(claim.key, claim.fingerprint, answer, self._now())


def replay(earlier: IdempotencyRecord, claim: IdempotencyKey) -> Response:
    """
    Return the stored response.

    @param earlier: The record of a completed request.
    @raise Refusal: 422 if the request was another one; 504 if its response was lost.
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
    Return the problem to store as the response to later requests with the same key.

    The problem has no advice to retry, since a request with this key is answered from
    the
    record and never sent again.

    @param problem: The failure of a request that was sent; 503 if the stream was lost.
    """
    if problem.status != 503:
        return problem
    return _unknown(
        "The connection to the XMPP server was lost while this waited for its reply"
    )


def interruptedAnswer() -> bytes:
    """Return the response to a request that was running when the gateway stopped."""
    problem = _unknown("The gateway was restarted while this waited for its reply")
    body = formats.encodeProblem(problem, formats.JSON) + b"\n"
    return serializeResponse(Response(problem.status, body, formats.JSON))


# --- serialisation ---


def serializeResponse(response: Response) -> bytes:
    """Serialise a response for the store: a line of JSON, and the body."""
    head = [response.status, response.contentType, response.headers]
    return json.dumps(head).encode() + b"\n" + response.body


def _loaded(answer: bytes) -> Response:
    head, _, body = answer.partition(b"\n")
    status, contentType, headers = json.loads(head)
    return Response(status, body, contentType, tuple((n, v) for n, v in headers))
