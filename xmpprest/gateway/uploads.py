"""Makes the part of a gateway that uploads files."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.task import Cooperator, deferLater

from ..config.config import Config
from ..core.live import Live, LiveSettings
from ..files.finder import ServiceFinder
from ..files.form import FileForm, FormLimits
from ..files.spool import Spool
from ..files.uploader import FileUploader
from ..web.api.uploads import UploadDesk
from ..webhook.http_client import BoundedClient
from ..webhook.tls_policy import WebhookTLSPolicy
from ..xmpp.component import ComponentService

#: Seconds for the upload of one file.
UPLOAD_TIMEOUT = 600.0
#: Bytes that the response of an upload service may have.
RESPONSE_LIMIT = 65_536


def makeUploadDesk(
    config: Config,
    settings: Live[LiveSettings],
    component: ComponentService,
    reactor: Any,
) -> UploadDesk:
    """Make the part that reads forms and uploads files."""
    kind, _, path = config.store.partition(":")
    # Beside the store, where there is room; the system's directory may be in memory.
    isFile = kind == "sqlite"
    directory = os.path.dirname(os.path.abspath(path)) if isFile else None

    def makeForm(contentType: str | None) -> FileForm:
        limits = settings.value
        return FileForm(
            contentType,
            lambda: Spool(directory, reactor.callInThread),
            FormLimits(limits.uploadSizeLimit, limits.stanzaSizeLimit),
        )

    client = BoundedClient(
        reactor,
        WebhookTLSPolicy(None),
        0,
        RESPONSE_LIMIT,
        headTimeout=UPLOAD_TIMEOUT,
        totalTimeout=UPLOAD_TIMEOUT,
    )
    cooperator = Cooperator(scheduler=lambda call: reactor.callLater(0, call))
    sender = component.sender
    finder = ServiceFinder(sender, config.domain, settings)
    component.addObserver(finder)
    uploader = FileUploader(finder, sender, client, config.domain, cooperator)
    return UploadDesk(uploader, makeForm, settings, lambda: deferLater(reactor, 0))
