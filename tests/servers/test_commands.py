"""
Ad-hoc commands (XEP-0050) in JSON: the commands of real servers, as
docs/how-to/ad-hoc-commands.rst shows them, and one of several steps by a component.
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

from twisted.trial.unittest import TestCase

from tests.servers.client import User
from tests.servers.gateway import GatewayMixin, Reply
from tests.servers.peer import PeerLost
from tests.servers.rawcomponent import RawComponent
from tests.support.canonical import canonical
from tests.support.doubles import stanza
from tests.support.ejabberd import Ejabberd
from tests.support.prosody import Prosody
from xmpprest.core.media.formats import CBOR, JSON
from xmpprest.core.media.values import fromCBOR, toCBOR, toJSON
from xmpprest.core.stanza import namespaces as ns

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"
ADD_USER = f"{ADMIN}#add-user"
PEER = "peer.localhost"
PASSWORD = "sécret '<&>\""


class AddUserMixin(GatewayMixin):
    """
    The administrator adds a user (XEP-0133 §4.1).

    @cvar note: What the server says when it has done it, if it says something.
    @cvar unknown: What it says to a command that it does not have.
    """

    note: ClassVar[Any] = None  # JSON
    unknown = "item-not-found"

    async def tell(self, **command: Any) -> Any:
        """Send a part of the command; the answer."""
        reply = await self.send({"node": ADD_USER, **command})
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, JSON))
        return reply.json

    async def send(self, command: Any, sender: str = "") -> Reply:
        """Send a part of a command, by default as the administrator."""
        sender = sender or self.server.admin
        whole = {"from": sender, "to": self.server.host, "command": command}
        return await self.post(toJSON(whole), JSON)

    async def begin(self) -> Any:
        """Start the gateway, and the command; what it says."""
        await self.startGateway()
        answer = await self.tell()
        self.assertEqual(answer["type"], "result")
        self.assertEqual(answer["command"]["node"], ADD_USER)
        self.assertEqual(answer["command"]["status"], "executing")
        return answer["command"]

    def account(self, name: str, **others: str) -> dict[str, Any]:
        """Return the fields that the form asks for."""
        return {
            "accountjid": f"{name}@{self.server.host}",
            "password": PASSWORD,
            "password-verify": PASSWORD,
            **others,
        }

    async def assertUser(self, name: str) -> None:
        """Check that a user of that name can log in."""
        user = User(self.server, name, PASSWORD)
        self.addCleanup(user.close)
        await user.ready()

    async def assertNoUser(self, name: str) -> None:
        """Check that no user of that name can log in."""
        user = User(self.server, name, PASSWORD)
        self.addCleanup(user.close)
        with self.assertRaises(PeerLost):
            await user.ready()

    async def test_discover(self) -> None:
        """
        The server tells the administrator which commands there are; others are told
        of others.
        """
        await self.startGateway()
        asked: Any = {"from": self.server.admin, "items": COMMANDS}
        reply = await self.post(toJSON({**asked, "to": self.server.host}), JSON)
        answer = reply.json
        found = {item["node"]: item for item in answer["items"]}
        self.assertEqual(found[ADD_USER]["name"], "Add User")
        self.assertEqual(found[ADD_USER]["jid"], self.server.host)
        reply = await self.get(
            f"/items/{self.server.host}?node={COMMANDS}", Accept=JSON
        )
        nodes = [item["node"] for item in reply.json["items"]]
        self.assertTrue(nodes)
        self.assertNotIn(ADD_USER, nodes)

    async def test_form(self) -> None:
        """The command asks for what it needs to know."""
        command = await self.begin()
        self.assertEqual(command["actions"]["execute"], "complete")
        self.assertIs(command["actions"]["complete"], True)
        form = command["form"]
        self.assertEqual(form["type"], "form")
        fields = {field["var"]: field for field in form["fields"]}
        self.assertEqual([*fields], ["FORM_TYPE", *self.account("x")])
        self.assertEqual(fields["FORM_TYPE"]["type"], "hidden")
        self.assertEqual(fields["FORM_TYPE"]["value"], ADMIN)
        self.assertEqual(fields["accountjid"]["type"], "jid-single")
        self.assertIs(fields["accountjid"]["required"], True)
        self.assertEqual(fields["password"]["type"], "text-private")
        self.assertNotIn("data", command)

    async def test_data(self) -> None:
        """The form filled in, in short, adds the user."""
        name, begun = uuid4().hex, await self.begin()
        answer = await self.tell(
            sessionid=begun["sessionid"],
            action="complete",
            data={"FORM_TYPE": ADMIN, **self.account(name)},
        )
        self.assertCompleted(answer, begun)
        await self.assertUser(name)

    async def test_fields(self) -> None:
        """The form that came, with a value in each field, adds the user."""
        name, begun = uuid4().hex, await self.begin()
        filled = self.account(name)
        form = begun["form"]
        form["type"] = "submit"
        for field in form["fields"]:
            field["value"] = filled.get(field["var"], field.get("value"))
        answer = await self.tell(
            sessionid=begun["sessionid"], action="complete", form=form
        )
        self.assertCompleted(answer, begun)
        await self.assertUser(name)

    async def test_cbor(self) -> None:
        """
        The command works in CBOR, without a type of form: C{password-verify} says
        enough.
        """
        name = uuid4().hex
        await self.startGateway()
        addresses: dict[str, Any] = {"from": self.server.admin, "to": self.server.host}
        reply = await self.post(toCBOR({**addresses, "command": ADD_USER}), CBOR)
        begun: Any = fromCBOR(reply.body)
        command = {
            "node": ADD_USER,
            "sessionid": begun["command"]["sessionid"],
            "action": "complete",
            "data": self.account(name),
        }
        reply = await self.post(toCBOR({**addresses, "command": command}), CBOR)
        self.assertCompleted(fromCBOR(reply.body), begun["command"])
        await self.assertUser(name)

    def assertCompleted(self, answer: Any, begun: Any) -> None:
        """The command has done it."""
        self.assertEqual(answer["type"], "result")
        command = {**answer["command"]}
        self.assertEqual(command.pop("note", self.note), self.note)
        sessionid = begun["sessionid"]
        self.assertEqual(
            command, {"node": ADD_USER, "sessionid": sessionid, "status": "completed"}
        )

    async def test_exists(self) -> None:
        """A user who is there already is not added again, and the server says why."""
        user, begun = await self.login(), await self.begin()
        name = user.bareJID.partition("@")[0]
        answer = await self.tell(
            sessionid=begun["sessionid"], action="complete", data=self.account(name)
        )
        self.assertRefused(answer, "conflict", "Account already exists")

    async def test_mismatch(self) -> None:
        """Two passwords that differ add nobody, and the server says so."""
        name, begun = uuid4().hex, await self.begin()
        answer = await self.tell(
            sessionid=begun["sessionid"],
            action="complete",
            data=self.account(name, **{"password-verify": "other"}),
        )
        self.assertRefused(answer, "item-not-found", "Password mismatch")
        await self.assertNoUser(name)

    def assertRefused(self, answer: Any, condition: str, text: str) -> None:
        """The command has not done it, and says so in the server's own way."""
        raise NotImplementedError

    async def test_forbidden(self) -> None:
        """A user other than the administrator cannot add users."""
        await self.startGateway()
        domain = self.server.componentDomain
        for sender in (domain, f"other@{domain}"):
            answer = (await self.send(ADD_USER, sender)).json
            self.assertEqual(answer["type"], "error")
            self.assertEqual(answer["error"]["condition"], "forbidden")
            self.assertNotEqual(answer["command"].get("status"), "executing")

    async def test_cancel(self) -> None:
        """A command can be given up."""
        begun = await self.begin()
        answer = await self.tell(sessionid=begun["sessionid"], action="cancel")
        self.assertEqual(answer["type"], "result")
        self.assertEqual(answer["command"]["status"], "canceled")
        self.assertEqual(answer["command"]["sessionid"], begun["sessionid"])

    async def test_unknown(self) -> None:
        """A command that does not exist is an error, which is an answer: 200."""
        await self.startGateway()
        reply = await self.send("nonesuch")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["type"], "error")
        self.assertEqual(reply.json["error"]["condition"], self.unknown)

    async def test_mistake(self) -> None:
        """A mistake in the JSON is refused before the server sees it."""
        begun = await self.begin()
        for wrong, says in (
            ({"action": "completed"}, "'command.action'"),
            ({"sesionid": "x"}, "did you mean 'sessionid'?"),
            ({"data": {"a": {"b": "c"}}}, "'command.data.a'"),
            ({"data": []}, "'command.data'"),
            ({"form": {"type": "submitted"}}, "'command.form.type'"),
            ({"form": {"fields": [{"var": "a", "type": "b"}]}}, "fields[0].type'"),
        ):
            reply = await self.send(
                {"node": ADD_USER, "sessionid": begun["sessionid"], **wrong}
            )
            self.assertEqual(reply.status, 422, wrong)
            self.assertIn(says, reply.json["detail"])


class ProsodyAddUserTests(AddUserMixin, TestCase):
    """Prosody's command, which says in a note how it went."""

    kind = Prosody
    note: ClassVar[Any] = {"type": "info", "text": "Account successfully created"}
    unknown = "service-unavailable"

    def assertRefused(self, answer: Any, condition: str, text: str) -> None:
        """A note is there."""
        self.assertEqual(answer["type"], "result")
        self.assertEqual(answer["command"]["note"]["type"], "error")
        self.assertIn(text, answer["command"]["note"]["text"])


class EjabberdAddUserTests(AddUserMixin, TestCase):
    """ejabberd's command, which has errors for what went wrong."""

    kind = Ejabberd

    def assertRefused(self, answer: Any, condition: str, text: str) -> None:
        """An error is there."""
        self.assertEqual(answer["type"], "error")
        self.assertEqual(answer["error"]["condition"], condition)


#: What the steps of the wizard ask for, and what may follow each.
STEPS = (
    (
        "<actions execute='next'><next/></actions>"
        f"<x xmlns='{ns.DATA}' type='form'><title>Who?</title>"
        "<field var='name' type='text-single' label='Name'><required/></field></x>",
        {
            "actions": {"execute": "next", "next": True},
            "form": {
                "type": "form",
                "title": "Who?",
                "fields": [
                    {
                        "var": "name",
                        "type": "text-single",
                        "label": "Name",
                        "required": True,
                    }
                ],
            },
        },
    ),
    (
        "<actions execute='next'><prev/><next/></actions>"
        f"<x xmlns='{ns.DATA}' type='form'>"
        "<field var='days' type='list-multi'><value>mo</value><value>tu</value>"
        "<option label='Monday'><value>mo</value></option>"
        "<option label='Tuesday'><value>tu</value></option></field>"
        "<field var='note' type='text-multi'><value>one</value><value>two</value>"
        "</field><field var='sure' type='boolean'><value>0</value></field></x>",
        {
            "actions": {"execute": "next", "prev": True, "next": True},
            "form": {
                "type": "form",
                "fields": [
                    {
                        "var": "days",
                        "type": "list-multi",
                        "value": ["mo", "tu"],
                        "options": [
                            {"label": "Monday", "value": "mo"},
                            {"label": "Tuesday", "value": "tu"},
                        ],
                    },
                    {"var": "note", "type": "text-multi", "value": "one\ntwo"},
                    {"var": "sure", "type": "boolean", "value": "0"},
                ],
            },
        },
    ),
    (
        "<actions execute='complete'><prev/><complete/></actions>"
        "<note type='warn'>This cannot be undone.</note>",
        {
            "actions": {"execute": "complete", "prev": True, "complete": True},
            "note": {"type": "warn", "text": "This cannot be undone."},
        },
    ),
)
RESULT = (
    f"<x xmlns='{ns.DATA}' type='result'>"
    "<field var='days' type='list-multi'><value>mo</value></field>"
    "<field var='note' type='text-multi'><value>a</value><value>b</value></field>"
    "<field var='sure' type='boolean'><value>1</value></field></x>"
)


class StepsMixin(GatewayMixin):
    """
    A command of three steps, which no server has.
    """

    peer: RawComponent

    async def step(self, command: Any, wanted: str, answer: str) -> Any:
        """
        Take a step.

        @param wanted: What the component gets: the attributes and the content of
            the command.
        @param answer: What it answers: the same.
        @return: The command in the answer, without what is always the same.
        """
        path = f"/iq/command/{quote(f'wizard@{PEER}', safe='')}"
        asking = self.post(toJSON({"node": "w", **command}), JSON, path=path)
        got = await self.peer.expect("<iq", COMMANDS)
        (element,) = stanza(got.xml).elements()
        expected = stanza(
            f"<command xmlns='{COMMANDS}' node='w' {wanted}".rstrip() + "</command>"
        )
        self.assertEqual(canonical(element), canonical(expected))
        self.assertEqual(got.element.get("type"), "set")
        self.peer.send(
            f"<iq type='result' id='{got.element.attrib['id']}' from='wizard@{PEER}'"
            f" to='{self.server.componentDomain}'><command xmlns='{COMMANDS}'"
            f" node='w' sessionid='s' {answer}</command></iq>"
        )
        reply: Reply = await asking
        self.assertEqual(reply.status, 200, reply.text)
        told = reply.json["command"]
        self.assertEqual((told.pop("node"), told.pop("sessionid")), ("w", "s"))
        self.assertNotIn("xml", reply.json)
        return told

    async def begin(self) -> None:
        """Start, and begin with the command."""
        await self.startGateway()
        self.peer = await self.connect(self.server.peerDomain)
        await self.go({}, ">", 0)

    async def go(self, command: Any, wanted: str, step: int) -> None:
        """Go to a step, and see that it is the one."""
        answer, told = STEPS[step]
        if command:
            command = {"sessionid": "s", **command}
        got = await self.step(command, wanted, f"status='executing'>{answer}")
        self.assertEqual(got, {"status": "executing", **told})

    async def next(self) -> None:
        """Fill in the first step, and go on."""
        form = f"<x xmlns='{ns.DATA}' type='submit'><field var='name'>"
        form += "<value>Ödön &lt;&amp;&gt;</value></field></x>"
        wanted = f"sessionid='s' action='next'>{form}"
        await self.go({"action": "next", "data": {"name": "Ödön <&>"}}, wanted, 1)

    async def test_complete(self) -> None:
        """
        Forward, back, and forward again to the end: each step is the component's,
        and what the fields hold comes there whole.
        """
        await self.begin()
        await self.next()
        await self.go({"action": "prev"}, "sessionid='s' action='prev'>", 0)
        await self.next()
        form = (
            f"<x xmlns='{ns.DATA}' type='submit'>"
            "<field var='days'><value>mo</value><value>tu</value></field>"
            "<field var='note'><value>a</value><value>b</value></field>"
            "<field var='sure'><value>1</value></field></x>"
        )
        data = {"days": ["mo", "tu"], "note": "a\nb", "sure": True}
        wanted = f"sessionid='s' action='next'>{form}"
        await self.go({"action": "next", "data": data}, wanted, 2)
        got = await self.step(
            {"sessionid": "s", "action": "complete"},
            "sessionid='s' action='complete'>",
            f"status='completed'><note>Done.</note>{RESULT}",
        )
        self.assertEqual(got["status"], "completed")
        self.assertEqual(got["note"], {"text": "Done."})
        self.assertEqual(got["data"], {"days": ["mo"], "note": "a\nb", "sure": True})
        self.assertEqual(got["form"]["type"], "result")

    async def test_cancel(self) -> None:
        """In the middle it can be given up."""
        await self.begin()
        await self.next()
        got = await self.step(
            {"sessionid": "s", "action": "cancel"},
            "sessionid='s' action='cancel'>",
            "status='canceled'>",
        )
        self.assertEqual(got, {"status": "canceled"})

    async def test_form(self) -> None:
        """The form of a step can be sent back as it is, with values in it."""
        await self.begin()
        form = {"type": "submit", "fields": [{"var": "name", "value": "Ödön <&>"}]}
        wanted = (
            f"sessionid='s' action='next'><x xmlns='{ns.DATA}' type='submit'>"
            "<field var='name'><value>Ödön &lt;&amp;&gt;</value></field></x>"
        )
        await self.go({"action": "next", "form": form}, wanted, 1)

    async def test_table(self) -> None:
        """A result may be a table."""
        await self.begin()
        table = (
            f"<x xmlns='{ns.DATA}' type='result'><reported><field var='a'/>"
            "<field var='b' type='jid-single' label='B'/></reported>"
            "<item><field var='a'><value>1</value></field>"
            "<field var='b'><value>x@y</value></field></item>"
            "<item><field var='a'><value>2</value></field>"
            "<field var='b'><value>z@y</value></field></item></x>"
        )
        got = await self.step(
            {"sessionid": "s"}, "sessionid='s'>", f"status='completed'>{table}"
        )
        self.assertEqual(
            got["form"]["items"], [{"a": "1", "b": "x@y"}, {"a": "2", "b": "z@y"}]
        )
        self.assertEqual(got["form"]["reported"][1]["label"], "B")


class ProsodyStepsTests(StepsMixin, TestCase):
    """Steps through Prosody."""

    kind = Prosody


class EjabberdStepsTests(StepsMixin, TestCase):
    """Steps through ejabberd."""

    kind = Ejabberd
