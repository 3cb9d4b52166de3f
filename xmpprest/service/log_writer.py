"""Writes the log in a thread, so that a blocked log reader blocks nothing else."""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Any

#: Characters that may wait for the reader of the log; further lines are dropped.
MAX_WAITING = 4 * 2**20
#: Seconds that the process waits at its end for the reader to take the last lines.
CLOSE_TIMEOUT = 2.0


#: Registers a function to be called when the process ends.
AtEnd = Callable[[Callable[[], None]], object]


class LogWriter:
    """
    A file object for a log observer that never blocks when the reader of the real file,
    such
    as a pipe, stops reading.

    It holds a limited amount for a slow reader; further lines are dropped, and the next
    line
    that is written says how many.
    """

    def __init__(
        self,
        file: IO[Any],
        formatDropped: Callable[[int], str],
        limit: int = MAX_WAITING,
        atEnd: AtEnd = atexit.register,
    ) -> None:
        """
        @param formatDropped: Returns the line that says how many lines were dropped.
        @param limit: Characters that may wait.
        @param atEnd: Registers L{close} to be called when the process ends.
        """
        self._file = file
        self._formatDropped = formatDropped
        self._limit = limit
        self._atEnd = atEnd
        self._lines: deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._isClosed = False
        self._isBlocked = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Queue a line; never waits for the reader."""
        if self._isClosed:
            # The last lines of the process.
            if not self._isBlocked:
                self._put(line)
            return
        with self._changed:
            if self._size + len(line) > self._limit:
                self._dropped += 1
                return
            if self._dropped:
                line = self._formatDropped(self._dropped) + line
                self._dropped = 0
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None:
                # Only now: threads do not survive the fork of a daemon.
                self._start()
            self._changed.notify()

    def flush(self) -> None:
        """Do nothing: lines are written as soon as the reader takes them."""

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._run, name="xmpprest-log", daemon=True
        )
        self._thread.start()
        self._atEnd(self.close)
        # A process that exits before its reactor runs has no other end.
        atexit.register(self.close)

    def close(self) -> None:
        """
        Write what waits, for at most L{CLOSE_TIMEOUT} seconds. Later lines are written
        at once if the reader has taken all, else dropped.
        """
        with self._changed:
            self._isClosed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT)
            self._isBlocked = self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._lines:
                    if self._isClosed:
                        return
                    self._changed.wait()
                text = "".join(self._lines)
                self._lines.clear()
            self._put(text)
            with self._changed:
                # Only now, or twice the limit could wait.
                self._size -= len(text)

    def _put(self, text: str) -> None:
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            # The reader is gone, or the file closed; there is no other place to say so.
            pass
