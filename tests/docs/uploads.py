"""An upload service for the world of the documents."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.words.xish.domish import Element

from tests.support.doubles import stanza
from xmpprest.core.files.slot import UPLOAD
from xmpprest.core.stanza.build import elements


class UploadService(Resource):
    """
    The upload service C{example.org}: it gives slots, and keeps what is uploaded.

    @ivar files: The content of each file, by its path.
    @ivar port: Its port, once it listens.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.port = 0

    def site(self) -> Site:
        """A site of nothing else."""
        site = Site(self)
        site.log = lambda request: None  # type: ignore[method-assign]
        return site

    def answer(self, iq: Element) -> Element | None:
        """Reply to a query of the service; C{None} for other stanzas."""
        if iq.name != "iq":
            return None
        (query,) = elements(iq)
        if query.uri.endswith("#info"):
            content = f"<query xmlns='{query.uri}'><feature var='{UPLOAD}'/></query>"
        elif query.uri == UPLOAD:
            url = f"http://127.0.0.1:{self.port}/{len(self.files)}/{query['filename']}"
            content = (
                f"<slot xmlns='{UPLOAD}'><put url='{url}'/><get url='{url}'/></slot>"
            )
        else:
            return None
        return stanza(
            f"<iq type='result' id='{iq['id']}' from='{iq['to']}' to='{iq['from']}'>"
            f"{content}</iq>"
        )

    def render_PUT(self, request: Request) -> bytes:
        """Keep a file."""
        assert request.content is not None
        self.files[request.path.decode()] = request.content.read()
        request.setResponseCode(201)
        return b""

    def render_GET(self, request: Request) -> bytes:
        """Return a file."""
        return self.files[request.path.decode()]
