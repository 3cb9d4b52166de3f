"""
Measures the longest reactor turns of an inbox with very many pending conversations.

    python -m bench.reactor [CONVERSATIONS]

A callback is down while a message arrives from each of so many senders (80,000 by
default), then it recovers; then a second process finds the messages of the first. A
turn is measured in CPU time of the reactor's thread, garbage collection included, so
that other programs on the machine do not count.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from tests.support.doubles import live, stanza
from xmpprest.core.policy.callback_response import CallbackResponse
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.inbox.filter import StanzaFilter
from xmpprest.inbox.inbox import Inbox
from xmpprest.inbox.options import InboxOptions
from xmpprest.inbox.replies import ReplySender
from xmpprest.inbox.subscriber import Subscription
from xmpprest.service.gc_tuning import tuneGarbageCollection
from xmpprest.store.sqlite import SQLiteStore

CONVERSATIONS = 80_000
#: Messages that arrive in one reactor turn.
ARRIVALS = 50
#: Seconds that the callback takes.
PACE = 0.002


class Turns:
    """
    Measures each turn of the reactor.

    @ivar longest: CPU seconds of the longest turn since L{reset}.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._last = time.thread_time()
        self.longest = 0.0
        self._tick()

    def reset(self) -> None:
        """Forget the turns so far."""
        self._last = time.thread_time()
        self.longest = 0.0

    def _tick(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._reactor.callLater(0, self._tick)


class Callback:
    """
    A callback without HTTP.

    @ivar isUp: Whether it responds.
    @ivar posts: Number of requests.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.isUp = False
        self.posts = 0

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """Respond after L{PACE} seconds, or fail."""
        return Deferred.fromCoroutine(self._post(stanza))

    async def _post(self, stanza: Element) -> CallbackResponse:
        self.posts += 1
        await task.deferLater(self._reactor, PACE)
        if not self.isUp:
            raise DeliveryError("it is down")
        return CallbackResponse(204)


async def _measure(reactor: Any, conversations: int, place: Path) -> None:
    turns = Turns(reactor)
    store = SQLiteStore(str(place), reactor)
    await store.open()
    callback = Callback(reactor)
    options = InboxOptions(reactor, live(), store)

    def makeInbox() -> Inbox:
        return Inbox(
            ReplySender(lambda reply: None, None, lambda iq: None, options),
            Subscription(
                callback,
                StanzaFilter(frozenset({"message"}), frozenset({"bare"})),
            ),
            options,
        )

    inbox = makeInbox()
    inbox.startService()

    async def phase(name: str, run: Callable[[], Awaitable[object]]) -> None:
        turns.reset()
        began = time.monotonic()
        await run()
        seconds = time.monotonic() - began
        print(
            f"{name:<24} {seconds:7.1f} s   longest turn {turns.longest * 1000:6.1f} ms"
            f"   {inbox.storedCount:7} pending",
            flush=True,
        )

    async def arrive() -> None:
        for start in range(0, conversations, ARRIVALS):
            for number in range(start, start + ARRIVALS):
                inbox.receive(
                    stanza(
                        f"<message from='u{number}@d{number % 97}.example/r'"
                        f" to='bot@gateway.example' id='{number}' type='chat'>"
                        f"<body>Hello, this is message {number}.</body></message>"
                    )
                )
            await task.deferLater(reactor, 0)
        while inbox._commits.committing.count:
            await task.deferLater(reactor, 0.01)

    async def collect() -> None:
        await task.deferLater(reactor, 0)
        gc.collect()
        await task.deferLater(reactor, 0)

    async def deliver() -> None:
        while inbox.storedCount > conversations // 2:
            await task.deferLater(reactor, 0.05)

    async def restart() -> None:
        nonlocal inbox
        await inbox.stopService()
        inbox = makeInbox()
        inbox.startService()
        while not inbox._isMeasured:
            await task.deferLater(reactor, 0.01)

    await phase("arrival, callback down", arrive)
    await phase("outage", lambda: task.deferLater(reactor, 75))
    await phase("garbage collection", collect)
    callback.isUp = True
    await phase("recovery", deliver)
    callback.isUp = False
    await phase("restart", restart)
    await phase("after the restart", lambda: task.deferLater(reactor, 10))
    await inbox.stopService()
    await store.close()


def main() -> None:
    """Measure, and print a line for each phase."""
    conversations = int(sys.argv[1]) if len(sys.argv) > 1 else CONVERSATIONS
    tuneGarbageCollection()
    with TemporaryDirectory() as place:
        task.react(
            lambda reactor: Deferred.fromCoroutine(
                _measure(reactor, conversations, Path(place) / "store.db")
            )
        )


if __name__ == "__main__":
    main()
