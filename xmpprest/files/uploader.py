"""Uploads files: requests slots and sends the content (XEP-0363)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, Protocol

from twisted.internet.task import CooperativeTask, Cooperator
from twisted.logger import Logger
from twisted.web.client import FileBodyProducer
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

from ..core.errors import Problem, Refusal, serviceUnavailable
from ..core.files.service import UploadService
from ..core.files.slot import FileDetails, Slot, parseSlot, slotRequest
from ..core.webhook.errors import DeliveryError, ResponseLimitExceeded
from ..ids import newID
from .finder import IQRequester, ServiceFinder

_log = Logger()

#: Number of slots that are tried for one file.
ATTEMPTS = 3
#: Seconds that the upload service has for its reply.
SLOT_TIMEOUT = 30.0


class FileContent(Protocol):
    """The content of a file."""

    def open(self) -> BinaryIO:
        """Return a file object that reads the content from its beginning."""


class HTTPResponse(Protocol):
    """A response."""

    @property
    def status(self) -> int:
        """The status code."""


class HTTPClient(Protocol):
    """A client with limits on time and size."""

    def requestFrom(
        self,
        method: bytes,
        url: bytes,
        headers: Headers,
        makeBody: Callable[[], IBodyProducer | None],
    ) -> Awaitable[HTTPResponse]:
        """Send a request; raises L{DeliveryError} without a valid response."""


class _ContentProducer(FileBodyProducer):
    """
    The content of a file as the body of a request, which may end before it begins.
    """

    _task: CooperativeTask[Any] | None = None

    def stopProducing(self) -> None:
        """Read no further; also before the start, or when all is sent."""
        if self._task is None:
            self._inputFile.close()
        else:
            super().stopProducing()


class FileUploader:
    """
    Uploads files to the upload service.
    """

    def __init__(
        self,
        finder: ServiceFinder,
        requester: IQRequester,
        client: HTTPClient,
        domain: str,
        cooperator: Cooperator,
    ) -> None:
        """
        @param domain: The component domain, which requests the slots.
        @param cooperator: Sends the content piece by piece.
        """
        self._finder = finder
        self._requester = requester
        self._client = client
        self._domain = domain
        self._cooperator = cooperator

    @property
    def knownService(self) -> UploadService | None:
        """The upload service, if it was found before."""
        return self._finder.known

    async def findService(self) -> UploadService:
        """
        Return the upload service.

        @raise Refusal: 404, there is none; 503 or 504, the server cannot be asked now.
        """
        return await self._finder.find()

    async def upload(self, content: FileContent, file: FileDetails) -> str:
        """
        Upload a file. A failed upload is repeated with a new slot.

        @return: The URL from which everybody can download it.
        @raise Refusal: 404, there is no service; 413, the file is too large for it; 503
            or 504, it cannot take the file now.
        """
        service = await self._finder.find()
        service.requireSize(file.size)
        try:
            return await self._upload(service.address, content, file)
        except Refusal as refusal:
            if refusal.problem.status != 413:
                # Another service may have taken its place.
                self._finder.forget()
            raise

    async def _upload(
        self, service: str, content: FileContent, file: FileDetails
    ) -> str:
        fault = ""
        for _ in range(ATTEMPTS):
            iq = slotRequest(file, service, self._domain, newID())
            replies = await self._requester.request(iq, SLOT_TIMEOUT)
            slot = parseSlot(replies[-1])
            fault = await self._put(slot, content, file)
            if not fault:
                return slot.get
            _log.warn(
                "A file of {size} bytes could not be uploaded to {service}: {fault}.",
                size=file.size,
                service=service,
                fault=fault,
            )
        raise _failed(fault)

    async def _put(self, slot: Slot, content: FileContent, file: FileDetails) -> str:
        """Send the content to a slot; return the fault, empty for success."""
        headers = Headers({b"Content-Type": [file.type.encode()]})
        for name, value in slot.headers:
            headers.addRawHeader(name.encode(), value.encode())

        def producer() -> IBodyProducer:
            made: IBodyProducer = _ContentProducer(content.open(), self._cooperator)
            return made

        try:
            response = await self._client.requestFrom(
                b"PUT", slot.put.encode(), headers, producer
            )
        except ResponseLimitExceeded as error:
            # Another try would take as long.
            raise _late(str(error)) from None
        except DeliveryError as error:
            return f"no response, {error}"
        return "" if 200 <= response.status <= 299 else f"status {response.status}"


def _late(fault: str) -> Refusal:
    text = f"The file could not be uploaded (no response, {fault}); try again."
    headers = (("Retry-After", "60"),)
    return Refusal(Problem(504, "wait", "remote-server-timeout", text, headers))


def _failed(fault: str) -> Refusal:
    return serviceUnavailable(
        "resource-constraint",
        f"The file could not be uploaded ({fault}); try again.",
        retryAfter=60,
    )
