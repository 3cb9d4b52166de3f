"""The component's XML stream: Twisted's, with a parser that knows its limits."""

from __future__ import annotations

from collections.abc import Callable
from pyexpat import ExpatError, ParserCreate, XMLParserType

from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.words.protocols.jabber.xmlstream import (
    NS_STREAMS,
    Authenticator,
    XmlStream,
)
from twisted.words.xish.domish import Element, ParserError

from ..core.stanza import namespaces as ns
from ..core.stanza.build import LANG
from ..core.stanza.parser import MAX_ELEMENTS, TreeBuilder, TreeTooLarge
from .namespace_scope import NamespaceScope

#: Maximum elements of an inbound stanza, as many as a client may send. Four times that
#: number holds up the reactor for 150 ms: parsed, serialized, and parsed again.
MAX_INBOUND_ELEMENTS = MAX_ELEMENTS
#: Maximum characters of an inbound stanza; more than servers let through by default.
MAX_INBOUND_TEXT = 2**20


class TagBuffer:
    """
    Passes data to expat so that no tag comes in two pieces.

    Since CVE-2023-52425 expat may hold back the end of a tag until twice as many bytes
    have arrived. This can be turned off, but not in the Python of Debian 12.
    """

    def __init__(self, parser: XMLParserType) -> None:
        self._held = b""
        self._holds = not hasattr(parser, "SetReparseDeferralEnabled")
        if not self._holds:
            parser.SetReparseDeferralEnabled(False)

    def feed(self, data: bytes) -> bytes:
        """
        Take data that has arrived.

        @return: The data to parse now; may be empty.
        """
        if not self._holds:
            return data
        data = self._held + data
        tag = data.rfind(b"<")
        isWhole = tag < 0 or b">" in data[tag:] or len(data) - tag > MAX_INBOUND_TEXT
        end = len(data) if isWhole else tag
        self._held = data[end:]
        return data[:end]


class StanzaStreamParser(TreeBuilder):
    """
    Parses a stream, element by element, in place of C{domish.elementStream}.

    A stanza that exceeds a limit is reported with its attributes only; the stream goes
    on.
    """

    DocumentStartEvent: Callable[[Element], None]
    ElementEvent: Callable[[Element], None]
    DocumentEndEvent: Callable[[], None]

    def __init__(self) -> None:
        super().__init__(frozenset({ns.COMPONENT}), MAX_INBOUND_ELEMENTS)
        self._opened = False
        self._fault: str | None = None
        self._textLength = 0
        self._names = NamespaceScope()
        self._parser = ParserCreate("UTF-8")
        self._whole = TagBuffer(self._parser)
        self.attach(self._parser)

    def OversizedEvent(self, stub: Element, fault: str) -> None:
        """
        Report a stanza that was too large.

        @param stub: The stanza without its children.
        @param fault: Which limit it exceeds.
        """

    def parse(self, data: bytes) -> None:
        """
        Parse data that has arrived.

        @raise ParserError: The stream is not well-formed.
        """
        try:
            self._parser.Parse(self._whole.feed(data))
        except ExpatError as error:
            raise ParserError(str(error)) from None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag: of the stream, of a stanza, or within one."""
        if self._fault is not None:
            self._depth += 1
            return
        uri, local, named, prefixes = self._names.open(name, attributes)
        if not self._opened:
            self._opened = True
            self.DocumentStartEvent(Element((uri, local), ns.COMPONENT, named))
            return
        try:
            self.begin(uri, local, named, prefixes)
        except TreeTooLarge as error:
            self._fault = str(error)

    def end(self, name: str) -> None:
        """Handle an end tag: within a stanza, of one, or of the stream."""
        if self._depth == 0:
            self.DocumentEndEvent()
        elif self._fault is None:
            super().end(name)
        else:
            self._depth -= 1
        if self._fault is None or self._depth == 0:
            # The stream itself stays open.
            self._names.close(self._depth + 1)
        if self._depth == 0 and self.root is not None:
            self._complete(self.root, self._fault)

    def text(self, data: str) -> None:
        """Handle text, within a stanza or between two of them."""
        if self._fault is None and self._current is not None:
            self._textLength += len(data)
            if self._textLength > MAX_INBOUND_TEXT:
                self._fault = f"it holds more than {MAX_INBOUND_TEXT} characters"
            else:
                self._current.addContent(data)

    def _complete(self, stanza: Element, fault: str | None) -> None:
        self.reset()
        self._fault, self._textLength = None, 0
        if stanza.attributes.get(LANG) == "":
            # No language (XML 1.0 §2.12), as Prosody writes it.
            del stanza.attributes[LANG]
        if fault is None:
            self.ElementEvent(stanza)
        else:
            stanza.children = []
            self.OversizedEvent(stanza, fault)


class ComponentStream(XmlStream):
    """
    An XML stream that is read by L{StanzaStreamParser}.

    @ivar lastReceivedAt: Time of the last bytes from the server, by the clock.
    """

    transport: ITCPTransport

    def __init__(self, clock: IReactorTime, authenticator: Authenticator) -> None:
        super().__init__(authenticator)
        self._clock = clock
        self.lastReceivedAt = clock.seconds()

    def sendHeader(self) -> None:
        """
        Open the stream. The header of a component says that its stanzas have no
        language (XML 1.0 §2.12), or Prosody would tag each that names none as English.
        A stream of the demo's server has Twisted's header.
        """
        if not self.initiating:
            super().sendHeader()
            return
        to = self.otherEntity
        header = Element((NS_STREAMS, "stream"), self.namespace)
        header["to"] = to.userhost()  # type: ignore[attr-defined]  # a JID by now
        header[LANG] = ""
        self.send(header.toXml(prefixes=self.prefixes, closeElement=False))
        self._headerSent = True

    def _initializeStream(self) -> None:
        self.stream = StanzaStreamParser()
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def dataReceived(self, data: bytes) -> None:
        """Parse bytes, and note that the server is alive."""
        self.lastReceivedAt = self._clock.seconds()
        super().dataReceived(data)
