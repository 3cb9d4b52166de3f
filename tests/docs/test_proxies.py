"""Tests of the page about reverse proxies: the gateway behind nginx and Caddy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT, TOKEN, USER
from tests.support.process import freePorts
from tests.support.programs import require
from tests.support.server_certificates import Authority, Certificate

_GATEWAY = "127.0.0.1:8080"

#: What a whole nginx needs around a file of C{conf.d}, to run as anybody.
_NGINX = """
daemon off;
user root;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    %s
}
"""

#: What keeps Caddy to itself.
_CADDY = """
{
    admin off
    auto_https disable_redirects
    default_bind 127.0.0.1
}
%s
"""


def _nginx(port: int, certificate: Certificate) -> str:
    text = (ROOT / "packaging" / "nginx.conf").read_text()
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = re.sub(r"/etc/\S+/privkey.pem", str(certificate.keyFile), text)
    text = re.sub(r"/etc/\S+/fullchain.pem", str(certificate.certificateFile), text)
    return _NGINX % text


def _caddy(port: int, certificate: Certificate) -> str:
    text = (ROOT / "packaging" / "Caddyfile").read_text()
    pair = f"{certificate.certificateFile} {certificate.keyFile}"
    text = text.replace(f"{DOMAIN} {{", f"{DOMAIN}:{port} {{\ntls {pair}")
    return _CADDY % text


@dataclass(frozen=True)
class Proxy:
    """
    A web server.

    @ivar program: Its name.
    @ivar configured: All of its configuration: what is in C{packaging}, but for where
        it listens, and its certificate.
    @ivar check: The arguments that have it read that.
    @ivar good: What it says then.
    @ivar run: The arguments that start it.
    """

    program: str
    configured: Callable[[int, Certificate], str]
    check: str
    good: str
    run: str


NGINX = Proxy(
    "nginx", _nginx, "-p . -c config -t", "test is successful", "-p . -c config"
)
CADDY = Proxy(
    "caddy",
    _caddy,
    "validate --config config --adapter caddyfile",
    "Valid configuration",
    "run --config config --adapter caddyfile",
)


class ProxyTests(PasteTestCase):
    """
    Tests with the gateway behind a web server.
    """

    async def serve(self, proxy: Proxy) -> None:
        """Start both."""
        require(proxy.program)
        self.silence()
        await self.prepare()
        gateway = await self.start(
            *("--cors-origin", "https://app.example"),
            *("--callback-url", "http://127.0.0.1:9/"),
            *("--upload-size-limit", "3000000"),
        )
        found = re.search(r"Listening for HTTP on .*?\bport\D+(\d+)", gateway.output)
        assert found is not None
        (port,) = freePorts(1)
        certificate = Authority(self.place.path).issue(DOMAIN)
        text = proxy.configured(port, certificate)
        self.assertIn(_GATEWAY, text)
        self.place.write("config", text.replace(_GATEWAY, f"127.0.0.1:{found[1]}"))
        said = await self.run_(f"{proxy.program} {proxy.check}")
        self.assertIn(proxy.good, said)
        self.shell(f"exec {proxy.program} {proxy.run}")
        self.place.write(
            ".curlrc",
            f'connect-to = "{DOMAIN}:443:127.0.0.1:{port}"\n'
            f'cacert = "{certificate.caFile}"\n'
            f'header = "Authorization: Bearer {TOKEN}"\n'
            "silent\n",
        )
        await self.run_(f"until curl https://{DOMAIN}/rest/docs; do sleep 0.05; done")

    async def curl(self, path: str, more: str = "") -> str:
        """The head and the body of what is answered through it."""
        return await self.run_(f"curl -i 'https://{DOMAIN}/rest{path}' {more}")

    async def behaves(self, proxy: Proxy) -> None:
        """Check that the gateway works behind the proxy."""
        await self.serve(proxy)
        await self.sends()
        await self.keepsPaths()
        await self.refuses()
        await self.waits()
        await self.streams()
        await self.takesFiles()

    async def sends(self) -> None:
        """A message is accepted, and C{Location} leads to what has become of it."""
        said = await self.curl(
            f"/message/chat/{USER}", "-H content-type:text/plain -d Hello"
        )
        self.assertIn(" 202", said.partition("\n")[0])
        path = re.findall(r"(?im)^location: /rest(\S+)", said)[0]
        self.assertIn('"state"', await self.curl(path))
        self.assertEqual(str((await self.received()).body), "Hello")

    async def keepsPaths(self) -> None:
        """Check that the proxy does not decode percent-encoded paths."""
        self.shell(f"curl 'https://{DOMAIN}/rest/ping/a%40example.org%2Fb%2520c%3F'")
        self.assertEqual((await self.received())["to"], "a@example.org/b%20c?")

    async def refuses(self) -> None:
        """The gateway itself says what it refuses: too much, and another page."""
        self.place.write("large", "x" * 2_000_000)
        self.place.write("huge", "x" * 3_100_000)
        said = await self.curl("", "-H content-type:text/plain --data-binary @large")
        self.assertIn("bytes that a stanza may have", said)
        origins = {DOMAIN: 200, "app.example": 200, "elsewhere.example": 403}
        for origin, status in origins.items():
            said = await self.curl("/inbox", f"-H origin:https://{origin}")
            self.assertIn(f" {status}", said.partition("\n")[0], origin)

    async def waits(self) -> None:
        """A query waits for its reply, as long as that takes."""
        asking = self.shell(
            f"curl -H accept:application/json https://{DOMAIN}/rest/ping/{USER}"
        )
        query = await self.received()
        names = {"id": query["id"], "from": query["to"], "to": query["from"]}
        attributes = " ".join(f"{name}='{value}'" for name, value in names.items())
        self.send(f"<iq type='result' {attributes}/>")
        self.assertEqual(await self.waiting(asking.end), 0)
        self.assertEqual(json.loads(asking.output)["type"], "result")

    async def streams(self) -> None:
        """Check that events arrive at once, while the response goes on."""
        hearing = self.shell(f"curl --no-buffer https://{DOMAIN}/rest/events")
        await self.waiting(hearing.expect, "retry: ")
        await self.curl(
            f"/message/chat/{USER}", "-H content-type:text/plain -d 'Hear, hear'"
        )
        await self.waiting(hearing.expect, r"(?m)^data: .*Hear, hear")

    async def takesFiles(self) -> None:
        """A file that is larger than the proxies take by default gets through."""
        service = self.uploads()
        said = await self.curl(f"/message/chat/{USER}", "-H expect: -F file=@large")
        self.assertIn(" 202", said.partition("\n")[0])
        self.assertEqual([len(each) for each in service.files.values()], [2_000_000])
        said = await self.curl(f"/message/chat/{USER}", "-H expect: -F file=@huge")
        self.assertIn("upload-size-limit", said)

    async def test_nginx(self) -> None:
        """
        So it is with C{packaging/nginx.conf}.
        """
        await self.behaves(NGINX)

    async def test_caddy(self) -> None:
        """
        So it is with C{packaging/Caddyfile}.
        """
        await self.behaves(CADDY)
