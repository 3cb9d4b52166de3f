"""Uploads of files to the services of real servers."""

from __future__ import annotations

import json

from twisted.trial.unittest import TestCase

from tests.servers.gateway import GatewayMixin
from tests.servers.queries import download
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from tests.web.api.test_files import BOUNDARY, form

FORM = f"multipart/form-data; boundary={BOUNDARY}"


class FilesMixin(GatewayMixin):
    """
    C{POST /rest/files} beside a server
    """

    async def test_upload(self) -> None:
        """
        A file is uploaded, and everybody can download it from the URL.
        """
        await self.startGateway(uploadService=self.server.uploadDomain)
        content = bytes(range(256)) * 500
        reply = await self.post(form(content), FORM, path="/files")
        self.assertEqual(reply.status, 200, reply.text)
        file = json.loads(reply.text)
        self.assertEqual(file["size"], len(content))
        self.assertEqual(await download(file["url"]), content)

    async def test_tooLarge(self) -> None:
        """
        A file that is too large for the gateway is refused with 413.
        """
        service = self.server.uploadDomain
        await self.startGateway(uploadService=service, uploadSizeLimit=1000)
        reply = await self.post(form(b"x" * 1001), FORM, path="/files")
        self.assertEqual(reply.status, 413, reply.text)


class ProsodyFilesTests(FilesMixin, TestCase):
    """
    Prosody's C{http_file_share}
    """

    kind = Prosody


class EjabberdFilesTests(FilesMixin, TestCase):
    """
    ejabberd's C{mod_http_upload}
    """

    kind = Ejabberd
