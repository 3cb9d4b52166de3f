"""Uploads files: requests slots and sends the content (XEP-0363)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import BinaryIO, Protocol

from twisted.internet.task import Cooperator
from twisted.logger import Logger
from twisted.web.client import FileBodyProducer
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from twisted.words.xish.domish import Element

from ..core.errors import Refusal, notFound, serviceUnavailable
from ..core.files.slot import FileDetails, Slot, parseSlot, slotRequest
from ..core.live import Live, LiveSettings
from ..core.webhook.errors import DeliveryError
from ..ids import newID

_log = Logger()

#: Number of slots that are tried for one file.
ATTEMPTS = 3
#: Seconds that the upload service has for its reply.
SLOT_TIMEOUT = 30.0


class IQRequester(Protocol):
    """The part of the component that sends iqs."""

    def request(self, stanza: Element, timeout: float) -> Awaitable[Sequence[Element]]:
        """Send an iq and wait for the reply, the last item; raises L{Refusal}."""


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


class FileUploader:
    """
    Uploads files to the upload service of the settings.
    """

    def __init__(
        self,
        requester: IQRequester,
        client: HTTPClient,
        domain: str,
        settings: Live[LiveSettings],
        cooperator: Cooperator,
    ) -> None:
        """
        @param domain: The component domain, which requests the slots.
        @param cooperator: Sends the content piece by piece.
        """
        self._requester = requester
        self._client = client
        self._domain = domain
        self._settings = settings
        self._cooperator = cooperator

    def requireService(self) -> str:
        """
        Return the address of the upload service.

        @raise Refusal: 404, there is none.
        """
        service = self._settings.value.uploadService
        if service is None:
            raise notFound(
                "The gateway has no upload service; set upload-service to the address"
                " of the XMPP server's, such as upload.example.org."
            )
        return service

    async def upload(self, spool: FileContent, file: FileDetails) -> str:
        """
        Upload a file. A failed upload is repeated with a new slot.

        @return: The URL from which everybody can download it.
        @raise Refusal: 413, it is too large for the service; 503 or 504, the service
            cannot take it now.
        """
        service = self.requireService()
        fault = ""
        for _ in range(ATTEMPTS):
            iq = slotRequest(file, service, self._domain, newID())
            replies = await self._requester.request(iq, SLOT_TIMEOUT)
            slot = parseSlot(replies[-1])
            fault = await self._put(slot, spool, file)
            if not fault:
                return slot.get
            _log.warn(
                "A file of {size} bytes could not be uploaded to {service}: {fault}.",
                size=file.size,
                service=service,
                fault=fault,
            )
        raise _failed(fault)

    async def _put(self, slot: Slot, spool: FileContent, file: FileDetails) -> str:
        """Send the content to a slot; return the fault, empty for success."""
        headers = Headers({b"Content-Type": [file.type.encode()]})
        for name, value in slot.headers:
            headers.addRawHeader(name.encode(), value.encode())

        def producer() -> IBodyProducer:
            made: IBodyProducer = FileBodyProducer(spool.open(), self._cooperator)
            return made

        try:
            response = await self._client.requestFrom(
                b"PUT", slot.put.encode(), headers, producer
            )
        except DeliveryError as error:
            return f"no response, {error}"
        return "" if 200 <= response.status <= 299 else f"status {response.status}"


def _failed(fault: str) -> Refusal:
    return serviceUnavailable(
        "resource-constraint",
        f"The file could not be uploaded ({fault}); try again.",
        retryAfter=60,
    )
