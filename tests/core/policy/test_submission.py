"""Tests of L{xmpprest.core.policy.submission}."""

from __future__ import annotations

from tests.core.codec.case import DOMAIN, CoreTestCase, counting, xml
from tests.support.canonical import canonical
from xmpprest.core.policy.submission import buildSubmission
from xmpprest.core.stanza.build import TYPES
from xmpprest.core.stanza.serializer import toXML

_PING = "<ping xmlns='urn:xmpp:ping'/>"
_TO = "to='juliet@example.com'"


#: What is sent for what a client wrote.
SENT = {
    # Complete
    f"<message {_TO} from='bot@{DOMAIN}/x' id='i' type='chat' xml:lang='de'>"
    "<body>hi</body></message>": (
        f"<message {_TO} from='bot@{DOMAIN}/x' id='i' type='chat' xml:lang='de'>"
        "<body>hi</body></message>"
    ),
    # What is missing
    f"<message {_TO}/>": f"<message {_TO} from='{DOMAIN}' id='new-0'/>",
    f"<message {_TO} from='' id=''/>": f"<message {_TO} from='{DOMAIN}' id='new-0'/>",
    f"<message xmlns='jabber:client' {_TO}/>": (
        f"<message {_TO} from='{DOMAIN}' id='new-0'/>"
    ),
    f"<presence {_TO}/>": f"<presence {_TO} from='{DOMAIN}' id='new-0'/>",
    f"<iq {_TO} type='get'> {_PING} </iq>": (
        f"<iq {_TO} from='{DOMAIN}' id='new-0' type='get'> {_PING} </iq>"
    ),
    # What does not belong there
    f"<message {_TO} id='i' a='b' xmlns:x='urn:x' x:to='a@b' x:lang='de'"
    " xml:id='c'/>": (f"<message {_TO} from='{DOMAIN}' id='i'/>"),
    # Addresses, in their normal form: servers fold some code points in another way.
    f"<message to='Juliet@Example.COM/B' from='BOT@{DOMAIN.upper()}./X' id='i'/>": (
        f"<message to='juliet@example.com/B' from='bot@{DOMAIN}/X' id='i'/>"
    ),
    "<message to='\u10a0\u04c0@example.com/\u10a0' id='i'/>": (
        f"<message to='\u2d00\u04cf@example.com/\u10a0' from='{DOMAIN}' id='i'/>"
    ),
    f"<message {_TO} from='{DOMAIN}/a@b' id='i'/>": (
        f"<message {_TO} from='{DOMAIN}/a@b' id='i'/>"
    ),
    "<message to='room@muc.example/\U0001f600' id='i'/>": (
        f"<message to='room@muc.example/\U0001f600' from='{DOMAIN}' id='i'/>"
    ),
}

#: What is refused with 422, by its condition, and what the text tells.
UNPROCESSABLE: dict[str, tuple[str, str]] = {
    # Namespace
    f"<message xmlns='jabber:server' {_TO}/>": ("invalid-namespace", "jabber:client"),
    f"<message xmlns='jabber:component:accept' {_TO}/>": (
        "invalid-namespace",
        "jabber:client",
    ),
    "<stream xmlns='http://etherx.jabber.org/streams'/>": ("invalid-namespace", ""),
    # Kind
    f"<body {_TO}/>": ("unsupported-stanza-type", "a message, a presence or an iq"),
    f"<Message {_TO}/>": ("unsupported-stanza-type", ""),
    f"<handshake {_TO}/>": ("unsupported-stanza-type", ""),
    # To
    "<message/>": ("improper-addressing", "has no 'to'"),
    "<message to=''/>": ("improper-addressing", "has no 'to'"),
    "<presence type='unavailable'/>": ("improper-addressing", "has no 'to'"),
    f"<iq type='get'>{_PING}</iq>": ("improper-addressing", "has no 'to'"),
    "<message to='a@'/>": ("improper-addressing", "'' is not a domain"),
    "<message to='@b'/>": ("improper-addressing", "nothing before its '@'"),
    "<message to='a@b/'/>": ("improper-addressing", "nothing after its '/'"),
    "<message to='a b@c'/>": ("improper-addressing", "the forbidden character ' '"),
    "<message to='a@b..c'/>": ("improper-addressing", "'b..c' is not a domain"),
    # From
    f"<message {_TO} from='@'/>": ("invalid-from", "nothing before its '@'"),
    f"<message {_TO} from='a@b..c'/>": ("invalid-from", "'b..c' is not a domain"),
    f"<message {_TO} from=' '/>": ("invalid-from", "' ' is not a domain"),
    # Type
    f"<message {_TO} type='x'/>": (
        "invalid-xml",
        "chat, error, groupchat, headline, normal, or be left out",
    ),
    f"<message {_TO} type=''/>": ("invalid-xml", "be left out"),
    f"<message {_TO} type='CHAT'/>": ("invalid-xml", "The type of a message"),
    f"<presence {_TO} type='available'/>": ("invalid-xml", "The type of a presence"),
    f"<presence {_TO} type='get'/>": ("invalid-xml", "unavailable, unsubscribe"),
    f"<iq {_TO}>{_PING}</iq>": ("invalid-xml", "type='get' or type='set'"),
    f"<iq {_TO} type='result'>{_PING}</iq>": ("invalid-xml", "type='get' or"),
    f"<iq {_TO} type='error'>{_PING}</iq>": ("invalid-xml", "type='get' or"),
    f"<iq {_TO} type='GET'>{_PING}</iq>": ("invalid-xml", "type='get' or"),
    # Children of an iq
    f"<iq {_TO} type='get'/>": ("bad-format", "exactly one child"),
    f"<iq {_TO} type='get'>ping</iq>": ("bad-format", "exactly one child"),
    f"<iq {_TO} type='set'>{_PING}{_PING}</iq>": ("bad-format", "exactly one child"),
}

#: Senders that are somebody else.
FOREIGN = (
    "example.com",
    "admin@example.com",
    f"sub.{DOMAIN}",
    f"bot@x{DOMAIN}",
    f"{DOMAIN}@example.com",
    f"example.com/{DOMAIN}",
    f"bot@{DOMAIN}.example.com",
)


class PrefixTests(CoreTestCase):
    """Tests of what the stanza itself declares."""

    def test_kept(self) -> None:
        """
        The prefixes that a stanza declares are kept: text may use them, and to declare
        them again for each attribute would make the stanza many times as long.
        """
        written = (
            "<message to='a@example.org' xmlns:p='urn:p'><x t='p:string'/>"
            "<x p:a=''/><x p:a=''/></message>"
        )
        sent = toXML(buildSubmission(xml(written), DOMAIN, counting()))
        self.assertEqual(sent.count("urn:p"), 1, sent)


class SubmissionTests(CoreTestCase):
    """
    L{buildSubmission}
    """

    def test_sent(self) -> None:
        """
        Missing attributes are added, foreign ones are left out, and the content is sent
        unchanged.
        """
        for written, sent in SENT.items():
            stanza = buildSubmission(xml(written), DOMAIN, counting())
            self.assertEqual(canonical(stanza), canonical(xml(sent)), written)

    def test_types(self) -> None:
        """
        A message and a presence may have each of their types.
        """
        for kind in ("message", "presence"):
            for type in TYPES[kind] - {None}:
                written = xml(f"<{kind} {_TO} type='{type}'/>")
                stanza = buildSubmission(written, DOMAIN, counting())
                self.assertEqual(stanza["type"], type)

    def test_new(self) -> None:
        """The stanza of the client is not changed."""
        written = xml(f"<message {_TO} a='b'><body>hi</body></message>")
        before = canonical(written)
        buildSubmission(written, DOMAIN, counting())
        self.assertEqual(canonical(written), before)

    def test_unprocessable(self) -> None:
        """An invalid stanza is refused with 422, its condition, and a hint."""
        for written, (condition, reason) in UNPROCESSABLE.items():
            problem = self.refusal(buildSubmission, xml(written), DOMAIN, counting())
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (422, "modify", condition),
                written,
            )
            self.assertIn(reason, problem.text, written)
            self.assertSentence(problem.text)

    def test_foreign(self) -> None:
        """A sender at another domain is refused with 403."""
        for sender in FOREIGN:
            written = xml(f"<message {_TO} from='{sender}'/>")
            problem = self.refusal(buildSubmission, written, DOMAIN, counting())
            self.assertEqual(
                (problem.status, problem.type, problem.condition),
                (403, "auth", "not-authorized"),
                sender,
            )
            self.assertIn(DOMAIN, problem.text)
            self.assertSentence(problem.text)
