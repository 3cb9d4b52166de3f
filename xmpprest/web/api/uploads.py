"""Files in requests: reads forms, and has the files uploaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Protocol

from twisted.internet.defer import succeed
from twisted.web.server import Request

from ...core.errors import Problem, Refusal, serviceUnavailable
from ...core.files.message import SharedFile
from ...core.files.service import UploadService
from ...core.files.slot import FileDetails, tooLargeFile
from ...core.files.upload import GivenFile
from ...core.live import Live, LiveSettings
from ..idempotency.key import hasIdempotencyKey
from ..server.body import Body
from ..server.request import header

#: Number of requests with files that may be on their way at the same time.
MAX_UPLOADS = 16
#: Bytes that the framing of a form may have beyond its files.
_FRAMING = 2**16

#: Bytes of a body that are read in one turn of the reactor.
_TURN = 2**20


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


class UploadDesk:
    """
    Reads the forms of requests, and has their files uploaded.
    """

    def __init__(
        self,
        uploader: Uploader,
        makeForm: Callable[[str | None], FileForm],
        settings: Live[LiveSettings],
        nextTurn: Callable[[], Awaitable[object]] = lambda: succeed(None),
    ) -> None:
        """
        @param makeForm: Makes the form of a C{Content-Type}; raises L{Refusal}.
        @param nextTurn: Waits for the next turn of the reactor.
        """
        self._nextTurn = nextTurn
        self._uploader = uploader
        self._makeForm = makeForm
        self._settings = settings
        self._running = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """
        Take a place among the requests with files.

        @raise Refusal: 503, there are too many, or the disk is full.
        """
        if self._running >= MAX_UPLOADS:
            raise serviceUnavailable(
                "resource-constraint",
                "Too many files are being uploaded; try again.",
                retryAfter=10,
            )
        self._running += 1
        try:
            yield
        except OSError as error:
            raise Refusal(
                Problem(
                    503,
                    "wait",
                    "resource-constraint",
                    f"The file cannot be written to the disk ({error.strerror}).",
                    (("Retry-After", "60"),),
                )
            ) from None
        finally:
            self._running -= 1

    async def begin(self, request: Request) -> None:
        """
        Find the service before the body of a request is read, and check the length that
        the request announces.

        With an idempotency key a service need not be there: the request may be a
        repetition that only gets the first response.

        @raise Refusal: 404, 503 or 504, there is no service; 413, the body is too long.
        """
        try:
            await self._uploader.findService()
        except Refusal:
            if not hasIdempotencyKey(request):
                raise
        length = header(request, b"content-length") or ""
        limit = self._settings.value.uploadSizeLimit
        if length.isdigit() and int(length) > limit + _FRAMING:
            raise tooLargeFile(f"upload-size-limit ({limit} bytes)")

    @contextmanager
    def form(self, request: Request) -> Iterator[FileForm]:
        """
        Make the form of a request, and delete its files at the end.

        @raise Refusal: 400 or 415, the body is no form.
        """
        with closing(self._makeForm(header(request, b"content-type"))) as form:
            yield form

    async def read(self, form: FileForm, body: Body) -> None:
        """
        Read all of a form.

        @raise Refusal: 400 or 422, it is malformed; 413, a file is too large.
        """
        unbroken = 0
        while data := await body.read():
            unbroken += len(data)
            if unbroken > _TURN:
                # The body may be in a file already, so that no read waits.
                await self._nextTurn()
                unbroken = 0
            form.write(data)
            self.checkSizes([each.spool.size for each in form.files[-1:]])
            body.resetTimeout()
        form.finish()

    def checkSizes(self, sizes: Sequence[int]) -> None:
        """
        Check that files are not too large for the service, if it is known.

        @raise Refusal: 413, one is.
        """
        service = self._uploader.knownService
        if service is not None and sizes:
            service.requireSize(max(sizes))

    async def upload(
        self, files: Sequence[tuple[FileContent, FileDetails]]
    ) -> list[SharedFile]:
        """
        Upload files, one after the other.

        @raise Refusal: 404, 413, 503 or 504, one was not uploaded.
        """
        service = await self._uploader.findService()
        for _, details in files:
            # None is uploaded if one is too large.
            service.requireSize(details.size)
        return [
            SharedFile(details, await self._uploader.upload(content, details))
            for content, details in files
        ]


class _FileInMemory:
    """A short file that a request holds in its body."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.sha256 = sha256(data).hexdigest()

    def open(self) -> BinaryIO:
        """Return a file object that reads the content from its beginning."""
        return BytesIO(self._data)


def fileInMemory(file: GivenFile) -> tuple[FileContent, FileDetails]:
    """Return the content and the details of a file in JSON."""
    content = _FileInMemory(file.data)
    return content, FileDetails(file.name, content.size, file.type, content.sha256)


def fingerprintOf(form: FileForm) -> bytes:
    """
    Return the part of a form that decides whether two requests are the same: the
    boundary is another one each time.
    """
    fields = [f"{name}\n{text}" for name, text in sorted(form.fields.items())]
    files = [each.details for each in form.files]
    parts = [f"{each.name}\n{each.type}\n{each.sha256}" for each in files]
    return "\0".join([*fields, "", *parts]).encode()
