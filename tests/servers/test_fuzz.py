"""Payloads that Hypothesis makes, through real streams."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tests.core.stanza.test_serializer import trees
from tests.servers.gateway import XML, GatewayMixin
from tests.servers.splitter import Received
from tests.support.ejabberd import Ejabberd
from tests.support.hostile import SIZE_LIMIT, accepted, refused
from tests.support.hypothesis_profiles import FUZZ
from tests.support.prosody import Prosody
from xmpprest.core.stanza.build import make
from xmpprest.core.stanza.parser import Name
from xmpprest.core.stanza.serializer import toXML

#: Valid and invalid, to be mutilated; the large ones would only make it slow.
_SEEDS = [h.body for h in [*refused(), *accepted()] if len(h.body) < 2000]

#: What a mutilation puts in.
_PIECES = (
    *(b"<", b">", b"/>", b"</", b"'", b'"', b"&", b"&#", b"&#x", b";", b"]]>", b"<!--"),
    *(b"<![CDATA[", b"<?", b"<!", b"xmlns=''", b" xmlns='jabber:client'", b":", b"="),
    *(b" to='a@localhost'", b" from='gateway.localhost'", b" type='get'", b" id=''"),
    *(b"\x00", b"\x01", b"\x7f", b"\xc2\x80", b"\xef\xbf\xbe", b"\xed\xa0\x80"),
    *("\u2028\U0001f600\U0001fffe".encode(), b"\xff", b"\xef\xbb\xbf", b"\r", b"\n"),
    *(b"<stream:stream>", b"</stream:stream>", b"<handshake/>", b"<a xml:b=''/>"),
)


@st.composite
def wellFormed(draw: st.DrawFn) -> bytes:
    """A stanza in good order, of odd elements, attributes, namespaces and text."""
    kind = draw(st.sampled_from(("message", "presence", "iq")))
    attributes: dict[Name, str | None] = {"to": draw(_RECIPIENTS), "id": draw(_IDS)}
    if kind == "iq":
        attributes["type"] = "get"
    return toXML(make(kind, attributes, [draw(trees())])).encode()


_RECIPIENTS = st.sampled_from(
    ("localhost", "nobody@localhost", "peer.localhost", "a@peer.localhost/\U0001f600")
)
_IDS = st.none() | st.text(
    st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=5
).filter(lambda text: not set(text) & set("\ufffe\uffff"))


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """One payload with up to four pieces put in, or put in the place of others."""
    body = draw(st.sampled_from(_SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.sampled_from((0, 0, 1, 2, 8))))
        piece = draw(st.sampled_from(_PIECES) | st.binary(max_size=4))
        body = body[:start] + piece + body[end:]
    return body


@settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutilated() | wellFormed())
def _collect(body: bytes) -> None:
    _made.add(body)


_made: set[bytes] = set()


def payloads() -> list[bytes]:
    """Many in CI, a few otherwise; the same for every server."""
    if not _made:
        _collect()
    return sorted(_made)


class FuzzMixin(GatewayMixin):
    """
    The stream and the callback's answers.
    """

    timeout = 600

    async def _survived(self, last: list[bytes]) -> None:
        reply = await self.ping()
        self.assertEqual(reply.status, 200, last)
        self.assertEqual(self.gateway.component.reconnects, 0, last)

    async def test_requests(self) -> None:
        """
        Every payload is answered, with a 4xx or as a stanza, and the stream survives.
        """
        await self.startGateway()
        self.callback.answer = lambda delivery: (204, "", b"")
        statuses: dict[int, int] = {}
        made = payloads()
        for start in range(0, len(made), 50):
            batch = made[start : start + 50]
            for body in batch:
                self.assertLess(len(body), SIZE_LIMIT)
                reply = await self.post(body, Prosody_Rest_Timeout="0.2")
                self.assertIn(reply.status, (200, 202, 400, 403, 422, 504), body)
                statuses[reply.status] = statuses.get(reply.status, 0) + 1
            await self._survived(batch)
        print(dict(sorted(statuses.items())), end=" ")

    async def test_callbackAnswers(self) -> None:
        """
        Every such payload as the callback's response gives the sender an answer, and
        the stream
        survives.
        """
        await self.startGateway()
        peer = await self.connect(self.server.peerDomain)
        made = payloads()[:: 1 if FUZZ < 1000 else 10]
        for start in range(0, len(made), 50):
            batch = made[start : start + 50]
            for number, body in enumerate(batch, start):
                answer = (200, XML, body)
                self.callback.answer = lambda delivery, answer=answer: answer
                peer.send(
                    f"<iq type='get' id='f{number}' from='peer.localhost'"
                    " to='bot@gateway.localhost'><x xmlns='urn:x'/></iq>"
                )
                await peer.expect(_hasID(f"f{number}"))
            await self._survived(batch)


def _hasID(name: str) -> Callable[[Received], bool]:
    return lambda stanza: stanza.element.get("id") == name


class ProsodyFuzzTests(FuzzMixin, TestCase):
    """With Prosody."""

    kind = Prosody


class EjabberdFuzzTests(FuzzMixin, TestCase):
    """With ejabberd."""

    kind = Ejabberd
