"""Asks a gateway how long its reactor turns take."""

from __future__ import annotations

import re

from .http import Client, InDoubt, NotSent
from .load import sleep

#: Seconds between two requests.
INTERVAL = 0.5

_LONGEST = re.compile(rb"^xmpprest_reactor_turn_max_seconds (\S+)$", re.M)
_STARTED = re.compile(rb"^process_start_time_seconds (\S+)$", re.M)


class LongestTurns:
    """
    The longest reactor turns of a gateway, also if it is restarted again and again.

    The gateway measures by a clock on the wall, so a busy machine lengthens turns.

    @ivar seconds: The longest turn of each interval of L{INTERVAL} seconds.
    @ivar starting: The longest turn of each first interval, in which a process starts.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.starting: list[float] = []
        self._process = b""
        self._skipped = 0
        self._isEnded = False

    def skip(self) -> None:
        """Ignore the turn during which the process was suspended."""
        # The request under way may be answered before that turn ends.
        self._skipped = 2

    def end(self) -> None:
        """Ask no more."""
        self._isEnded = True

    async def run(self, port: int) -> None:
        """
        Ask until it is ended.

        @param port: The port of the gateway.
        """
        self._isEnded = False
        client = Client(port)
        try:
            while not self._isEnded:
                try:
                    answer = await client.request("GET", "/metrics")
                except (InDoubt, NotSent):
                    pass
                else:
                    self.read(answer.body)
                await sleep(INTERVAL)
        finally:
            await client.close()

    def read(self, metrics: bytes) -> None:
        """Take the longest turn from the text of the metrics."""
        longest, started = _LONGEST.search(metrics), _STARTED.search(metrics)
        if longest is None or started is None:
            return
        isFirst, self._process = self._process != started[1], started[1]
        if self._skipped:
            self._skipped -= 1
        else:
            (self.starting if isFirst else self.seconds).append(float(longest[1]))
