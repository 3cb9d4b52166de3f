"""Tests of L{xmpprest.files.form}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.web.api.uploads import (
    BOUNDARY,
    LIMIT,
    TEXT_LIMIT,
    HeldSpools,
    field,
    form,
    formOf,
    part,
)
from xmpprest.core.errors import Refusal
from xmpprest.core.files.slot import slotRequest
from xmpprest.core.files.upload import MAX_FILES, takeFiles
from xmpprest.core.media.values import Value
from xmpprest.core.stanza.serializer import toXML
from xmpprest.files.form import MAX_FIELDS, MAX_HEADER, FileForm

KIND = f"multipart/form-data; boundary={BOUNDARY}"


class FormTests(SynchronousTestCase):
    """
    Tests of L{FileForm}.
    """

    def setUp(self) -> None:
        self.spools = HeldSpools()

    def read(self, body: bytes, size: int = 10**6) -> FileForm:
        """
        Read a form.

        @param size: The bytes of each piece in which it arrives.
        """
        read = self.spools.form(KIND)
        self.addCleanup(read.close)
        for start in range(0, len(body), size):
            read.write(body[start : start + size])
        read.finish()
        return read

    def refused(self, body: bytes) -> tuple[int, str]:
        """Return the status and the text of the refusal of a form."""
        refusal = self.assertRaises(Refusal, self.read, body)
        return refusal.problem.status, refusal.problem.text

    def nameOf(self, disposition: str) -> str:
        """Return the file name of a part."""
        return self.read(form(disposition=disposition)).files[0].name

    def test_pieces(self) -> None:
        """
        A form that arrives byte by byte is the same.
        """
        body = formOf(field("body", "Höllo"), part(b"a\r\n--b\r\n"), part(b"2"))
        for size in (1, 7, 10**6):
            read = self.read(body, size)
            self.assertEqual(read.fields, {"body": "Höllo"})
            first, second = read.files
            self.assertEqual((first.name, first.type), ("a.txt", "text/plain"))
            with first.spool.open() as content:
                self.assertEqual(content.read(), b"a\r\n--b\r\n")
            self.assertEqual(second.details.size, 1)

    def test_names(self) -> None:
        """
        A file name may have spaces, quotes, and letters of any script, and be written
        as RFC 5987 has it.
        """
        for written, name in (
            ('filename="très cool 🤖.jpg"', "très cool 🤖.jpg"),
            ("filename=plain.txt", "plain.txt"),
            (r'filename="a\"b;c.txt"', 'a"b;c.txt'),
            ("filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
            ("filename=\"x.txt\"; filename*=utf-8'en'%e2%82%ac.txt", "€.txt"),
            (f'filename="{"x" * 251}.txt"', "x" * 251 + ".txt"),
        ):
            found = self.nameOf(f'form-data; name="file"; {written}')
            self.assertEqual(found, name)

    def test_badNames(self) -> None:
        """
        A part without a file name, or with a path in its place, is refused with 422.
        """
        for written in (
            "",
            "; filename=",
            '; filename=""',
            '; filename="../../etc/passwd"',
            '; filename="/etc/passwd"',
            r'; filename="C:\x"',
            r'; filename="C:\Users\x\y.txt"',
            r"; filename=\\host\share\x",
            '; filename=".."',
            "; filename*=UTF-8''..%2Fpasswd",
            "; filename*=UTF-8''%FF",
            "; filename*=UTF-8''a%0Ab",
            f'; filename="{"x" * 300}"',
            f'; filename="{"é" * 128}"',
        ):
            body = form(disposition=f'form-data; name="file"{written}')
            self.assertEqual(self.refused(body)[0], 422, written)

    def test_types(self) -> None:
        """
        The media type is that of the part; without a valid one, the general one.
        """
        general = "application/octet-stream"
        for written, kind in (
            ("image/JPEG", "image/jpeg"),
            ("text/plain; charset=utf-8", "text/plain"),
            (None, general),
            ("", general),
            ("jpeg", general),
            ("image/jpeg evil", general),
            ("a/b/c", general),
            ("image/" + "x" * 200, general),
            ("a/" + "b" * 4000, general),
        ):
            self.assertEqual(self.read(form(kind=written)).files[0].type, kind)

    def test_noTokens(self) -> None:
        """
        A media type with anything but the characters of tokens is replaced by the
        general one, so that the request of a slot stays well-formed XML.
        """
        general = "application/octet-stream"
        controls = [chr(each) for each in range(32) if chr(each) not in "\r\n"]
        for between in (*controls, "\x7f", "\x80", "é", "\ufffe", " ", "<x>\"'&", '"'):
            for written in (f"a/{between}b", f"a{between}/b", f"{between}/b"):
                (file,) = self.read(form(kind=written)).files
                self.assertEqual(file.type, general, ascii(written))
                iq = slotRequest(file.details, "up.example", "gw.example", "1")
                self.assertIn(f"content-type='{general}'", toXML(iq))

    def test_typesInJSON(self) -> None:
        """
        The media type of a file in JSON is checked as that of a part is.
        """
        for written, kind in (
            ("image/PNG; a=b", "image/png"),
            ("a/\x01b", "application/octet-stream"),
            ("a/<x>\"'&b", "application/octet-stream"),
        ):
            given: Value = {"name": "a.txt", "type": written, "data": "aGVsbG8="}
            _, (file,) = takeFiles({"files": [given]})
            self.assertEqual(file.type, kind, ascii(written))

    def test_malformed(self) -> None:
        """
        A form that is cut off or malformed is refused with 400.
        """
        whole = form()
        for body in (whole[: -len(BOUNDARY) - 8], whole[:40], b"", b"hello"):
            self.assertEqual(self.refused(body)[0], 400, body)

    def test_fields(self) -> None:
        """
        Without a file, with one in another field, with a field without a name, twice,
        not in UTF-8, or with too many fields, a form is refused with 422.
        """
        other = part(b"a", 'form-data; name="image"; filename="a.png"')
        raw = part(b"\xff", 'form-data; name="body"', None)
        many = [field(f"f{number}", "x") for number in range(MAX_FIELDS + 1)]
        for parts, text in (
            ([field("body", "b")], "has no file; name the field 'file'"),
            ([other], "The file in the field 'image' has to be in a field 'file'"),
            ([part(b"a", "form-data", None)], "A part of the form has no name"),
            ([field("body", "a"), field("body", "b")], "the field 'body' twice"),
            ([raw], "The field 'body' is not UTF-8"),
            (many, "more than 32 fields"),
        ):
            status, found = self.refused(formOf(*parts))
            self.assertEqual(status, 422)
            self.assertIn(text, found)

    def test_empty(self) -> None:
        """
        An empty file is refused with 422: services take none.
        """
        status, text = self.refused(form(b""))
        self.assertEqual(status, 422)
        self.assertIn("'a.txt' is empty", text)

    def test_limits(self) -> None:
        """
        Files that are too large together are refused with 413 and the limit, and so are
        texts; too many files with 422.
        """
        half = b"x" * (LIMIT // 2)
        self.read(formOf(part(half), part(half)))
        status, text = self.refused(formOf(part(half), part(half + b"x")))
        self.assertEqual((status, str(LIMIT) in text), (413, True))
        long = formOf(field("body", "x" * (TEXT_LIMIT + 1)), part(b"a"))
        status, text = self.refused(long)
        self.assertEqual((status, str(TEXT_LIMIT) in text), (413, True))
        many = formOf(*[part(b"a")] * (MAX_FILES + 1))
        self.assertEqual(self.refused(many)[0], 422)

    def test_longHeader(self) -> None:
        """
        A header of a part that does not end is refused with 400.
        """
        head = f"--{BOUNDARY}\r\nContent-Disposition: ".encode()
        self.assertEqual(self.refused(head + b"x" * MAX_HEADER)[0], 400)

    def test_close(self) -> None:
        """
        Closing a form deletes its files, also after a refusal.
        """
        read = self.spools.form(KIND)
        read.write(form(b"x" * 100)[:200])
        self.assertEqual(len(self.spools.left()), 1)
        read.close()
        self.assertEqual(self.spools.left(), [])
