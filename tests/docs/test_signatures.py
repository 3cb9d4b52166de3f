"""
Tests of C{docs/how-to/webhook-signatures.rst}: its examples receive genuine requests of
the gateway, and changed ones.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from tests.docs.document import Document
from tests.docs.world import DOMAIN, ROOT, USER, WorldTestCase, got
from tests.support.delivery import NoTLS
from tests.support.doubles import stanza
from tests.support.process import freePorts
from tests.support.programs import Program, require
from xmpprest.config.config import Config
from xmpprest.config.loader import ConfigLoader
from xmpprest.core.errors import errorFromStatus
from xmpprest.core.media.formats import CBOR, FORM, JSON, XML
from xmpprest.core.webhook.errors import DeliveryError
from xmpprest.core.webhook.signing import Signer
from xmpprest.webhook.client import WebhookClient
from xmpprest.webhook.http_client import BoundedClient, HTTPResponse

PAGE = Document(ROOT / "docs/how-to/webhook-signatures.rst")
DUPLICATES = Document(ROOT / "docs/how-to/drop-duplicates.rst")
ROTATE = Document(ROOT / "docs/how-to/rotate-a-secret.rst")
EXAMPLES = ROOT / "docs" / "examples"

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#: As long as secrets may be, so that tools break the line.
LONG = f"whsec_{base64.b64encode(bytes(range(192, 256))).decode()}"
STRANGE = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

MESSAGE = stanza(
    f"<message from='{USER}' to='bot@{DOMAIN}' type='chat' id='1'>"
    "<body>hi, 🤖\n it's 1 &lt; 2</body></message>"
)

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

#: The three headers of a post, and its body.
Post = tuple[dict[str, str], bytes]


def headers(**values: str | None) -> Callable[[Post], Post]:
    """Other values of headers, or none, by the last word of their names."""
    named = {f"webhook-{name}": value for name, value in values.items()}

    def alter(post: Post) -> Post:
        fields, body = post
        both = {**fields, **named}
        return {name: value for name, value in both.items() if value is not None}, body

    return alter


def later(post: Post) -> Post:
    """Seem to be newer."""
    return headers(timestamp=str(int(post[0][TIMESTAMP]) + 1))(post)


def unkeyed(post: Post) -> Post:
    """Sign with no key at all, which whoever reads a secret wrong may end up with."""
    signed = f"{post[0][ID]}.{post[0][TIMESTAMP]}.".encode() + post[1]
    digest = base64.b64encode(hmac.digest(b"", signed, "sha256")).decode()
    return headers(signature=f"v1,{digest}")(post)


def signatureOf(change: Callable[[str], str]) -> Callable[[Post], Post]:
    """Change the signature."""
    return lambda post: headers(signature=change(post[0][SIGNATURE]))(post)


#: What somebody may do to a post that he could read.
TAMPERED: dict[str, Callable[[Post], Post]] = {
    "another word": lambda post: (post[0], post[1].replace(b"hi", b"ho")),
    "a byte more": lambda post: (post[0], post[1] + b"\n"),
    "no body": lambda post: (post[0], b""),
    "another id": headers(id="w0"),
    "no id": headers(id=None),
    "a newer timestamp": later,
    "no timestamp": headers(timestamp=None),
    "an empty timestamp": headers(timestamp=""),
    "a timestamp that is none": headers(timestamp="now"),
    "code for a timestamp": headers(timestamp="a[$(touch cracked)]"),
    "a long timestamp": headers(timestamp="1" * 5000),
    "no signature": headers(signature=None),
    "an empty signature": headers(signature=""),
    "a signature that is none": headers(signature="v1"),
    "a signature of nothing": headers(signature="v1,"),
    "signatures of anything": headers(signature="* v1,* , é v1,é v1,AA=="),
    "a longer signature": signatureOf(lambda signature: f"v1,AAAA{signature[3:]}"),
    "a shorter signature": signatureOf(lambda signature: signature[:-1]),
    "another version": signatureOf(lambda signature: f"v2{signature[2:]}"),
    "no version": signatureOf(lambda signature: signature[3:]),
    "no key": unkeyed,
}


class Meddler(BoundedClient):
    """The way to the callback, with somebody on it who can change what he reads."""

    alter: Callable[[Post], Post] | None = None

    async def request(
        self, method: bytes, url: bytes, headers: Headers, body: bytes = b""
    ) -> HTTPResponse:
        """Change a request, and send it."""
        if self.alter is not None:
            changed, body = self.alter((signed(headers), body))
            for name in (ID, TIMESTAMP, SIGNATURE):
                headers.removeHeader(name)
            for name, value in changed.items():
                headers.setRawHeaders(name.encode(), [value.encode()])
        return await super().request(method, url, headers, body)


def signed(headers: Headers) -> dict[str, str]:
    """Return the signature in a header."""
    return {
        name: values[0]
        for name in (ID, TIMESTAMP, SIGNATURE)
        if (values := headers.getRawHeaders(name))
    }


class VerifyingTestCase(WorldTestCase):
    """
    A gateway's posts, and an example that gets them.
    """

    def setUp(self) -> None:
        """Have the way between them."""
        super().setUp()
        self.client = Meddler(reactor, NoTLS(), 32, 1000)
        self.addCleanup(self.client.close)
        self.port = self.posts = 0
        self.program: Program | None = None

    async def start(self, name: str, secrets: str, **changes: str) -> Program:
        """
        Start an example, instead of the one that runs.

        @param secrets: The text of its file.
        @param changes: What is otherwise in it, by what is there.
        """
        require("curl")
        if self.program is not None:
            self.program.kill()
        self.place.write("signing-secret", secrets)
        (self.port,) = freePorts(1)
        for each in {name, "verify_python.py"}:
            text = (EXAMPLES / each).read_text()
            self.assertEqual(text.count("9999"), 1)
            for old, new in {"9999": str(self.port), **changes}.items():
                text = text.replace(old, new)
            self.place.write(each, text)
        interpreter = "node" if name.endswith(".js") else ".venv/bin/python"
        self.program = self.shell(f"{interpreter} {name}", PYTHONUNBUFFERED="1")
        page = f"127.0.0.1:{self.port}"
        await self.run_(f"until curl -so page {page}; do sleep 0.05; done")
        return self.program

    async def post(
        self,
        *secrets: str,
        id: str = "",
        contentType: str = XML,
        late: float = 0,
        alter: Callable[[Post], Post] | None = None,
    ) -> int:
        """
        Post to whatever runs; returns the status.

        @param secrets: What the gateway signs with.
        @param id: One that there was before; else it is a new one.
        @param late: Seconds that its clock is late.
        """
        self.client.alter = alter
        self.posts += 1
        webhook = WebhookClient(
            self.client,
            f"http://127.0.0.1:{self.port}/",
            contentType,
            DOMAIN,
            signer=Signer(secrets),
            now=lambda: time.time() - late,
        )
        return (await webhook.post(MESSAGE, id or f"w{self.posts}")).status


class ServerTests(VerifyingTestCase):
    """
    The examples that are callbacks.
    """

    async def verifies(self, name: str, *types: str) -> None:
        """Check that an example takes what is genuine, and refuses all else."""
        await self.start(name, f"# since May\n\n{OLD}\r\n# {STRANGE}")
        for contentType in (XML, JSON, FORM, *types):
            said = await self.post(OLD, contentType=contentType)
            self.assertEqual(said, 204, contentType)
        for late, status in ((200, 204), (-200, 204), (400, 401), (-1000, 401)):
            self.assertEqual(await self.post(OLD, late=late), status, late)
        for what, alter in TAMPERED.items():
            self.assertEqual(await self.post(OLD, alter=alter), 401, what)
        self.assertEqual(await self.post(STRANGE), 401)
        self.assertEqual(await self.post(), 401)
        self.assertEqual(await self.post(OLD, NEW), 204)
        self.assertEqual(await self.post(NEW, OLD), 204)
        self.assertEqual(await self.post(NEW), 401)
        await self.start(name, f"{NEW}\n")
        self.assertEqual(await self.post(OLD), 401)
        self.assertEqual(await self.post(OLD, NEW), 204)
        self.assertEqual(await self.post(NEW), 204)
        program = await self.start(name, f"{OLD}\n{LONG}")
        for secrets in ([OLD], [OLD, LONG], [LONG]):
            self.assertEqual(await self.post(*secrets), 204)
        self.assertEqual(await self.post(NEW), 401)
        await self.waiting(program.expect, "(?s)(genuine: .*){3}")
        self.assertNotIn("Traceback", program.output)

    async def test_python(self) -> None:
        """
        The one in plain Python.
        """
        await self.verifies("verify_python.py", CBOR)

    async def test_package(self) -> None:
        """
        The one with the package; it refuses CBOR, and so what is said of that.
        """
        await self.verifies("verify_package.py")
        self.assertEqual(await self.post(OLD, contentType=CBOR), 401)

    async def test_node(self) -> None:
        """
        The one in JavaScript.
        """
        require("node")
        await self.verifies("verify_node.js", CBOR)

    async def test_once(self) -> None:
        """
        The one that drops doubles does nothing twice, and nothing that a forger wants
        is kept.
        """
        await self.verifies("verify_once.py", CBOR)
        program = await self.start("verify_once.py", OLD)
        for id in ("a", "a", "b", "a"):
            self.assertEqual(await self.post(OLD, id=id), 204)
        self.assertEqual(await self.post(NEW, id="c"), 401)
        self.assertEqual(await self.post(OLD, id="c"), 204)
        await self.waiting(program.expect, "(?s)(genuine: .*){3}")
        self.assertEqual(program.output.count("genuine: "), 3)

    async def test_failedOnce(self) -> None:
        """A stanza whose handling failed is handled when it is posted again."""
        broken = {'print("genuine:", body)': "1 / 0"}
        await self.start("verify_once.py", OLD, **broken)
        try:
            await self.post(OLD, id="a")
        except DeliveryError:
            program = await self.start("verify_once.py", OLD)
        self.assertEqual(await self.post(OLD, id="a"), 204)
        await self.waiting(program.expect, "genuine: ")


class ShellTests(VerifyingTestCase):
    """
    The example for the shell.
    """

    async def capture(
        self,
        posted: DeferredQueue[tuple[Request, bytes]],
        *secrets: str,
        contentType: str = XML,
        late: float = 0,
    ) -> Post:
        """Let the gateway post; returns what comes."""
        await self.post(*secrets, contentType=contentType, late=late)
        request, body = await got(posted)
        return signed(request.requestHeaders), body

    async def says(self, post: Post) -> tuple[int, str]:
        """Ask it whether a post is genuine; its status, and what it prints."""
        fields, body = post
        (self.place.path / "body").write_bytes(body)
        values = [fields.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE)]
        program = self.place.start(["sh", "verify_openssl.sh", *values, "body"])
        status = await self.waiting(program.end)
        return status, program.output

    async def test_openssl(self) -> None:
        """The script accepts genuine signatures only."""
        require("openssl")
        self.port, posted = self.record()
        script = (EXAMPLES / "verify_openssl.sh").read_text()
        self.place.write("verify_openssl.sh", script)
        genuine = (0, "genuine\n")
        self.place.write("signing-secret", f"# since May\n\n{LONG}\n{OLD}")
        for contentType in (XML, JSON, FORM, CBOR):
            for secrets in ([OLD], [LONG], [NEW, OLD]):
                post = await self.capture(posted, *secrets, contentType=contentType)
                self.assertEqual(await self.says(post), genuine, contentType)
        post = await self.capture(posted, OLD)
        for what, alter in TAMPERED.items():
            status, said = await self.says(alter(post))
            self.assertNotEqual(status, 0, what)
            self.assertNotEqual(said, "genuine\n", what)
        for late, expected in ((200, 0), (-200, 0), (400, 1), (-1000, 1)):
            post = await self.capture(posted, OLD, late=late)
            self.assertEqual((await self.says(post))[0], expected, late)
        for secrets in ([NEW], [STRANGE], []):
            post = await self.capture(posted, *secrets)
            self.assertEqual(await self.says(post), (1, "not genuine\n"))
        self.assertFalse((self.place.path / "cracked").exists())


class ExchangeTests(VerifyingTestCase):
    """
    The commands that make and exchange a secret.
    """

    async def gateway(self, command: str) -> tuple[str, ...]:
        """Run one where the gateway is; returns the secrets that it has then."""
        await self.run_(f"mkdir -p gateway && cd gateway && {command}")
        self.file = self.place.path / "gateway" / "signing-secret"
        environ = {
            "XMPPREST_DOMAIN": DOMAIN,
            "XMPPREST_SECRET": "x",
            "XMPPREST_CREDENTIALS": "Bearer x",
        }
        flags = {"callback-signing-secret-file": [str(self.file)]}
        return ConfigLoader(flags, environ).load().config.callbackSigningSecrets

    async def test_asWritten(self) -> None:
        """
        The secret is readable by its owner only, and no post is refused, whenever the
        callback changes its own.
        """
        require("openssl")
        (make,) = (each for each in PAGE.of("sh") if "#!" not in each)
        add, remove = ROTATE.of("sh")
        example = "verify_python.py"
        (old,) = before = await self.gateway(make)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        await self.start(example, self.file.read_text())
        self.assertEqual(await self.post(*before), 204)
        (first, new) = both = await self.gateway(add)
        self.assertEqual(first, old)
        self.assertEqual(await self.post(*both), 204)
        for secrets in (self.file.read_text(), new):
            await self.start(example, secrets)
            self.assertEqual(await self.post(*both), 204)
        after = await self.gateway(remove)
        self.assertEqual(after, (new,))
        self.assertEqual(await self.post(*after), 204)
        self.assertEqual(await self.post(old), 401)


class PageTests(WorldTestCase):
    """
    Other statements of the page.
    """

    def test_examples(self) -> None:
        """
        Every example stands there as it is, and there are no others.
        """
        pages = (PAGE, DUPLICATES)
        blocks = [block.text for page in pages for block in page.blocks]
        links = [link for page in pages for link in page.links]
        names = {path.name for path in EXAMPLES.glob("verify_*") if path.is_file()}
        for name in names:
            self.assertIn((EXAMPLES / name).read_text().strip(), blocks)
            self.assertIn(f"../examples/{name}", links)
        self.assertEqual(len(blocks), len(names) + 1)

    def test_headers(self) -> None:
        """
        The headers of the table are those that there are.
        """
        theirs = [name for name, _ in Signer([OLD]).headers("w1", 1, b"")]
        rows = [name.text for name, _ in PAGE.table("")]
        self.assertEqual(rows, theirs)

    def test_settings(self) -> None:
        """Statements about the gateway's settings are true."""
        said = " ".join(PAGE.text.split())
        kept = f"({Config.deadDays:g} days, ``--dead-days``)"
        self.assertIn(kept, " ".join(DUPLICATES.text.split()))
        self.assertIn(f"``{errorFromStatus(401).condition}``", said)
        for name in ("XMPPREST_CALLBACK_SIGNING_SECRET", "callback-signing-secret"):
            self.assertIn(name, PAGE.literals)
