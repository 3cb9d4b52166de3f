"""Files in requests: reads forms, and has the files uploaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO

from twisted.internet.defer import succeed
from twisted.web.server import Request

from ...core.errors import Problem, Refusal, serviceUnavailable
from ...core.files.message import SharedFile
from ...core.files.slot import FileDetails, tooLargeFile
from ...core.files.upload import GivenFile
from ...core.live import Live, LiveSettings
from ...core.policy.quota import Limits, Quota
from ..idempotency.key import hasIdempotencyKey
from ..server.body import Body, requestTimeout
from ..server.channel import ARRIVAL_TIMEOUT
from ..server.request import header
from .upload_interfaces import FileContent, FileForm, Uploader

#: Number of requests with files that may be on their way at the same time; each token
#: may have half of those that the others leave.
MAX_UPLOADS = 16
#: Bytes for which the client gets the full time again, so that it must keep up a rate.
RATE_STEP = 2**16
#: Bytes that the framing of a form may have beyond its files and texts.
_FRAMING = 2**16

#: Bytes of a body that are read in one turn of the reactor.
_TURN = 2**20


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
        self._running: Quota[str] = Quota()

    @contextmanager
    def place(self, token: str) -> Iterator[None]:
        """
        Take a place among the requests with files.

        @param token: The name of the token whose share it uses; empty for credentials,
            which have no share.
        @raise Refusal: 503, there are too many, or the disk is full.
        """
        holders = (token,) if token else ()
        excess = self._running.excess(Limits(MAX_UPLOADS), holders)
        if excess is not None:
            raise _tooMany(isShare=excess.holder is not None)
        self._running.add(holders)
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
            self._running.remove(holders)

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
        settings = self._settings.value
        limit = settings.uploadSizeLimit
        longest = limit + settings.stanzaSizeLimit + _FRAMING
        if length.isdigit() and int(length) > longest:
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

        @raise Refusal: 400 or 422, it is malformed; 413, a file is too large; 408, the
            client is too slow.
        """
        unbroken = timed = 0
        while data := await _piece(body):
            unbroken += len(data)
            if unbroken > _TURN:
                # The body may be in a file already, so that no read waits.
                await self._nextTurn()
                unbroken = 0
            form.write(data)
            self.checkSizes([each.spool.size for each in form.files[-1:]])
            timed += len(data)
            if timed >= RATE_STEP:
                body.resetTimeout()
                timed = 0
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


async def _piece(body: Body) -> bytes:
    """
    Wait for the next piece of a form.

    @raise Refusal: As in L{Body.read}.
    """
    try:
        return await body.read()
    except Refusal as refusal:
        if refusal.problem.status != 408:
            raise
        raise requestTimeout(
            f"The form arrives too slowly; send {RATE_STEP} bytes, or its end, in each"
            f" {ARRIVAL_TIMEOUT:g} s."
        ) from None


def _tooMany(*, isShare: bool) -> Refusal:
    """
    Make the refusal of one more request with files: 503.

    @param isShare: Whether only the token has too many.
    """
    reason = (
        "Your token has as many requests with files on their way as are still free of"
        f" {MAX_UPLOADS}"
        if isShare
        else "Too many files are being uploaded"
    )
    return serviceUnavailable(
        "resource-constraint", f"{reason}; try again.", retryAfter=10
    )


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
