"""
Cut the bytes of an XMPP stream into its top-level elements, as they stood on
the wire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

# A whole tag; a ">" may stand in an attribute's value.
_TAG = re.compile(rb"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")


@dataclass(frozen=True)
class Received:
    """
    One top-level element of a stream.

    @ivar xml: its text, exactly as received; namespaces that the stream's
        header declared are not repeated in it.
    @ivar element: the same parsed, where every name has its namespace:
        C{element.find("{*}body")} finds a body in any.
    """

    xml: str
    element: ElementTree.Element

    @property
    def kind(self) -> str:
        """
        The name without the namespace, such as C{"message"}.
        """
        return self.element.tag.rpartition("}")[2]


class StreamSplitter:
    """
    Takes one stream's bytes in pieces of any size.

    @ivar attributes: those of the stream's header; L{None} before it came.
    """

    def __init__(self) -> None:
        self.attributes: dict[str, str] | None = None
        self._header = b""
        self._footer = b""
        self._buffer = b""
        self._offset = 0  # of the buffer's first byte in the stream
        self._depth = 0
        self._start = 0
        self._complete: list[Received] = []
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.StartElementHandler = self._startElement
        self._parser.EndElementHandler = self._endElement
        self._held = b""

    def feed(self, data: bytes) -> list[Received]:
        """
        @return: the elements that this piece completed.
        """
        # Else expat may sit on the second piece of a tag until more has come.
        whole, end, self._held = (self._held + data).rpartition(b">")
        self._buffer += whole + end
        self._parser.Parse(whole + end, False)
        complete, self._complete = self._complete, []
        return complete

    def _position(self) -> int:
        return self._parser.CurrentByteIndex - self._offset

    def _tagEnd(self, start: int) -> int:
        tag = _TAG.match(self._buffer, start)
        assert tag is not None, self._buffer[start:]
        return tag.end()

    def _startElement(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            start = self._position()
            self._header = self._buffer[start : self._tagEnd(start)]
            self._footer = f"</{name}>".encode()
            self.attributes = attributes
        elif self._depth == 1:
            self._start = self._position()
        self._depth += 1

    def _endElement(self, _name: str) -> None:
        self._depth -= 1
        if self._depth != 1:
            return
        end = self._tagEnd(self._start)
        if self._buffer[end - 2 : end] != b"/>":
            end = self._tagEnd(self._position())
        wire = self._buffer[self._start : end]
        self._buffer = self._buffer[end:]
        self._offset += end
        document = ElementTree.fromstring(self._header + wire + self._footer)
        self._complete.append(Received(wire.decode(), document[0]))
