"""The interfaces through which the routes of files use forms and the upload service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol

from ...core.files.service import UploadService
from ...core.files.slot import FileDetails


class FileContent(Protocol):
    """The content of a file."""

    @property
    def size(self) -> int:
        """The number of bytes that have arrived so far."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""

    def open(self) -> BinaryIO:
        """Return a file object that reads the content from its beginning."""


class FilePart(Protocol):
    """A file of a form."""

    @property
    def spool(self) -> FileContent:
        """The content of the file."""

    @property
    def details(self) -> FileDetails:
        """The file without its content."""


class FileForm(Protocol):
    """A form with files, while it is read."""

    @property
    def files(self) -> Sequence[FilePart]:
        """The files so far."""

    @property
    def fields(self) -> Mapping[str, str]:
        """The texts of the other fields so far, by name."""

    def write(self, data: bytes) -> None:
        """Read the next piece of the body; raises L{Refusal}."""

    def finish(self) -> None:
        """Check that the form is complete; raises L{Refusal}."""

    def close(self) -> None:
        """Delete the files."""


class Uploader(Protocol):
    """Uploads files."""

    @property
    def knownService(self) -> UploadService | None:
        """The upload service, if it was found before."""

    async def findService(self) -> UploadService:
        """Return the upload service; raises L{Refusal}."""

    async def upload(self, content: FileContent, file: FileDetails) -> str:
        """Upload a file and return its URL; raises L{Refusal}."""
