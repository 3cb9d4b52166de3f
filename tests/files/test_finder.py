"""Tests of L{xmpprest.files.finder}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.doubles import live, stanza
from xmpprest.core.errors import Problem, Refusal, serviceUnavailable
from xmpprest.core.files.service import UploadService
from xmpprest.core.stanza.build import elements
from xmpprest.files.finder import ServiceFinder

FORM = (
    "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>"
    "<value>urn:xmpp:http:upload:0</value></field>"
    "<field var='max-file-size'{}><value>{}</value></field></x>"
)
UPLOAD = "<feature var='urn:xmpp:http:upload:0'/>"
TIMEOUT = Refusal(Problem(504, "wait", "remote-server-timeout", "Late."))


class HeldServer:
    """
    A server and its services.

    @ivar infos: The content of each entity's reply to disco#info, or the refusal of the
        query.
    @ivar items: The addresses of the server's items.
    @ivar asked: The address and the namespace of each query.
    @ivar holding: What each reply waits for, if anything.
    """

    def __init__(self) -> None:
        self.infos: dict[str, str | Refusal] = {"example.org": ""}
        self.items: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.holding: Deferred[None] | None = None

    async def request(self, iq: Element, timeout: float) -> list[Element]:
        """Reply to a query."""
        (query,) = elements(iq)
        self.asked.append((iq["to"], query.uri.rpartition("#")[2]))
        if self.holding is not None:
            await self.holding
        head = f"from='{iq['to']}' to='{iq['from']}' id='{iq['id']}'"
        if query.uri.endswith("#items"):
            content = "".join(f"<item jid='{each}'/>" for each in self.items)
        else:
            info = self.infos.get(iq["to"])
            if isinstance(info, Refusal):
                raise info
            if info is None:
                return [stanza(f"<iq type='error' {head}><error type='cancel'/></iq>")]
            content = info
        return [
            stanza(
                f"<iq type='result' {head}><query xmlns='{query.uri}'>{content}"
                "</query></iq>"
            )
        ]


class FinderTests(SynchronousTestCase):
    """
    Tests of L{ServiceFinder}.
    """

    def setUp(self) -> None:
        self.server = HeldServer()
        self.settings = live(uploadService=None)
        self.finder = ServiceFinder(self.server, "gateway.example.org", self.settings)

    def find(self) -> Deferred[UploadService]:
        """Find the service."""
        return Deferred.fromCoroutine(self.finder.find())

    def test_item(self) -> None:
        """
        The service is the first item of the server that is one, with its limit.
        """
        self.server.items = [
            "rooms.example.org",
            "up.example.org",
            "gateway.example.org",
        ]
        self.server.infos["rooms.example.org"] = "<feature var='urn:a'/>"
        self.server.infos["up.example.org"] = UPLOAD + FORM.format("", 1000)
        found = self.successResultOf(self.find())
        self.assertEqual(found, UploadService("up.example.org", 1000))
        self.assertEqual(
            self.server.asked,
            [
                ("example.org", "info"),
                ("example.org", "items"),
                ("rooms.example.org", "info"),
                ("up.example.org", "info"),
            ],
        )

    def test_server(self) -> None:
        """
        The server itself may be the service; a limit is not needed.
        """
        self.server.infos["example.org"] = UPLOAD
        found = self.successResultOf(self.find())
        self.assertEqual(found, UploadService("example.org", None))

    def test_setting(self) -> None:
        """
        The service of the settings is asked alone, and used even if it does not reply.
        """
        self.settings.value = live(uploadService="up.example.net").value
        self.server.infos["up.example.net"] = TIMEOUT
        found = self.successResultOf(self.find())
        self.assertEqual(found, UploadService("up.example.net", None))
        self.finder.forget()
        typed = UPLOAD + FORM.format(" type='text-single'", 5)
        self.server.infos["up.example.net"] = typed
        self.assertEqual(self.successResultOf(self.find()).limit, 5)
        self.assertEqual(self.server.asked, [("up.example.net", "info")] * 2)

    def test_none(self) -> None:
        """
        Without a service the refusal says what to set: 404. An item that does not
        reply, or is no address, does not matter.
        """
        self.server.items = ["slow.example.org", "absent.example.org", "@", ""]
        self.server.infos["slow.example.org"] = TIMEOUT
        refusal = self.failureResultOf(self.find(), Refusal).value
        self.assertEqual(refusal.problem.status, 404)
        self.assertIn("example.org lists no upload service", refusal.problem.text)
        self.assertIn("upload-service", refusal.problem.text)

    def test_noServer(self) -> None:
        """
        A component domain with one label has no server above it: 404.
        """
        finder = ServiceFinder(self.server, "gateway", self.settings)
        refusal = self.failureResultOf(
            Deferred.fromCoroutine(finder.find()), Refusal
        ).value
        self.assertEqual(refusal.problem.status, 404)
        self.assertEqual(self.server.asked, [])

    def test_remembered(self) -> None:
        """
        The service is remembered until there is a new stream, or the settings name
        another one.
        """
        self.server.infos["example.org"] = UPLOAD
        self.assertIsNone(self.finder.known)
        for _ in range(2):
            self.successResultOf(self.find())
        self.assertEqual(len(self.server.asked), 1)
        self.assertEqual(self.finder.known, UploadService("example.org"))
        self.finder.disconnected()
        self.finder.connected()
        self.assertIsNone(self.finder.known)
        self.successResultOf(self.find())
        self.assertEqual(len(self.server.asked), 2)
        self.settings.value = live(uploadService="up.example.net").value
        self.assertIsNone(self.finder.known)

    def test_shared(self) -> None:
        """
        Callers at the same time share a search; one that leaves does not end it.
        """
        self.server.infos["example.org"] = UPLOAD
        holding: Deferred[None] = Deferred()
        self.server.holding = holding
        first, second = self.find(), self.find()
        first.cancel()
        self.failureResultOf(first)
        holding.callback(None)
        self.assertEqual(self.successResultOf(second).address, "example.org")
        self.assertEqual(len(self.server.asked), 1)

    def test_noStream(self) -> None:
        """
        Without a stream every caller gets 503, and the next one searches anew.
        """
        gone = serviceUnavailable("remote-connection-failed", "No stream.", 5)
        self.server.infos["example.org"] = gone
        self.assertIs(self.failureResultOf(self.find(), Refusal).value, gone)
        self.server.infos["example.org"] = UPLOAD
        self.successResultOf(self.find())
