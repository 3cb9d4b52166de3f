"""
The servers and the entities of L{tests.servers} do what other tests rely on.
"""

from __future__ import annotations

from urllib.error import HTTPError
from uuid import uuid4

from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.servers.case import ServerMixin
from tests.servers.client import User
from tests.servers.peer import PeerLost
from tests.servers.queries import download, fillRoom, upload
from tests.servers.rawcomponent import RawComponent
from tests.servers.splitter import Received
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody

PING = "<ping xmlns='urn:xmpp:ping'/>"
COMMANDS = "http://jabber.org/protocol/commands"
ADD_USER = "http://jabber.org/protocol/admin#add-user"


class HarnessMixin(ServerMixin):
    """
    Requirements on every kind of server.
    """

    async def test_conversation(self) -> None:
        """
        A component's message to a bare JID reaches the user, and the user's
        answer the component.
        """
        component, user = await self.connect(), await self.login()
        component.send(
            f"<message type='chat' id='a' to='{user.bareJID}'"
            " from='bot@gateway.localhost/x'><body>Grüße &lt;🙂</body></message>"
        )
        received = await user.expect("<message", "id='a'")
        self.assertEqual(received.kind, "message")
        self.assertEqual(received.element.get("from"), "bot@gateway.localhost/x")
        self.assertEqual(received.element.findtext("{*}body"), "Grüße <🙂")
        user.send(
            "<message type='chat' id='b' to='bot@gateway.localhost/x'>"
            "<body>Well</body></message>"
        )
        answer = await component.expect("id='b'")
        self.assertEqual(answer.element.get("from"), user.jid)
        self.assertEqual(answer.element.findtext("{*}body"), "Well")
        self.assertIn("Well", component.text)

    async def test_components(self) -> None:
        """
        Two components reach each other, from any address of theirs.
        """
        gateway = await self.connect()
        peer = await self.connect(self.server.peerDomain)
        for sender in ("peer.localhost", "x@peer.localhost", "x@peer.localhost/y"):
            peer.send(
                f"<iq type='get' id='{sender}' from='{sender}'"
                f" to='gateway.localhost'>{PING}</iq>"
            )
            await gateway.expect(f"from='{sender}'", f"id='{sender}'", "urn:xmpp:ping")

    async def test_room(self) -> None:
        """
        A component and a user meet in a room that nobody has configured.
        """
        component, user = await self.connect(), await self.login()
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        await component.joinRoom(room, "bôt 2", sender="bot@gateway.localhost/x")
        await user.joinRoom(room, "Juliet")
        await user.expect("<presence", "bôt 2")
        await component.expect("<presence", "Juliet")
        user.send(f"<message type='groupchat' to='{room}'><body>Hi</body></message>")
        received = await component.expect("groupchat", "<body>Hi</body>")
        self.assertEqual(received.element.get("from"), f"{room}/Juliet")
        component.send(
            f"<message type='groupchat' to='{room}' from='bot@gateway.localhost/x'>"
            "<body>Ho</body></message>"
        )
        await user.expect("groupchat", "<body>Ho</body>", f"from='{room}/bôt 2'")

    async def test_archive(self) -> None:
        """
        A component that is not in a room reads what was said there, by pages.
        """
        component, user = await self.connect(), await self.login()
        room = f"{uuid4().hex}@{self.server.mucDomain}"
        ids = await fillRoom(user, room, 12)
        pages = []
        for position in ("", f"<after>{ids[4]}</after>", f"<after>{ids[9]}</after>"):
            fin = await self.ask(
                component,
                "set",
                room,
                "<query xmlns='urn:xmpp:mam:2' queryid='q'>"
                "<set xmlns='http://jabber.org/protocol/rsm'>"
                f"<max>5</max>{position}</set></query>",
            )
            complete = fin.element[0].get("complete", "false")
            pages.append((complete, fin.element.findtext("{*}fin/{*}set/{*}count")))
        results = [one.element.find("{*}result") for one in component.received]
        self.assertEqual(
            [one.get("id") for one in results if one is not None],
            ids,
        )
        self.assertEqual(pages, [("false", "12"), ("false", "12"), ("true", "12")])

    async def test_upload(self) -> None:
        """
        A component gets a slot for a file, and the file is there for everybody;
        a component of another domain gets none.
        """
        component = await self.connect()
        request = (
            "<request xmlns='urn:xmpp:http:upload:0' filename='très cool.txt'"
            " size='5' content-type='text/plain'/>"
        )
        slot = await self.ask(component, "get", self.server.uploadDomain, request)
        put, get = slot.element[0].find("{*}put"), slot.element[0].find("{*}get")
        assert put is not None and get is not None
        headers = {one.attrib["name"]: one.text or "" for one in put}
        with self.assertRaises(HTTPError):
            await download(get.attrib["url"])
        status = await upload(put.attrib["url"], b"Hello", headers)
        self.assertEqual(status, 201)
        self.assertEqual(await download(get.attrib["url"]), b"Hello")
        refusal = await self.ask(
            await self.connect(self.server.peerDomain),
            "get",
            self.server.uploadDomain,
            request,
            sender=self.server.peerDomain,
        )
        self.assertIn("forbidden", refusal.xml)

    async def test_externalServices(self) -> None:
        """
        A component is told the external services.
        """
        answer = await self.ask(
            await self.connect(),
            "get",
            self.server.host,
            "<services xmlns='urn:xmpp:extdisco:2'/>",
        )
        port = str(self.server.stunPort)
        self.assertEqual(
            [
                (one.get("type"), one.get("port"), "password" in one.attrib)
                for one in answer.element[0]
            ],
            [("stun", port, False), ("turn", port, True)],
        )

    async def test_administration(self) -> None:
        """
        The administrator, and nobody else, makes an account by a command.
        """
        component = await self.connect()
        name = uuid4().hex
        command = f"<command xmlns='{COMMANDS}' node='{ADD_USER}'"
        refusal = await self.ask(component, "set", self.server.host, f"{command}/>")
        self.assertIn("forbidden", refusal.xml)
        admin = f"{self.server.admin}/x"
        executing = await self.ask(
            component, "set", self.server.host, f"{command}/>", sender=admin
        )
        session = executing.element[0].attrib["sessionid"]
        fields = {
            "FORM_TYPE": "http://jabber.org/protocol/admin",
            "accountjid": f"{name}@{self.server.host}",
            "password": "secret",
            "password-verify": "secret",
        }
        form = "".join(
            f"<field var='{var}'><value>{value}</value></field>"
            for var, value in fields.items()
        )
        completed = await self.ask(
            component,
            "set",
            self.server.host,
            f"{command} sessionid='{session}' action='complete'>"
            f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command>",
            sender=admin,
        )
        self.assertEqual(completed.element[0].get("status"), "completed")
        user = User(self.server, name)
        self.addCleanup(user.close)
        await user.ready()

    async def ask(
        self,
        component: RawComponent,
        kind: str,
        to: str,
        payload: str,
        sender: str = "",
    ) -> Received:
        """
        Send an iq and wait for the answer.

        @param kind: the type of the iq.
        """
        name = uuid4().hex
        component.send(
            f"<iq type='{kind}' id='{name}' to='{to}'"
            f" from='{sender or self.server.componentDomain}'>{payload}</iq>"
        )
        return await component.expect("<iq", f"id='{name}'")

    async def test_userAnswersLikeAnyClient(self) -> None:
        """
        A user answers a ping, refuses what it does not know, and does nothing
        about messages and requests for subscription.
        """
        component, user = await self.connect(), await self.login()
        addresses = f"from='gateway.localhost' to='{user.jid}'"
        component.send(
            f"<presence type='subscribe' from='gateway.localhost' to='{user.bareJID}'/>"
            f"<message id='m' {addresses}><body>?</body>"
            "<request xmlns='urn:xmpp:receipts'/></message>"
            f"<iq type='get' id='p' {addresses}>{PING}</iq>"
            f"<iq type='get' id='q' {addresses}><query xmlns='urn:none'/></iq>"
        )
        await user.expect("type='subscribe'")
        await user.expect("id='m'")
        await component.expect("id='p'", "type='result'")
        await component.expect("id='q'", "type='error'")
        await user.sync()
        await component.sync()
        self.assertNotIn("<message", component.text)
        self.assertNotRegex(component.text, "type=['\"]subscribe")

    async def test_wrongSecret(self) -> None:
        """
        A component with a wrong secret learns why it is refused.
        """
        with self.assertRaises(PeerLost) as caught:
            await RawComponent.connect(
                self.server.componentPort, self.server.componentDomain, "wrong"
            )
        self.assertIn("not-authorized", str(caught.exception))

    async def test_wrongPassword(self) -> None:
        """
        A user who cannot log in says so at once.
        """
        user = User(self.server, "nobody", "wrong")
        self.addCleanup(user.close)
        with self.assertRaises(PeerLost):
            await user.ready()

    async def test_killAndRestart(self) -> None:
        """
        After C{kill -9} everybody knows that the connection is gone, and a
        restart serves the same ports and accounts.
        """
        component, user = await self.connect(), await self.login(user="survivor")
        ports = self.server.componentPort, self.server.clientPort
        await deferToThread(self.server.kill)
        self.assertFalse(self.server.running)
        with self.assertRaises(PeerLost):
            await component.expect("never")
        with self.assertRaises(PeerLost):
            await user.expect("never")
        await deferToThread(self.server.start)
        self.assertEqual(ports, (self.server.componentPort, self.server.clientPort))
        again = await self.connect()
        user = User(self.server, "survivor")
        self.addCleanup(user.close)
        await user.ready()
        again.send(f"<message id='s' from='gateway.localhost' to='{user.bareJID}'/>")
        await user.expect("id='s'")


class ProsodyTests(HarnessMixin, TestCase):
    """
    The harness with Prosody.
    """

    kind = Prosody


class EjabberdTests(HarnessMixin, TestCase):
    """
    The harness with ejabberd.
    """

    kind = Ejabberd

    async def test_componentTLS(self) -> None:
        """
        A component can connect in TLS, and the certificate holds.
        """
        assert isinstance(self.server, Ejabberd)
        authority = Certificate.loadPEM(self.server.certificate.caFile.read_bytes())
        component = await RawComponent.connect(
            self.server.componentTLSPort,
            self.server.componentDomain,
            self.server.componentSecret,
            tls=optionsForClientTLS("localhost", authority),
        )
        self.addCleanup(component.close)
        await component.sync()
