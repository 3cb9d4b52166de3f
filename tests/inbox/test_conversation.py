"""Tests of L{xmpprest.inbox.conversation}."""

from __future__ import annotations

from math import inf

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from tests.core.codec.corpus import examples
from tests.core.codec.stanzamaker import stanzas
from tests.support.canonical import canonical
from tests.support.doubles import NS_COMPONENT, stanza
from xmpprest.core.records import PENDING, InboxRecord
from xmpprest.core.stanza.stored import UnparsableStanza, parseStored, serialize
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.inbox.conversation import COUNT, SIZE, Conversation
from xmpprest.inbox.queued_stanza import SMALL_SIZE, MemoryUse, QueuedStanza
from xmpprest.xmpp.stream import StanzaStreamParser


def inbound(xml: str) -> Element:
    """A stanza as it comes in a component's stream."""
    reader = StanzaStreamParser()
    found: list[Element] = []
    reader.DocumentStartEvent = lambda root: None
    reader.ElementEvent = found.append
    header = f"<s:stream xmlns='{NS_COMPONENT}' xmlns:s='urn:s' xmlns:o='urn:o'>"
    reader.parse((header + xml).encode())
    (only,) = found
    return only


class WrittenTests(SynchronousTestCase):
    """
    Tests of how stanzas are kept.
    """

    def assertSame(self, stanza: Element) -> None:
        """A stanza comes back as it was."""
        self.assertEqual(canonical(stanza), canonical(parseStored(serialize(stanza))))

    def test_corpus(self) -> None:
        """
        The examples of the specifications come back as they were.
        """
        for example in examples():
            self.assertSame(inbound(example.compact.decode()))

    @given(stanzas())
    def test_any(self, made: Element) -> None:
        """
        So does any stanza.
        """
        self.assertSame(made)

    def test_odd(self) -> None:
        """
        So do those that no client may send: an element without a namespace, or in
        the stream's; prefixes of the stream; a space in a namespace.
        """
        for xml in (
            "<message><x xmlns=''><y/></x></message>",
            "<message xmlns='jabber:client'><body>a</body></message>",
            "<message><body xmlns='jabber:client'/></message>",
            f"<message><a xmlns='urn:a'><b xmlns='{NS_COMPONENT}'/></a></message>",
            "<message o:a='1'><o:x o:b='2'/><y xmlns='urn:y' o:c='3'/></message>",
            "<message><x xmlns='a b'/></message>",
            "<message xml:foo='a' xml:lang='de'><body>a&#13;\n\tb</body></message>",
            "<message a='&#9;&#10;&#13;&lt;'/>",
            "<presence type='subscribe'/>",
        ):
            self.assertSame(inbound(xml))

    def test_large(self) -> None:
        """
        So does what is larger than what may be sent.
        """
        self.assertSame(inbound(f"<message>{'<a/>' * 4_000}</message>"))
        self.assertSame(inbound(f"<message>{'<a>' * 63}{'</a>' * 63}</message>"))
        self.assertSame(inbound(f"<message><body>{'x' * 1_000_000}</body></message>"))
        prefixed = "<a xmlns='urn:a' o:b='c'/>" * 100
        self.assertSame(inbound(f"<message>{prefixed}</message>"))

    def test_unreadable(self) -> None:
        """A malformed stored stanza raises an error when it is parsed."""
        for xml in (
            "<message><x xmlns='urn:x' xmlns:a=''/></message>",
            "<message><x xmlns='urn:x' xmlns:xml='urn:y'/></message>",
        ):
            self.assertRaises(UnparsableStanza, parseStored, serialize(inbound(xml)))

    def test_key(self) -> None:
        """
        A conversation is between a bare sender and whomever it writes to.
        """

        def key(sender: str, to: str) -> str:
            return ConversationKeys().keyOf(
                stanza(f"<message from='{sender}' to='{to}'/>")
            )

        self.assertEqual(key("a@b/c", "d@e/f"), key("a@b/g", "d@e/f"))
        self.assertEqual(key("a@b", "d@e/f"), key("a@b/g", "d@e/f"))
        self.assertNotEqual(key("a@b", "d@e/f"), key("a@b", "d@e/g"))
        self.assertNotEqual(key("a", "b c"), key("a b", "c"))
        self.assertNotEqual(key("a", "&#10;b"), key("a&#10;", "b"))


def add(conversation: Conversation, number: int, size: int = 100) -> None:
    """Let a stanza arrive and be committed."""
    queued = QueuedStanza("", b"x" * size, size, 0, 0)
    conversation.arrive(queued)
    conversation.committed(queued, number)


class ConversationTests(SynchronousTestCase):
    """
    Tests of L{Conversation}: how much of it is in memory.
    """

    def setUp(self) -> None:
        """Have an empty one."""
        self.memory = MemoryUse()
        self.conversation = Conversation("a", self.memory, False)

    def add(self, number: int, size: int = 100) -> None:
        """A stanza has arrived and was committed."""
        add(self.conversation, number, size)

    def fill(self, numbers: range, size: int = 100) -> None:
        """Take some from the store."""
        self.conversation.fill(
            [InboxRecord(n, "", "a", "x" * size, PENDING, 0) for n in numbers]
        )

    def held(self) -> list[float]:
        """Take out those in memory."""
        found: list[float] = []
        while self.conversation.stored:
            head = self.conversation.stored[0]
            found.append(head.number)
            self.conversation.pop()
        return found

    def test_few(self) -> None:
        """
        As long as there are few, all of them are in memory.
        """
        for number in range(COUNT):
            self.add(number)
        self.assertFalse(self.conversation.hasMore)
        self.assertEqual(COUNT * 100, self.memory.used)
        self.assertEqual([*range(COUNT)], self.held())
        self.assertEqual(0, self.memory.used)

    def test_many(self) -> None:
        """
        Only the first of many stanzas are in memory; a later one does not overtake
        those in
        the store.
        """
        for number in range(COUNT + 1):
            self.add(number)
        self.assertTrue(self.conversation.hasMore)
        self.conversation.pop()
        self.add(COUNT + 1)
        self.assertEqual([*range(1, COUNT)], self.held())
        self.fill(range(COUNT, COUNT + 2))
        self.assertFalse(self.conversation.hasMore)
        self.assertEqual([COUNT, COUNT + 1], self.held())

    def test_page(self) -> None:
        """
        After a whole page there may be more.
        """
        self.fill(range(COUNT))
        self.assertTrue(self.conversation.hasMore)

    def test_neverTried(self) -> None:
        """
        A stanza from the store that was not tried yet is due, however late its time.
        """
        late = [InboxRecord(n, "", "a", "x", PENDING, 0, 0, 1e9) for n in (1, 2)]
        self.conversation.fill(late)
        self.assertEqual(0, self.conversation.retryAt)
        self.conversation.pop()
        self.assertEqual(0, self.conversation.retryAt)

    def test_tried(self) -> None:
        """
        A stanza that was tried keeps its time; it comes into memory only as the first.
        """
        self.conversation.fill(
            [InboxRecord(1, "", "a", "x", PENDING, 0)]
            + [InboxRecord(n, "", "a", "x", PENDING, 0, 3, 1e9) for n in (2, 3)]
        )
        self.assertEqual([1], self.held())
        self.assertTrue(self.conversation.hasMore)
        self.conversation.fill([InboxRecord(2, "", "a", "x", PENDING, 0, 3, 1e9)])
        self.assertEqual(1e9, self.conversation.retryAt)
        self.assertFalse(self.conversation.hasMore)

    def test_large(self) -> None:
        """Fewer large stanzas are in memory, though always one."""
        for number in range(3):
            self.add(number, SIZE)
        self.assertTrue(self.conversation.hasMore)
        self.assertEqual([0], self.held())
        self.fill(range(1, 3), SIZE)
        self.assertTrue(self.conversation.hasMore)
        self.assertEqual([1], self.held())

    def test_total(self) -> None:
        """The memory of all conversations together is limited."""
        self.memory.limit = 250
        other = Conversation("b", self.memory, False)
        add(other, 0, 200)
        for number in (1, 2):
            self.add(number)
        self.assertTrue(self.conversation.hasMore)
        self.assertEqual([1], self.held())
        other.evict()
        self.assertEqual(0, self.memory.used)
        self.assertTrue(other.hasMore)
        self.assertEqual((), other.stored)

    def test_releaseNothing(self) -> None:
        """Releasing memory does not make stanzas look stored that are not."""
        self.conversation.evict()
        self.assertFalse(self.conversation.hasMore)

    def test_requeued(self) -> None:
        """
        If the store has stanzas before those in memory, none stay in memory.
        """
        self.add(5)
        self.conversation.requeued(4)
        self.assertTrue(self.conversation.hasMore)
        self.assertEqual((), self.conversation.stored)


class OrderTests(SynchronousTestCase):
    """
    Tests of L{Conversation}: stored and transient stanzas in stream order.
    """

    def setUp(self) -> None:
        """Make an empty conversation."""
        self.conversation = Conversation("a", MemoryUse(), False)

    def transient(self, name: str) -> None:
        """Let a transient stanza arrive."""
        self.conversation.arrive(
            QueuedStanza(name, b"", SMALL_SIZE, 0, 0, isStored=False, isPatient=False)
        )

    def stored(self, name: str) -> QueuedStanza:
        """Let a stanza arrive that is to be committed."""
        queued = QueuedStanza(name, b"x", 1, 0, 0)
        self.conversation.arrive(queued)
        return queued

    def next(self, canDeliverStored: bool = True) -> str:
        """Remove the stanza that is delivered next and return its name."""
        if self.conversation.isTransientNext(canDeliverStored):
            return self.conversation.popTransient().webhookID
        if not (self.conversation.stored and canDeliverStored):
            return ""
        head = self.conversation.stored[0]
        self.conversation.pop()
        return head.webhookID

    def test_commits(self) -> None:
        """
        Transient stanzas wait for the commits of the stanzas before them.
        """
        self.transient("p0")
        one = self.stored("one")
        self.transient("p1")
        two = self.stored("two")
        self.transient("p2")
        self.assertEqual(["p0", ""], [self.next(), self.next()])
        self.conversation.committed(one, 7)
        self.assertEqual(["one", "p1", ""], [self.next() for _ in range(3)])
        self.conversation.committed(two, 9)
        self.assertEqual(["two", "p2", ""], [self.next() for _ in range(3)])
        self.assertTrue(self.conversation.isEmpty)

    def test_commitsFirst(self) -> None:
        """
        Transient stanzas keep their place if commits end before they are delivered.
        """
        self.transient("p0")
        one = self.stored("one")
        self.transient("p1")
        two = self.stored("two")
        self.conversation.committed(one, 7)
        self.conversation.committed(two, 9)
        self.assertEqual(["p0", "one", "p1", "two"], [self.next() for _ in range(4)])

    def test_failedCommit(self) -> None:
        """
        A stanza whose commit failed keeps its place before later ones.
        """
        self.conversation.committed(self.stored("zero"), 3)
        self.conversation.committed(self.stored("one"), 4)
        two, three = self.stored("two"), self.stored("three")
        self.conversation.commitFailed(two, isKept=True)
        self.conversation.committed(three, 5)
        names = [self.next() for _ in range(4)]
        self.assertEqual(["zero", "one", "two", "three"], names)

    def test_droppedCommit(self) -> None:
        """
        A stanza whose commit failed is removed if its sender was told.
        """
        one = self.stored("one")
        self.transient("p1")
        self.conversation.commitFailed(one, isKept=False)
        self.assertEqual(["p1", ""], [self.next(), self.next()])

    def test_retry(self) -> None:
        """
        Transient stanzas do not wait for stored ones that are not delivered at the
        moment, but messages without a store do.
        """
        self.conversation.committed(self.stored("one"), 3)
        self.transient("p1")
        self.assertEqual("p1", self.next(canDeliverStored=False))
        two = self.stored("two")
        self.conversation.commitFailed(two, isKept=True)
        self.assertEqual("", self.next(canDeliverStored=False))
        self.assertEqual(["one", "two"], [self.next(), self.next()])

    def test_inStore(self) -> None:
        """
        Transient stanzas wait for stored ones that are not in memory.
        """
        for number in range(COUNT + 1):
            self.conversation.committed(self.stored(str(number)), number + 1)
        self.transient("p")
        for number in range(COUNT):
            self.assertEqual(str(number), self.next())
        self.assertFalse(self.conversation.isTransientNext(True))
        page = [InboxRecord(COUNT + 1, "last", "a", "x", PENDING, 0)]
        self.conversation.fill(page)
        self.assertEqual(["last", "p"], [self.next(), self.next()])

    def test_earlierProcess(self) -> None:
        """
        Transient stanzas wait for all stored stanzas of earlier processes, but not for
        later ones.
        """
        self.conversation = Conversation("a", MemoryUse(), True, lastNumber=inf)
        self.transient("p")
        self.conversation.committed(self.stored("new"), 9)
        page = [InboxRecord(4, "old", "a", "x", PENDING, 0)]
        page += [InboxRecord(9, "new", "a", "x", PENDING, 0)]
        self.conversation.fill(page)
        self.assertEqual(["old", "p", "new"], [self.next() for _ in range(3)])
