"""Tests of L{xmpprest.core.stanza.mam}."""

from __future__ import annotations

from tests.core.codec.case import CoreTestCase, xml
from tests.support.canonical import canonical
from xmpprest.core.stanza.mam import (
    MAX_RESULTS,
    MAX_SIZE,
    TAG_OVERHEAD,
    ArchiveResults,
    query,
    queryID,
    withQueryID,
)
from xmpprest.core.stanza.serializer import toXML

MAM = "xmlns='urn:xmpp:mam:2'"

#: With all that an element can have.
RESULT = (
    "<message xmlns:m='urn:m' m:a='1' from='a@b' xml:lang='de'>"
    "<before xmlns='urn:x'/>\n"
    "<result {id} xmlns='urn:xmpp:mam:2' xmlns:p='urn:p' p:a='p:b' id='28482'>"
    "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
    "<body>hi</body><x xmlns='urn:xmpp:mam:2' queryid='1'/></message></forwarded> text"
    "</result><after xmlns='urn:x' queryid='1'/></message>"
)


class ReadTests(CoreTestCase):
    """
    L{query} and L{queryID}
    """

    def test_query(self) -> None:
        """
        An iq asks an archive by a query in its namespace.
        """
        for inside, expected in {
            f"<query {MAM}/>": True,
            f"<query {MAM} queryid='1'><x xmlns='jabber:x:data'/></query>": True,
            "<query/>": False,
            "<query xmlns='urn:xmpp:mam:1'/>": False,
            f"<prefs {MAM}/>": False,
            f"<x><query {MAM}/></x>": False,
        }.items():
            found = query(xml(f"<iq type='set'>{inside}</iq>"))
            self.assertEqual(found is not None, expected, inside)

    def test_queryID(self) -> None:
        """
        A message is a result by its first element of that name, unless it is an error.
        """
        result = f"<result {MAM} queryid='1'/>"
        for document, expected in {
            f"<message>{result}</message>": "1",
            f"<message type='groupchat'><body/>{result}<x/></message>": "1",
            f"<message>{result}<result {MAM} queryid='2'/></message>": "1",
            f"<message><result {MAM} queryid=''/></message>": "",
            f"<message><result {MAM}/></message>": None,
            f"<message type='error'>{result}</message>": None,
            "<message><result queryid='1'/></message>": None,
            "<message><result xmlns='urn:xmpp:mam:1' queryid='1'/></message>": None,
            f"<message><fin {MAM} queryid='1'/></message>": None,
            f"<message><x>{result}</x></message>": None,
            "<message><body>result</body></message>": None,
            "<message/>": None,
        }.items():
            self.assertEqual(queryID(xml(document)), expected, document)


class WithQueryIDTests(CoreTestCase):
    """
    L{withQueryID}
    """

    def test_changed(self) -> None:
        """
        A queryid is added, replaced and removed; everything else stays, with its
        prefixes,
        and so does the original stanza.
        """
        for old, new in (
            ("1", "2"),
            ("1", None),
            (None, "2"),
            (None, None),
            ("1", "1"),
        ):
            before, after = (
                RESULT.replace("{id}", "" if id is None else f"queryid='{id}'")
                for id in (old, new)
            )
            stanza = xml(before)
            changed = withQueryID(stanza, old, new)
            self.assertEqual(canonical(changed), canonical(xml(after)))
            self.assertEqual(
                canonical(xml(toXML(changed))), canonical(xml(after)), "as written"
            )
            self.assertIn(" p:a='p:b'", toXML(changed))
            self.assertIn(" xmlns:p='urn:p'", toXML(changed))
            self.assertEqual(canonical(stanza), canonical(xml(before)))

    def test_place(self) -> None:
        """The queryid keeps its place among the attributes."""
        stanza = xml(f"<iq><query {MAM} a='1' queryid='q' b='2'/></iq>")
        self.assertIn(
            " a='1' queryid='&lt;' b='2'/>", toXML(withQueryID(stanza, "q", "<"))
        )

    def test_others(self) -> None:
        """
        A stanza with another queryid, or of another specification, stays as it is.
        """
        stanza = xml(
            f"<iq><fin {MAM} queryid='2'/><fin {MAM}/><query queryid='1'/>"
            "<query xmlns='urn:x' queryid='1'/>1</iq>"
        )
        changed = withQueryID(stanza, "1", "3")
        self.assertEqual(canonical(changed), canonical(stanza))

    def test_shared(self) -> None:
        """The content is shared, not copied."""
        stanza = xml(RESULT.replace("{id}", "queryid='1'"))
        changed = withQueryID(stanza, "1", "2")
        self.assertIs(changed.children[0], stanza.children[0])
        self.assertIs(
            next(changed.children[2].elements()), next(stanza.children[2].elements())
        )


class CollectedTests(CoreTestCase):
    """
    L{ArchiveResults}
    """

    def message(self, text: str = "") -> str:
        """A result of the query that is C{wire} on the wire."""
        return f"<message>{text}<result {MAM} queryid='wire'/></message>"

    def test_ended(self) -> None:
        """
        The results come in their order, then the reply, all with the caller's own
        queryid where they have one.
        """
        collected = ArchiveResults("wire", "own")
        for number in range(3):
            self.assertIsNone(collected.add(xml(self.message(str(number)))))
        results = collected.finish(
            xml(f"<iq type='result'><fin {MAM} queryid='wire' complete='true'/></iq>")
        )
        self.assertEqual(
            [toXML(stanza).replace('"', "'") for stanza in results],
            [
                *(
                    f"<message>{number}<result {MAM} queryid='own'/></message>"
                    for number in range(3)
                ),
                f"<iq type='result'><fin {MAM} queryid='own' complete='true'/></iq>",
            ],
        )

    def test_withoutQueryID(self) -> None:
        """
        If the caller gave no queryid, nothing has one; a reply never gets one that it
        did not have.
        """
        for own in (None, "own"):
            collected = ArchiveResults("wire", own)
            reply = f"<iq type='result'><fin {MAM}/></iq>"
            self.assertEqual(toXML(collected.finish(xml(reply))[-1]), reply)
        collected = ArchiveResults("wire", None)
        collected.add(xml(self.message()))
        self.assertNotIn("queryid", toXML(collected.finish(xml("<iq/>"))[0]))

    def test_none(self) -> None:
        """
        A query may bring nothing but its end.
        """
        self.assertEqual(len(ArchiveResults("wire", "own").finish(xml("<iq/>"))), 1)

    def test_count(self) -> None:
        """
        1,000 results are kept; one more is the end of it, and is not kept.
        """
        collected, message = ArchiveResults("wire", "own"), xml(self.message())
        for _ in range(MAX_RESULTS):
            self.assertIsNone(collected.add(message))
        problem = collected.add(message)
        assert problem is not None
        self.assertEqual(
            (problem.status, problem.type, problem.condition),
            (422, "modify", "resource-constraint"),
        )
        self.assertEqual(
            problem.text,
            "The archive sends more than 1000 results at once; ask for fewer, with"
            " max.",
        )
        self.assertEqual(len(collected.finish(xml("<iq/>"))), MAX_RESULTS + 1)

    def test_size(self) -> None:
        """
        4 MiB are kept; not one character more.
        """
        head = len(self.message()) + 3 * TAG_OVERHEAD
        half = xml(self.message("x" * (MAX_SIZE // 2 - head)))
        collected = ArchiveResults("wire", "own")
        self.assertIsNone(collected.add(half))
        self.assertIsNone(collected.add(half))
        collected = ArchiveResults("wire", "own")
        collected.add(half)
        problem = collected.add(xml(self.message("x" * (MAX_SIZE // 2 - head + 1))))
        assert problem is not None
        self.assertEqual(problem.status, 422)
        self.assertIn("4 MiB", problem.text)
        self.assertSentence(problem.text)

    def test_elements(self) -> None:
        """
        Many small elements are large, as they are in memory.
        """
        collected, message = (
            ArchiveResults("wire", None),
            xml(self.message("<x/>" * 4000)),
        )
        kept = 0
        while collected.add(message) is None:
            kept += 1
        self.assertEqual(kept, 15)
