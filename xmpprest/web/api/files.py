"""C{/rest/files}: uploads files to the XMPP server's upload service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import BinaryIO, Protocol

from twisted.web.server import Request

from ...core.errors import Problem, Refusal, forbidden, serviceUnavailable
from ...core.files.slot import FileDetails
from ...core.policy.permissions import Grant
from ..idempotency.guard import IdempotencyGuard
from ..idempotency.key import idempotencyKeyOf
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory, StreamingHandler
from ..server.body import Body
from ..server.request import acceptsOf, header

#: Number of files that may be on their way at the same time.
MAX_UPLOADS = 16


class SpooledFile(Protocol):
    """The content of a file, on disk."""

    @property
    def size(self) -> int:
        """The number of bytes that have arrived so far."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""

    def open(self) -> BinaryIO:
        """Return a file object that reads the content from its beginning."""


class FileForm(Protocol):
    """A form with one file, while it is read."""

    @property
    def name(self) -> str:
        """The name of the file."""

    @property
    def type(self) -> str:
        """The media type of the file."""

    @property
    def spool(self) -> SpooledFile:
        """The content of the file."""

    def write(self, data: bytes) -> None:
        """Read the next piece of the body; raises L{Refusal}."""

    def finish(self) -> None:
        """Check that the form is complete; raises L{Refusal}."""

    def close(self) -> None:
        """Delete the content."""


class Uploader(Protocol):
    """Uploads files."""

    def requireService(self) -> str:
        """Return the address of the upload service; raises L{Refusal}."""

    async def upload(self, spool: SpooledFile, file: FileDetails) -> str:
        """Upload a file and return its URL; raises L{Refusal}."""


class FilesHandler:
    """
    Uploads files.
    """

    def __init__(
        self,
        uploader: Uploader,
        makeForm: Callable[[str | None], FileForm],
        once: IdempotencyGuard,
    ) -> None:
        """
        @param makeForm: Makes the form of a C{Content-Type}; raises L{Refusal}.
        @param once: Guards requests with an idempotency key.
        """
        self._uploader = uploader
        self._makeForm = makeForm
        self._once = once
        self._running = 0

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {"files": Route({"POST": StreamingHandler(self.post)})}

    async def post(self, request: Request, body: Body, grant: Grant) -> Response:
        """
        Upload the file of a form.

        @raise Refusal: 403, the token may not send messages; 400, 415 or 422, the form
            is invalid; 413, the file is too large; 404, 503 or 504, there is no service
            that takes it.
        """
        if "message" not in grant.kinds:
            raise forbidden(f"{grant} may not upload files, only senders of messages.")
        self._uploader.requireService()
        grant.consumeRateLimit()
        if self._running >= MAX_UPLOADS:
            raise serviceUnavailable(
                "resource-constraint",
                "Too many files are being uploaded; try again.",
                retryAfter=10,
            )
        self._running += 1
        try:
            with closing(self._makeForm(header(request, b"content-type"))) as form:
                return await self._upload(form, request, body, grant)
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

    async def _upload(
        self, form: FileForm, request: Request, body: Body, grant: Grant
    ) -> Response:
        while data := await body.read():
            form.write(data)
            body.resetTimeout()
        form.finish()
        spool = form.spool
        file = FileDetails(form.name, spool.size, form.type, spool.sha256)
        # The boundary of the form is another each time.
        parts = f"{file.name}\n{file.type}\n{file.sha256}".encode()
        claim = idempotencyKeyOf(request, parts, grant, contentType="")

        async def act() -> Response:
            url = await self._uploader.upload(spool, file)
            return jsonResponse(
                200,
                {
                    "url": url,
                    "size": file.size,
                    "type": file.type,
                    "sha-256": file.sha256,
                },
            )

        return await self._once.run(claim, acceptsOf(request), act)
