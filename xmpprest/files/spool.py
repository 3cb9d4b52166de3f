"""Files on their way from a client to the upload service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from typing import BinaryIO


class Spool:
    """
    Holds the content of one file on disk. It has no name in the file system, so that
    nothing of it stays, however the process ends.

    @ivar size: Its size so far, in bytes.
    """

    def __init__(
        self,
        directory: str | None,
        inThread: Callable[[Callable[[], object]], object] = lambda act: act(),
    ) -> None:
        """
        @param directory: Where the disk has room; C{None} for the system's default.
        @param inThread: Calls a function in another thread.
        @raise OSError: The file cannot be made.
        """
        self._inThread = inThread
        self._file: BinaryIO = tempfile.TemporaryFile(  # noqa: SIM115  # L{close} closes it
            dir=directory, buffering=0
        )
        self._hash = sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """
        Add data.

        @raise OSError: The disk is full.
        """
        self.size += len(data)
        self._hash.update(data)
        while data:
            data = data[self._file.write(data) :]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return self._hash.hexdigest()

    def open(self) -> BinaryIO:
        """
        Return a file object that reads the content from its beginning; each has a
        position of its own.
        """
        return BufferedReader(_Reader(os.dup(self._file.fileno()), self.size))

    def close(self) -> None:
        """Delete the content."""
        # To give back the pages of 100 MB takes 10 ms of CPU.
        self._inThread(self._file.close)


class _Reader(RawIOBase):
    """
    Reads a file at a position of its own: duplicates of a descriptor share theirs.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        """@param descriptor: Closed with this object."""
        self._descriptor = descriptor
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Return C{True}."""
        return True

    def seekable(self) -> bool:
        """Return C{True}."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # Buffer
        """Read into a buffer, and return the number of bytes."""
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move the position, and return it."""
        starts = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._size}
        self._position = starts[whence] + offset
        return self._position

    def close(self) -> None:
        """Close the descriptor."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
