"""Uploads of files to the services of real servers."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from slixmpp import ComponentXMPP
from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import GatewayMixin
from tests.servers.queries import download
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from tests.web.api.uploads import BOUNDARY, field, form, formOf, part

FORM = f"multipart/form-data; boundary={BOUNDARY}"


class FilesMixin(GatewayMixin):
    """
    Files beside a server, whose upload service the gateway finds by itself.
    """

    async def assertShared(self, one: User, content: bytes, name: str) -> None:
        """A user gets a file that everybody can download, with its right details."""
        received = await one.expect("<file-sharing", f"<name>{name}</name>")
        message = received.element
        url = message.findtext("{*}body") or ""
        self.assertEqual(message.findtext("{jabber:x:oob}x/{*}url"), url)
        source = message.find("{urn:xmpp:sfs:0}file-sharing/{*}sources/{*}url-data")
        assert source is not None
        self.assertEqual(source.get("target"), url)
        file = message.find("{*}file-sharing/{urn:xmpp:file:metadata:0}file")
        assert file is not None
        self.assertEqual(file.findtext("{*}size"), str(len(content)))
        found = await download(url)
        digest = b64encode(sha256(found).digest()).decode()
        self.assertEqual(file.findtext("{urn:xmpp:hashes:2}hash"), digest)
        self.assertEqual(found, content)

    async def test_upload(self) -> None:
        """
        A file is uploaded, and everybody can download it from the URL.
        """
        await self.startGateway()
        content = bytes(range(256)) * 500
        reply = await self.post(form(content), FORM, path="/files")
        self.assertEqual(reply.status, 200, reply.text)
        file = json.loads(reply.text)
        self.assertEqual(file["size"], len(content))
        self.assertEqual(await download(file["url"]), content)

    async def test_form(self) -> None:
        """
        A form becomes a text and a message for each file, in this order.
        """
        await self.startGateway()
        one = await self.login()
        contents = bytes(range(256)) * 500, b"%PDF"
        disposition = 'form-data; name="file"; filename="{}"'
        body = formOf(
            field("body", "Two files"),
            part(contents[0], disposition.format("très cool.png"), "image/png"),
            part(contents[1], disposition.format("b.pdf"), "application/pdf"),
        )
        path = f"/message/chat/{one.bareJID}"
        reply = await self.post(body, FORM, path=path, Prefer="wait=20")
        self.assertEqual(reply.status, 202, reply.text)
        states = [each["state"] for each in reply.json["messages"]]
        self.assertEqual(states, ["confirmed"] * 3)
        text = await one.expect("<body>Two files</body>")
        self.assertEqual(text.element.get("id"), reply.json["id"])
        await self.assertShared(one, contents[0], "très cool.png")
        await self.assertShared(one, contents[1], "b.pdf")
        ids = [each.element.get("id") for each in one.received if "<body" in each.xml]
        self.assertEqual(ids, [each["id"] for each in reply.json["messages"]])

    async def test_json(self) -> None:
        """
        A file in JSON is uploaded and sent; a repetition does not upload it again.
        """
        await self.startGateway()
        one = await self.login()
        content = b"a,b\r\n1,2\r\n"
        value = {
            "to": one.bareJID,
            "type": "chat",
            "files": [
                {
                    "name": "table.csv",
                    "type": "text/csv",
                    "data": b64encode(content).decode(),
                }
            ],
        }
        body = json.dumps(value)
        reply = await self.post(body, "application/json", Idempotency_Key="k1")
        self.assertEqual(reply.status, 202, reply.text)
        await self.assertShared(one, content, "table.csv")
        again = await self.post(body, "application/json", Idempotency_Key="k1")
        self.assertEqual(again.body, reply.body)

    async def test_room(self) -> None:
        """
        A file reaches the occupants of a room.
        """
        await self.startGateway()
        one = await self.login()
        room = f"files{self.id().count('Prosody')}@{self.server.mucDomain}"
        await one.joinRoom(room, "one")
        joining = await self.post(
            f"<presence to='{room}/bot'><x xmlns='http://jabber.org/protocol/muc'/>"
            "</presence>"
        )
        self.assertEqual(joining.status, 202)
        await one.expect("<presence", f"{room}/bot")
        path = f"/message/groupchat/{room}"
        reply = await self.post(form(b"hello"), FORM, path=path)
        self.assertEqual(reply.status, 202, reply.text)
        await self.assertShared(one, b"hello", "a.txt")

    async def test_inbound(self) -> None:
        """
        A callback gets the files that slixmpp shares (XEP-0447, XEP-0066) in C{files}.
        """
        await self.startGateway(callbackContentType="json")
        self.callback.answer = lambda delivery: (204, "", b"")
        one = await self.login()
        bot = f"bot@{self.server.componentDomain}"
        sharing = ComponentXMPP(bot, "secret")
        for plugin in ("xep_0066", "xep_0300", "xep_0446", "xep_0447"):
            sharing.register_plugin(plugin)
        url = "https://up.example.org/hello.txt"
        message = sharing.make_message(bot, "See", mtype="chat")
        sfs: Any = sharing.plugin["xep_0447"]  # its overloads want all arguments
        message.append(
            sfs.get_sfs(data=b"hello", uris=[url], media_type="text/plain", desc="Hi")
        )
        link = sharing.make_message(bot, url, mtype="chat")
        link["oob"]["url"] = url
        for each in (message, link):
            del each["from"]
            one.send(str(each).replace("jabber:component:accept", "jabber:client"))
        shared, linked = [(await self.delivered()).json for _ in range(2)]
        (file,) = shared["files"]
        expected = {"url": url, "type": "text/plain", "desc": "Hi", "size": 5}
        expected["sha-256"] = sha256(b"hello").hexdigest()
        self.assertEqual(file, expected)
        self.assertEqual(linked["files"], [{"url": url}])

    async def test_tooLarge(self) -> None:
        """
        A file that is too large for the gateway or for the service is refused with 413
        and the limit.
        """
        service = self.server.uploadLimit
        for size, most, limit in ((service + 1, 2 * service, service), (999, 998, 998)):
            await self.startGateway(uploadSizeLimit=most)
            reply = await self.post(form(b"x" * size), FORM, path="/files")
            self.assertEqual(reply.status, 413, reply.text)
            self.assertIn(str(limit), reply.text)
            await self.gateway.service.stopService()

    async def test_notPermitted(self) -> None:
        """
        If the service does not let the gateway upload, the error says what to set.
        """
        await self.startGateway(domain=self.server.peerDomain)
        reply = await self.post(form(), FORM, path="/message/chat/a@localhost")
        self.assertEqual(reply.status, 503, reply.text)
        self.assertIn("http_file_share_access", reply.text)

    async def test_noService(self) -> None:
        """
        If the address in the settings is no service, the error says so.
        """
        await self.startGateway(uploadService=self.server.mucDomain)
        reply = await self.post(form(), FORM, path="/files")
        self.assertEqual(reply.status, 503, reply.text)
        self.assertIn("correct upload-service", reply.text)


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
