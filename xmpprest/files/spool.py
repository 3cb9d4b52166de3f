"""Files on their way from a client to the upload service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
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
        """Return a file object that reads the content from its beginning."""
        os.lseek(self._file.fileno(), 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._file.fileno()), "rb")

    def close(self) -> None:
        """Delete the content."""
        # To give back the pages of 100 MB takes 10 ms of CPU.
        self._inThread(self._file.close)
