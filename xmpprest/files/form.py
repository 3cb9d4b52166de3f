"""Reads one file from a body of the type multipart/form-data (RFC 7578)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..core.codec.scalars import quoteShort
from ..core.errors import Problem, Refusal, badRequest, unprocessable
from .spool import Spool

try:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header
except ImportError:
    hasMultipart = False
else:
    hasMultipart = True
    # The client is told what is wrong with its form; the log need not be.
    logging.getLogger("python_multipart").addHandler(logging.NullHandler())

FORM = "multipart/form-data"
#: Longest name of a file, in bytes, as file systems have it.
_MAX_NAME = 255


class FileForm:
    """
    Writes the only file of a form to a spool.

    @ivar name: The name of the file; empty before its part has begun.
    @ivar type: The media type of the file.
    @ivar spool: The content of the file.
    """

    def __init__(self, contentType: str | None, spool: Spool) -> None:
        """
        @param contentType: The value of C{Content-Type}.
        @raise Refusal: 415 or 400, the body is no form; 503, the extra is missing.
        """
        if not hasMultipart:
            raise Refusal(
                Problem(
                    503,
                    "cancel",
                    "resource-constraint",
                    "The gateway cannot read forms: pip install 'xmpprest[files]'.",
                )
            )
        kind, options = parse_options_header(contentType or "")
        if kind.lower() != FORM.encode():
            raise Refusal(
                Problem(
                    415,
                    "modify",
                    "bad-format",
                    f"Only {FORM} is read here; with curl, use -F file=@PATH.",
                    (("Accept", FORM),),
                )
            )
        boundary = options.get(b"boundary")
        if not boundary:
            raise badRequest("The Content-Type of the form has no boundary.")
        self.name = ""
        self.type = "application/octet-stream"
        self.spool = spool
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._isComplete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._addField,
                    "on_header_value": self._addValue,
                    "on_header_end": self._endHeader,
                    "on_headers_finished": self._start,
                    "on_part_data": self._write,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise badRequest(f"The form is malformed: {error}.") from None

    def write(self, data: bytes) -> None:
        """
        Read the next piece of the body.

        @raise Refusal: 400 or 422, the form is malformed or has another content than
            one file; 413, the file is too large.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise badRequest(f"The form is malformed: {error}.") from None

    def finish(self) -> None:
        """
        Check that the form is complete.

        @raise Refusal: 400, it is cut off; 422, it has no file.
        """
        if not self._isComplete:
            raise badRequest("The form is cut off: its last boundary is missing.")
        if not self.name:
            raise unprocessable("bad-format", "The form has no part 'file'.")

    def close(self) -> None:
        """Delete the content."""
        self.spool.close()

    # --- callbacks of the parser ---

    def _begin(self) -> None:
        self._headers = {}

    def _addField(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _addValue(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _endHeader(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _start(self) -> None:
        _, options = parse_options_header(
            self._headers.get(b"content-disposition", b"").decode("latin-1")
        )
        if options.get(b"name") != b"file":
            raise unprocessable(
                "bad-format", "The form has another part than 'file'; leave it out."
            )
        if self.name:
            raise unprocessable("bad-format", "The form has more than one file.")
        self.name = _checkedName(options)
        self.type = _checkedType(self._headers.get(b"content-type", b""))

    def _write(self, data: bytes, start: int, end: int) -> None:
        self.spool.write(data[start:end])

    def _end(self) -> None:
        self._isComplete = True


def _checkedName(options: Mapping[bytes, Any]) -> str:
    """
    Return the name of the file.

    @raise Refusal: 422, there is none, or it is a path.
    """
    raw: bytes = options.get(b"filename", b"")
    try:
        # The parser has read it as latin-1; browsers and curl write UTF-8.
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise unprocessable("bad-format", "The file name is not UTF-8.") from None
    isPath = "/" in name or "\\" in name or name in (".", "..")
    if not name or isPath or not name.isprintable() or len(raw) > _MAX_NAME:
        raise unprocessable(
            "bad-format",
            f"The file name {quoteShort(name)} is not the plain name of a file; write"
            ' filename="photo.jpg".',
        )
    return name


def _checkedType(header: bytes) -> str:
    """Return the media type of the file; the general one if there is none."""
    kind = parse_options_header(header.decode("latin-1"))[0].decode("latin-1").lower()
    isType = kind.count("/") == 1 and kind.isascii() and " " not in kind
    return kind if isType else "application/octet-stream"
