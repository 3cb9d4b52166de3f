"""Tests of L{xmpprest.core.stanza.build}."""

from __future__ import annotations

from tests.core.codec.case import CoreTestCase, xml
from tests.support.canonical import canonical
from xmpprest.core.errors import StanzaError
from xmpprest.core.stanza import namespaces as ns
from xmpprest.core.stanza.build import (
    LANG,
    element,
    elements,
    error,
    firstChild,
    isFromRoom,
    isRequest,
    isResponse,
    make,
    receipt,
    receivedElement,
    result,
    wantsReceipt,
    withAttributes,
)

ADDRESSED = "from='juliet@example.com/balcony' to='bot@gateway.example' id='i1'"

_MUC_USER = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
_REQUEST = "<request xmlns='urn:xmpp:receipts'/>"


class MakeTests(CoreTestCase):
    """
    L{make}, L{element} and L{withAttributes}
    """

    def test_make(self) -> None:
        """
        A stanza has the attributes that have a value, and its children in order.
        """
        body = element(ns.CLIENT, "body", {"a": "b"}, ["hi"])
        stanza = make("message", {"to": "a@b", "id": None, LANG: "de"}, [body, " "])
        self.assertEqual(
            canonical(stanza),
            canonical(
                xml("<message to='a@b' xml:lang='de'><body a='b'>hi</body> </message>")
            ),
        )

    def test_withAttributes(self) -> None:
        """
        Attributes are changed, added and taken away in a copy, the rest stays.
        """
        stanza = xml("<iq id='1' to='a' xml:lang='de'><q xmlns='urn:q'/></iq>")
        changed = withAttributes(stanza, id="2", to=None, type="get")
        self.assertEqual(
            canonical(changed),
            canonical(
                xml("<iq id='2' type='get' xml:lang='de'><q xmlns='urn:q'/></iq>")
            ),
        )
        self.assertEqual(stanza.attributes["id"], "1")
        self.assertIs(changed.children[0], stanza.children[0])


class ReadTests(CoreTestCase):
    """
    L{elements} and L{firstChild}
    """

    def test_elements(self) -> None:
        """
        Text is no element.
        """
        stanza = xml("<message> <a/>b<c/> </message>")
        self.assertEqual([child.name for child in elements(stanza)], ["a", "c"])

    def test_find(self) -> None:
        """
        The first child of that name in that namespace is found, whatever others have
        the same name, and none that is further down.
        """
        stanza = xml(
            "<message>x<a xmlns='urn:x'/><a n='1'/><a n='2'/><b><c/></b></message>"
        )
        found = firstChild(stanza, ns.CLIENT, "a")
        assert found is not None
        self.assertEqual(found["n"], "1")
        self.assertIsNone(firstChild(stanza, ns.CLIENT, "c"))
        self.assertIsNone(firstChild(stanza, "urn:y", "a"))


class KindTests(CoreTestCase):
    """
    Functions that classify stanzas.
    """

    def test_isRequest(self) -> None:
        """
        An iq of type get or set wants an answer, and nothing else does.
        """
        for document, expected in {
            "<iq type='get'/>": True,
            "<iq type='set'/>": True,
            "<iq type='result'/>": False,
            "<iq type='error'/>": False,
            "<message type='get'/>": False,
        }.items():
            self.assertEqual(isRequest(xml(document)), expected, document)

    def test_isResponse(self) -> None:
        """
        A result and an error of any kind are answers.
        """
        for document, expected in {
            "<iq type='result'/>": True,
            "<iq type='error'/>": True,
            "<message type='error'/>": True,
            "<presence type='error'/>": True,
            "<iq type='get'/>": False,
            "<message type='chat'/>": False,
            "<message/>": False,
        }.items():
            self.assertEqual(isResponse(xml(document)), expected, document)

    def test_isFromRoom(self) -> None:
        """
        A stanza from a room is recognised by its type, by elements that rooms add, or
        by an
        address that no user's presence has.
        """
        person, room = "from='a@b/c'", "from='room@muc.example'"
        for document, expected in {
            f"<message {person} type='groupchat'/>": True,
            f"<message {room} type='groupchat'/>": True,
            f"<message {person} type='chat'>{_MUC_USER}</message>": True,
            f"<message {person} type='chat'/>": False,
            f"<message {person}/>": False,
            f"<message {room}/>": False,
            f"<presence {person}>{_MUC_USER}</presence>": True,
            f"<presence {person} type='unavailable'>{_MUC_USER}</presence>": True,
            f"<presence {room}/>": True,
            f"<presence {room} type='unavailable'/>": True,
            f"<presence {person}/>": False,
            "<presence from='a@b' type='subscribe'/>": False,
            f"<iq {person} type='get'>{_MUC_USER}</iq>": False,
        }.items():
            self.assertEqual(isFromRoom(xml(document)), expected, document)

    def test_wantsReceipt(self) -> None:
        """
        A message with an id asks for a receipt, if it is one that may be confirmed,
        and no receipt itself.
        """
        received = "<received xmlns='urn:xmpp:receipts' id='i0'/>"
        for document, expected in {
            f"<message id='a'>{_REQUEST}</message>": True,
            f"<message id='a' type='chat'>{_REQUEST}</message>": True,
            f"<message id='a' type='headline'>{_REQUEST}</message>": True,
            f"<message id='a' type='groupchat'>{_REQUEST}</message>": False,
            f"<message id='a' type='error'>{_REQUEST}</message>": False,
            f"<message>{_REQUEST}</message>": False,
            f"<message id=''>{_REQUEST}</message>": False,
            f"<message id='a'>{_REQUEST}{received}</message>": False,
            f"<presence id='a'>{_REQUEST}</presence>": False,
            "<message id='a'><request/></message>": False,
            f"<message id='a'><x>{_REQUEST}</x></message>": False,
            "<message id='a'/>": False,
        }.items():
            self.assertEqual(wantsReceipt(xml(document)), expected, document)


class AnswerTests(CoreTestCase):
    """
    L{result}, L{error}, L{receivedElement} and L{receipt}
    """

    def test_result(self) -> None:
        """
        A result goes back to the sender, with the id, and with a payload or none.
        """
        request = xml(f"<iq {ADDRESSED} type='get' xml:lang='de'><q/></iq>")
        head = "to='juliet@example.com/balcony' from='bot@gateway.example' id='i1'"
        self.assertEqual(
            canonical(result(request)), canonical(xml(f"<iq {head} type='result'/>"))
        )
        self.assertEqual(
            canonical(result(request, element("urn:x", "x"))),
            canonical(xml(f"<iq {head} type='result'><x xmlns='urn:x'/></iq>")),
        )

    def test_error(self) -> None:
        """
        An error goes back to the sender, with the id and without what was sent; its
        text may be empty.
        """
        stanza = xml(f"<message {ADDRESSED} type='chat'><body>secret</body></message>")
        for text, written in {
            "": "",
            "404 <a>": f"<text xmlns='{ns.STANZA_ERRORS}'>404 &lt;a></text>",
        }.items():
            self.assertEqual(
                canonical(error(stanza, StanzaError("cancel", "gone", text))),
                canonical(
                    xml(
                        "<message to='juliet@example.com/balcony'"
                        " from='bot@gateway.example' id='i1' type='error'>"
                        f"<error type='cancel'><gone xmlns='{ns.STANZA_ERRORS}'/>"
                        f"{written}</error></message>"
                    )
                ),
            )

    def test_withoutID(self) -> None:
        """
        An error for a stanza without an id has none either.
        """
        report = error(xml("<presence from='a' to='b'/>"), StanzaError("wait", "gone"))
        self.assertEqual(report.attributes, {"to": "a", "from": "b", "type": "error"})

    def test_receipt(self) -> None:
        """
        A receipt is a message of the same type, with an id of its own, that names
        the id of the one it confirms.
        """
        for type in ("", " type='chat'"):
            message = xml(f"<message {ADDRESSED}{type}>{_REQUEST}</message>")
            self.assertEqual(
                canonical(receipt(message, "new")),
                canonical(
                    xml(
                        "<message to='juliet@example.com/balcony' id='new'"
                        f" from='bot@gateway.example'{type}>"
                        "<received xmlns='urn:xmpp:receipts' id='i1'/></message>"
                    )
                ),
            )
            self.assertEqual(receivedElement(message)["id"], "i1")
