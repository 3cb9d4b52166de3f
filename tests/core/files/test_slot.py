"""Tests of L{xmpprest.core.files.slot}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.support.doubles import stanza
from xmpprest.core.errors import Refusal
from xmpprest.core.files.slot import (
    UPLOAD,
    FileDetails,
    Slot,
    parseSlot,
    slotRequest,
)
from xmpprest.core.stanza.serializer import toXML

PUT = "https://up.example/a"
GET = "https://down.example/a"


def reply(put: str = PUT, get: str = GET, headers: str = "") -> Element:
    """The reply of an upload service."""
    return stanza(
        f"<iq type='result' id='1' from='upload.example' to='gateway.example'>"
        f"<slot xmlns='{UPLOAD}'><put url='{put}'>{headers}</put>"
        f"<get url='{get}'/></slot></iq>"
    )


def error(content: str) -> Element:
    """An error of an upload service."""
    return stanza(
        "<iq type='error' id='1' from='upload.example' to='gateway.example'>"
        f"<error type='modify'>{content}</error></iq>"
    )


class SlotTests(SynchronousTestCase):
    """
    Tests of slots.
    """

    def test_request(self) -> None:
        """
        The request names the file, its size and its type (XEP-0363, example 5).
        """
        file = FileDetails("très cool.jpg", 23456, "image/jpeg", "")
        iq = slotRequest(file, "upload.example", "gateway.example", "1")
        self.assertEqual(
            toXML(iq),
            "<iq to='upload.example' from='gateway.example' id='1' type='get'>"
            "<request xmlns='urn:xmpp:http:upload:0' filename='très cool.jpg'"
            " size='23456' content-type='image/jpeg'/></iq>",
        )

    def test_slot(self) -> None:
        """
        Only the three headers of XEP-0363 are taken from a slot, and no line breaks.
        """
        headers = (
            "<header name='Authorization'>Basic Base64String==</header>"
            "<header name='cookie'>foo=bar</header>"
            "<header name='Host'>internal</header>"
            "<header name='Expires'>a&#10;X: b</header>"
        )
        self.assertEqual(
            parseSlot(reply(headers=headers)),
            Slot(
                PUT,
                GET,
                (("Authorization", "Basic Base64String=="), ("cookie", "foo=bar")),
            ),
        )

    def test_urls(self) -> None:
        """
        Both URLs are https; plain http is allowed on loopback only.
        """
        for url in ("http://127.0.0.1:5280/a", "http://[::1]/a", "http://localhost/a"):
            self.assertEqual(parseSlot(reply(url, url)), Slot(url, url))
        for url in (
            "http://up.example/a",
            "http://127.0.0.1.up.example/a",
            "ftp://127.0.0.1/a",
            "https:///a",
            "https://up.example:x/a",
            "https://up.example/a b",
            "",
        ):
            for slot in (reply(put=url), reply(get=url)):
                refusal = self.assertRaises(Refusal, parseSlot, slot)
                self.assertEqual(refusal.problem.status, 503, url)

    def test_tooLarge(self) -> None:
        """
        A file that is too large for the service is refused with 413 and the limit.
        """
        content = (
            "<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            f"<file-too-large xmlns='{UPLOAD}'><max-file-size>20000</max-file-size>"
            "</file-too-large>"
        )
        refusal = self.assertRaises(Refusal, parseSlot, error(content))
        self.assertEqual(refusal.problem.status, 413)
        self.assertIn("20000", refusal.problem.text)

    def test_refused(self) -> None:
        """
        Another error, and a reply without a slot, become 503.
        """
        forbidden = "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        refusal = self.assertRaises(Refusal, parseSlot, error(forbidden))
        self.assertEqual(refusal.problem.status, 503)
        text = refusal.problem.text
        self.assertIn("upload.example does not let gateway.example upload", text)
        self.assertIn("(forbidden)", text)
        self.assertIn('http_file_share_access = { "gateway.example" }', text)
        absent = (
            "<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        )
        refusal = self.assertRaises(Refusal, parseSlot, error(absent))
        self.assertIn("correct upload-service", refusal.problem.text)
        full = "<resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        refusal = self.assertRaises(Refusal, parseSlot, error(full))
        self.assertIn("(resource-constraint)", refusal.problem.text)
        empty = stanza("<iq type='result' id='1' from='a' to='b'/>")
        refusal = self.assertRaises(Refusal, parseSlot, empty)
        self.assertEqual(refusal.problem.status, 503)
