"""Makes the part of a gateway that uploads files."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.task import Cooperator

from ..config.config import Config
from ..core.live import Live, LiveSettings
from ..files.form import FileForm
from ..files.spool import Spool
from ..files.uploader import FileUploader
from ..web.api.files import FilesHandler
from ..web.idempotency.guard import IdempotencyGuard
from ..webhook.http_client import BoundedClient
from ..webhook.tls_policy import WebhookTLSPolicy
from ..xmpp.sender import StanzaSender

#: Seconds for the upload of one file.
UPLOAD_TIMEOUT = 600.0
#: Bytes that the response of an upload service may have.
RESPONSE_LIMIT = 65_536


def makeFilesHandler(
    config: Config,
    settings: Live[LiveSettings],
    sender: StanzaSender,
    once: IdempotencyGuard,
    reactor: Any,
) -> FilesHandler:
    """
    Make the handler of uploads.

    @param once: Guards requests with an idempotency key.
    """
    kind, _, path = config.store.partition(":")
    # Beside the store, where there is room; the system's directory may be in memory.
    directory = None if kind == "memory" else os.path.dirname(os.path.abspath(path))

    def makeForm(contentType: str | None) -> FileForm:
        spool = Spool(directory, settings.value.uploadSizeLimit)
        try:
            return FileForm(contentType, spool)
        except BaseException:
            spool.close()
            raise

    client = BoundedClient(
        reactor,
        WebhookTLSPolicy(None),
        0,
        RESPONSE_LIMIT,
        headTimeout=UPLOAD_TIMEOUT,
        totalTimeout=UPLOAD_TIMEOUT,
    )
    cooperator = Cooperator(scheduler=lambda call: reactor.callLater(0, call))
    uploader = FileUploader(sender, client, config.domain, settings, cooperator)
    return FilesHandler(uploader, makeForm, once)
