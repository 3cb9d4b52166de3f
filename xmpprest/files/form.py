"""Reads forms with files: bodies of the type multipart/form-data (RFC 7578)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from ..core.codec.scalars import quoteShort
from ..core.errors import Problem, Refusal, badRequest, unprocessable
from ..core.files.slot import FileDetails, tooLargeFile
from ..core.files.upload import (
    MAX_FILES,
    checkedName,
    checkedType,
    requireContent,
    tooManyFiles,
)
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
#: Number of fields that are no files, and bytes of the header of a part.
MAX_FIELDS, MAX_HEADER = 32, 4096
#: The file name of RFC 5987, which RFC 7578 §4.2 forbids but some clients write.
_EXTENDED_NAME = re.compile(rb"(?i);\s*filename\*\s*=\s*utf-8'[^';]*'([^;\s\"]+)")

#: A file name that begins as a path does on Windows.
_WINDOWS_PATH = re.compile(rb'(?i);\s*filename\s*=\s*"?((?:[a-z]:)?\\[^";]*)')


@dataclass(slots=True)
class FilePart:
    """
    A file of a form.

    @ivar spool: Its content.
    """

    name: str
    type: str
    spool: Spool

    @property
    def details(self) -> FileDetails:
        """The file without its content."""
        return FileDetails(self.name, self.spool.size, self.type, self.spool.sha256)


@dataclass(frozen=True, slots=True)
class FormLimits:
    """
    Limits of a form.

    @ivar files: The most bytes of all files together.
    @ivar fields: The most bytes of all other fields together.
    """

    files: int
    fields: int


class FileForm:
    """
    Writes the files of a form to spools, and collects its other fields.

    @ivar files: The files so far.
    @ivar fields: The texts of the other fields so far, by name.
    """

    def __init__(
        self,
        contentType: str | None,
        makeSpool: Callable[[], Spool],
        limits: FormLimits,
    ) -> None:
        """
        @param contentType: The value of C{Content-Type}.
        @raise Refusal: 415 or 400, the body is no form; 503, the extra is missing.
        """
        boundary = _boundaryOf(contentType)
        self.files: list[FilePart] = []
        self.fields: dict[str, str] = {}
        self._makeSpool = makeSpool
        self._limits = limits
        self._sizes = {True: 0, False: 0}
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        #: The pieces of the field that is read; C{None} while a file is read.
        self._text: list[bytes] | None = None
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
                    "on_part_end": self._endPart,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise badRequest(f"The form is malformed: {error}.") from None

    def write(self, data: bytes) -> None:
        """
        Read the next piece of the body.

        @raise Refusal: 400 or 422, the form is malformed; 413, it is too large.
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
        if not self.files:
            raise unprocessable(
                "bad-format",
                "The form has no file; name the field 'file', as curl -F file=@PATH"
                " does.",
            )

    def close(self) -> None:
        """Delete the files."""
        for each in self.files:
            each.spool.close()

    # --- callbacks of the parser ---

    def _begin(self) -> None:
        self._headers = {}

    def _addField(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._checkHeader()

    def _addValue(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._checkHeader()

    def _checkHeader(self) -> None:
        if len(self._field) + len(self._value) > MAX_HEADER:
            raise badRequest(
                f"A part of the form has a header of more than {MAX_HEADER} bytes."
            )

    def _endHeader(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _start(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition.decode("latin-1"))
        self._name = _decoded(options.get(b"name", b""), "name of a field")
        if self._name == "file":
            self._startFile(disposition, options)
        elif b"filename" in options:
            raise unprocessable(
                "bad-format",
                f"The file in the field {quoteShort(self._name)} has to be in a field"
                " 'file', of which there may be several.",
            )
        elif not self._name:
            raise unprocessable("bad-format", "A part of the form has no name.")
        elif self._name in self.fields or len(self.fields) >= MAX_FIELDS:
            raise unprocessable(
                "bad-format",
                f"The form has the field {quoteShort(self._name)} twice, or more than"
                f" {MAX_FIELDS} fields.",
            )
        else:
            self._text = []

    def _startFile(self, disposition: bytes, options: Mapping[bytes, Any]) -> None:
        if len(self.files) >= MAX_FILES:
            raise tooManyFiles()
        name = checkedName(_fileName(disposition, options))
        type = checkedType(self._headers.get(b"content-type", b"").decode("latin-1"))
        self._text = None
        self.files.append(FilePart(name, type, self._makeSpool()))

    def _write(self, data: bytes, start: int, end: int) -> None:
        isFile = self._text is None
        size = self._sizes[isFile] = self._sizes[isFile] + end - start
        if self._text is None:
            if size > self._limits.files:
                raise tooLargeFile(f"upload-size-limit ({self._limits.files} bytes)")
            self.files[-1].spool.write(data[start:end])
        elif size > self._limits.fields:
            raise _tooLong(self._name, self._limits.fields)
        else:
            self._text.append(data[start:end])

    def _endPart(self) -> None:
        if self._text is None:
            requireContent(self.files[-1].name, self.files[-1].spool.size)
        else:
            text = _decoded(b"".join(self._text), f"field {quoteShort(self._name)}")
            self.fields[self._name] = text

    def _end(self) -> None:
        self._isComplete = True


def _boundaryOf(contentType: str | None) -> bytes:
    """
    Return the boundary of a form.

    @param contentType: The value of C{Content-Type}.
    @raise Refusal: 415 or 400, the body is no form; 503, the extra is missing.
    """
    if not hasMultipart:
        text = "The gateway cannot read forms: pip install 'xmpprest[files]'."
        raise Refusal(Problem(503, "cancel", "resource-constraint", text))
    kind, options = parse_options_header(contentType or "")
    if kind.lower() != FORM.encode():
        text = f"Only {FORM} is read here; with curl, use -F file=@PATH."
        headers = (("Accept", FORM),)
        raise Refusal(Problem(415, "modify", "bad-format", text, headers))
    boundary: bytes | None = options.get(b"boundary")
    if not boundary:
        raise badRequest("The Content-Type of the form has no boundary.")
    return boundary


def _fileName(disposition: bytes, options: Mapping[bytes, Any]) -> str:
    """
    Return the file name of a part.

    @raise Refusal: 422, it is not UTF-8.
    """
    path = _WINDOWS_PATH.search(disposition)
    if path:
        # The parser would leave only its last segment.
        return _decoded(path[1], "name of a file")
    extended = _EXTENDED_NAME.search(disposition)
    raw = unquote_to_bytes(extended[1]) if extended else options.get(b"filename", b"")
    return _decoded(raw, "name of a file")


def _decoded(raw: bytes, part: str) -> str:
    """
    Decode a text: browsers and curl write UTF-8.

    @param part: The name of the text, for the error.
    @raise Refusal: 422, it is not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise unprocessable("bad-format", f"The {part} is not UTF-8.") from None


def _tooLong(field: str, limit: int) -> Refusal:
    text = (
        f"With the field {quoteShort(field)} the texts of the form are longer than"
        f" {limit} bytes; shorten it."
    )
    return Refusal(Problem(413, "modify", "resource-constraint", text))
