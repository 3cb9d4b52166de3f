"""Forms with files, and an upload service that a test holds."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from xmpprest.core.errors import Refusal
from xmpprest.core.files.service import UploadService
from xmpprest.core.files.slot import FileDetails
from xmpprest.core.live import Live, LiveSettings
from xmpprest.files.form import FileForm, FormLimits
from xmpprest.files.spool import Spool
from xmpprest.web.api.upload_interfaces import FileContent
from xmpprest.web.api.uploads import UploadDesk

BOUNDARY = "------------------------d74496d66958873e"
#: Bytes that the files of a form may have, and its other fields.
LIMIT, TEXT_LIMIT = 3000, 500
#: Bytes that the service takes of a file.
SERVICE_LIMIT = 2500


def part(
    content: bytes,
    disposition: str = 'form-data; name="file"; filename="a.txt"',
    kind: str | None = "text/plain",
) -> bytes:
    """A part of a form, without its boundary."""
    head = f"Content-Disposition: {disposition}\r\n"
    if kind is not None:
        head += f"Content-Type: {kind}\r\n"
    return f"{head}\r\n".encode() + content


def field(name: str, text: str) -> bytes:
    """A field of a form that is no file."""
    return part(text.encode(), f'form-data; name="{name}"', None)


def formOf(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    """A form as curl writes it."""
    framed = [f"--{boundary}\r\n".encode() + each + b"\r\n" for each in parts]
    return b"".join([*framed, f"--{boundary}--\r\n".encode()])


def form(
    content: bytes = b"hello",
    disposition: str = 'form-data; name="file"; filename="a.txt"',
    kind: str | None = "text/plain",
    boundary: str = BOUNDARY,
) -> bytes:
    """A form with one file."""
    return formOf(part(content, disposition, kind), boundary=boundary)


class HeldUploader:
    """
    An upload service that the test holds.

    @ivar uploaded: Each uploaded file, and its content.
    @ivar problem: Raised instead of an upload.
    @ivar absent: Raised instead of the service.
    @ivar holding: What an upload waits for, if anything.
    @ivar limit: Bytes that it takes of a file.
    """

    def __init__(self) -> None:
        self.uploaded: list[tuple[FileDetails, bytes]] = []
        self.problem: Refusal | None = None
        self.absent: Refusal | None = None
        self.holding: Deferred[None] | None = None
        self.limit = SERVICE_LIMIT

    @property
    def knownService(self) -> UploadService | None:
        """The service, if there is one."""
        if self.absent is not None:
            return None
        return UploadService("upload.example.org", self.limit)

    async def findService(self) -> UploadService:
        """Return the service."""
        if self.absent is not None:
            raise self.absent
        return UploadService("upload.example.org", self.limit)

    async def upload(self, content: FileContent, file: FileDetails) -> str:
        """Keep a file."""
        if self.holding is not None:
            await self.holding
        if self.problem is not None:
            raise self.problem
        with content.open() as opened:
            self.uploaded.append((file, opened.read()))
        return f"https://upload.example.org/{len(self.uploaded)}/{file.name}"


class HeldSpools:
    """
    Makes the spools of forms.

    @ivar made: All of them.
    @ivar limit: Bytes that the files of a form may have.
    """

    def __init__(self) -> None:
        self.limit = LIMIT
        self.made: list[Spool] = []

    def make(self) -> Spool:
        """Make a spool."""
        spool = Spool(None)
        self.made.append(spool)
        return spool

    def form(self, contentType: str | None) -> FileForm:
        """Make a form."""
        return FileForm(contentType, self.make, FormLimits(self.limit, TEXT_LIMIT))

    def left(self) -> list[Spool]:
        """The spools that are not deleted."""
        left = []
        for spool in self.made:
            try:
                spool.open().close()
            except ValueError:
                continue
            left.append(spool)
        return left


def uploadDesk(
    uploader: HeldUploader, spools: HeldSpools, settings: Live[LiveSettings]
) -> UploadDesk:
    """Make the part that reads forms and uploads files."""
    return UploadDesk(uploader, spools.form, settings)
