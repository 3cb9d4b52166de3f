"""
Tests of data forms (XEP-0004): whole, in L{xmpprest.core.codec.data_form}; in short, in
L{xmpprest.core.codec.data_form_compact}; and those of L{xmpprest.core.codec.disco}.
"""

from __future__ import annotations

from typing import Any

from tests.core.codec.case import CoreTestCase, xml
from tests.core.codec.pairs import kept
from xmpprest.core.codec.data_form import FIELD_TYPES
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.media.values import Value
from xmpprest.core.stanza import namespaces as ns

#: A field's type, what it holds, and what that is in a whole form, and in short. Any,
#: since a literal is to mypy no Value.
FIELDS: tuple[tuple[str | None, tuple[str, ...], Any, Any], ...] = (
    (None, (), None, []),
    (None, ("",), "", [""]),
    (None, ("a",), "a", ["a"]),
    (None, ("a\nb",), "a\nb", ["a\nb"]),
    (None, ("a", "b"), ["a", "b"], ["a", "b"]),
    ("boolean", (), None, False),
    ("boolean", ("1",), "1", True),
    ("boolean", ("true",), "true", True),
    ("boolean", ("0",), "0", False),
    ("boolean", ("false",), "false", False),
    ("boolean", ("yes",), "yes", False),
    ("fixed", ("a",), "a", "a"),
    ("hidden", (), None, None),
    ("hidden", ("a",), "a", "a"),
    ("hidden", ("a", "b"), ["a", "b"], "a"),
    ("jid-multi", (), [], []),
    ("jid-multi", ("a@b",), ["a@b"], ["a@b"]),
    ("jid-multi", ("a@b", "c@d"), ["a@b", "c@d"], ["a@b", "c@d"]),
    ("jid-single", (), None, None),
    ("jid-single", ("a@b",), "a@b", "a@b"),
    ("list-multi", (), [], []),
    ("list-multi", ("a",), ["a"], ["a"]),
    ("list-multi", ("a", "b"), ["a", "b"], ["a", "b"]),
    ("list-single", (), None, []),
    ("list-single", ("a",), "a", ["a"]),
    ("text-multi", (), None, ""),
    ("text-multi", ("",), "", ""),
    ("text-multi", ("a",), "a", "a"),
    ("text-multi", ("a", "", "b"), "a\n\nb", "a\n\nb"),
    ("text-private", ("a",), "a", "a"),
    ("text-single", (), None, None),
    ("text-single", ("",), "", ""),
    ("text-single", ("a",), "a", "a"),
    ("text-single", ("a", "b"), ["a", "b"], "a"),
)


def _field(type: str | None, texts: tuple[str, ...], var: str = "v") -> str:
    """A field."""
    values = "".join(f"<value>{text}</value>" if text else "<value/>" for text in texts)
    typed = f" type='{type}'" if type else ""
    return f"<field var='{var}'{typed}>{values}</field>"


def _form(content: str, type: str) -> str:
    """A form."""
    return f"<x xmlns='{ns.DATA}' type='{type}'>{content}</x>"


def _command(content: str) -> str:
    """A command with a form."""
    return (
        "<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='n'>"
        f"{content}</command></iq>"
    )


class _FormsTestCase(CoreTestCase):
    """
    A test case that knows where forms are.
    """

    def form(self, content: str, type: str = "submit") -> dict[str, Value]:
        """The JSON form of a message with a data form."""
        return STANZAS.encode(xml(f"<message>{_form(content, type)}</message>"))

    def command(self, content: str, type: str = "submit") -> Any:
        """The JSON form of a command with a data form. Any, for its keys."""
        value = STANZAS.encode(xml(_command(_form(content, type))))
        self.assertNotIn("xml", value)
        return value["command"]

    def assertMakes(self, value: Any, stanza: str) -> None:
        """A value, of any type, makes a stanza."""
        self.assertEqual(kept(STANZAS.decode(value)), kept(xml(stanza)), value)


class WholeTests(_FormsTestCase):
    """
    L{DATA_FORM<xmpprest.core.codec.data_form.DATA_FORM>}
    """

    def test_fields(self) -> None:
        """
        The value of a field is a string, or a list if it may have several values; lines
        of
        text are one string. This holds in both directions.
        """
        self.assertEqual({None, *FIELD_TYPES}, {type for type, *_ in FIELDS})
        for type, texts, whole, _ in FIELDS:
            expected: dict[str, Any] = {"var": "v"}
            if type is not None:
                expected["type"] = type
            if whole is not None:
                expected["value"] = whole
            value = self.form(_field(type, texts))
            self.assertEqual(
                value,
                {
                    "kind": "message",
                    "type": "normal",
                    "dataform": {"type": "submit", "fields": [expected]},
                },
            )
            stanza = f"<message>{_form(_field(type, texts), 'submit')}</message>"
            self.assertMakes(value, stanza)
            # As a list, under the other name.
            several = {**expected, "values": [*texts]}
            several.pop("value", None)
            self.assertMakes(
                {"dataform": {"type": "submit", "fields": [several]}}, stanza
            )

    def test_lines(self) -> None:
        """
        A value that is several lines itself is not several values.
        """
        value = self.form("<field type='text-multi'><value>a\nb</value></field>")
        self.assertEqual(
            value["dataform"],
            {"type": "submit", "fields": [{"type": "text-multi", "value": "a\nb"}]},
        )
        self.assertIn("xml", value)

    def test_typeFirst(self) -> None:
        """
        A field is written with its type first, since that says what its value means.
        """
        lines = _field("text-multi", ("a", "b"))
        self.assertMakes(
            {
                "dataform": {
                    "fields": [{"value": "a\nb", "type": "text-multi", "var": "v"}]
                }
            },
            f"<message><x xmlns='{ns.DATA}'>{lines}</x></message>",
        )

    def test_order(self) -> None:
        """
        Fields, options and values stay in their order; so do the parts of a form.
        """
        content = (
            "<field var='b' type='list-single'><option><value>1</value></option>"
            "<option label='2'><value>2</value></option><value>2</value>"
            "<desc>d</desc></field>"
            "<field var='a'/><instructions>i</instructions><title>t</title>"
        )
        value: Any = self.form(content, "form")
        self.assertNotIn("xml", value)
        self.assertEqual(
            [*value["dataform"]], ["type", "fields", "instructions", "title"]
        )
        self.assertEqual(
            [*value["dataform"]["fields"][0]],
            ["var", "type", "options", "value", "desc"],
        )

    #: What a form may hold that its JSON cannot.
    beyond = (
        # Unknown to XEP-0004.
        "<field var='a'><media xmlns='urn:xmpp:media-element'/></field>",
        "<field var='a'><validate xmlns='http://jabber.org/protocol/xdata-validate'/>"
        "</field>",
        "<field var='a' type='colour'/>",
        "<field var='a' foo='b'/>",
        "<field xml:lang='de' var='a'/>",
        "text",
        # Twice.
        "<title>a</title><title>b</title>",
        "<field var='a'/><title>a</title><field var='b'/>",
        "<field><value>a</value><required/><value>b</value></field>",
        "<item><field var='a'/><field var='a'/></item>",
        # Not what they should be.
        "<item><field/></item>",
        "<item><field var='a' type='text-single'/></item>",
        "<item>a</item>",
        "<field><value><b/></value></field>",
        "<required>a</required>",
        "<reported><field var='a'/><b/></reported>",
        "<field var='a'><option/></field><field xmlns='urn:a' var='b'/>",
        "<field><value xmlns='urn:a'>a</value></field>",
    )

    def test_beyond(self) -> None:
        """Content of a form without a key is not lost."""
        for content in self.beyond:
            stanza = f"<message>{_form(content, 'form')}</message>"
            value = STANZAS.encode(xml(stanza))
            self.assertIn("xml", value, content)
            self.assertMakes(value, stanza)

    def test_twice(self) -> None:
        """If a stanza has two forms, the key has the first, and neither is lost."""
        stanza = f"<message>{_form('', 'form')}{_form('', 'cancel')}</message>"
        value = STANZAS.encode(xml(stanza))
        self.assertEqual(value["dataform"], {"type": "form"})
        self.assertMakes(value, stanza)


#: What is wrong with a form, and how the text goes on after "The key". Any, as above.
REFUSED: tuple[tuple[Any, str], ...] = (
    ([], "'dataform' must be an object, not a list."),
    (
        {"type": "filled"},
        "'dataform.type' must be one of cancel, form, result, submit, not 'filled'.",
    ),
    ({"title": 1}, "'dataform.title' must be a string, not a number."),
    ({"fields": {}}, "'dataform.fields' must be a list, not an object."),
    ({"fields": ["a"]}, "'dataform.fields[0]' must be an object, not a string."),
    (
        {"fields": [{"var": []}]},
        "'dataform.fields[0].var' must be a string, not a list.",
    ),
    ({"fields": [{}, {"var": 1}]}, "'dataform.fields[1].var' must be a string, not a"),
    (
        {"fields": [{"type": "text"}]},
        "'dataform.fields[0].type' must be one of boolean,",
    ),
    (
        {"fields": [{"required": 1}]},
        "'dataform.fields[0].required' must be true, not a",
    ),
    (
        {"fields": [{"value": {}}]},
        "'dataform.fields[0].value' must be a string, a number, a boolean or a list of",
    ),
    ({"fields": [{"values": [1, None]}]}, "'dataform.fields[0].values[1]' must be a"),
    ({"fields": [{"values": [["a"]]}]}, "'dataform.fields[0].values[0]' must be a"),
    (
        {"fields": [{"value": "a", "values": ["a"]}]},
        "'dataform.fields[0]' has both 'value' and 'values'; leave one of them out.",
    ),
    (
        {"fields": [{"valeu": "a"}]},
        "'valeu' in 'dataform.fields[0]' is not known; did you mean 'value'?",
    ),
    (
        {"fields": [{"options": [{"value": 1}]}]},
        "'dataform.fields[0].options[0].value' must be a string, not a number.",
    ),
    ({"fields": [{"options": ["a"]}]}, "'dataform.fields[0].options[0]' must be an"),
    ({"reported": {}}, "'dataform.reported' must be a list, not an object."),
    ({"reported": [1]}, "'dataform.reported[0]' must be an object, not a number."),
    ({"items": {}}, "'dataform.items' must be a list, not an object."),
    ({"items": [1]}, "'dataform.items[0]' must be an object, not a number."),
    ({"items": [{"a": {}}]}, "'dataform.items[0].a' must be a string, a number, a"),
)

#: The same of a command's data.
REFUSED_DATA: tuple[tuple[Any, str], ...] = (
    ([], "'command.data' must be an object, not a list."),
    ("a", "'command.data' must be an object, not a string."),
    ({"a": {}}, "'command.data.a' must be a string, a number, a boolean or a list of"),
    ({"a": ["b", None]}, "'command.data.a[1]' must be a string, a number, a boolean"),
)


class RefusalTests(CoreTestCase):
    """
    Forms that are refused.
    """

    def test_refused(self) -> None:
        """
        Each text says where the mistake is.
        """
        for form, expected in REFUSED:
            self.assertRefused({"dataform": form}, expected)
        for data, expected in REFUSED_DATA:
            self.assertRefused({"command": {"node": "n", "data": data}}, expected)
        # Any, as above.
        others: Any = (
            ([], "'disco.extensions' must be an object, not a list."),
            ({"f": 1}, "'disco.extensions.f' must be an object, not a number."),
            ({"f": {"a": {}}}, "'disco.extensions.f.a' must be a string, a number, a"),
        )
        for extensions, expected in others:
            self.assertRefused({"disco": {"extensions": extensions}}, expected)

    def assertRefused(self, value: Value, expected: str) -> None:
        """With 422, and a sentence."""
        problem = self.refusal(STANZAS.decode, value)
        self.assertEqual((problem.status, problem.condition), (422, "bad-format"))
        self.assertTrue(problem.text.startswith(f"The key {expected}"), problem.text)
        self.assertSentence(problem.text.replace("?", "."))


class CompactTests(_FormsTestCase):
    """
    L{CompactForm<xmpprest.core.codec.data_form_compact.CompactForm>}
    """

    def test_read(self) -> None:
        """
        In short, a list is a list, lines are one string, a boolean is a boolean, what
        else has a type is a string or null, and what has none is a list.
        """
        for type, texts, _, short in FIELDS:
            for formType in ("submit", "result"):
                command = self.command(_field(type, texts), formType)
                self.assertEqual(command["data"], {"v": short}, (type, texts))

    def test_asks(self) -> None:
        """
        A form that asks for something holds no data, and neither does one that is
        cancelled.
        """
        for type in ("form", "cancel"):
            self.assertNotIn("data", self.command(_field(None, ("a",)), type))

    def test_nameless(self) -> None:
        """A field without a name is left out; the complete form shows it."""
        command = self.command("<title>t</title><field><value>a</value></field>")
        self.assertEqual(command["data"], {})
        self.assertEqual(
            command["form"],
            {"type": "submit", "title": "t", "fields": [{"value": "a"}]},
        )

    def test_ambiguous(self) -> None:
        """
        Where two fields have one name, there is only the form.
        """
        command = self.command(_field(None, ("a",)) + _field(None, ("b",)))
        self.assertNotIn("data", command)
        self.assertEqual(len(command["form"]["fields"]), 2)

    def test_written(self) -> None:
        """
        Data is submitted: as much as there is, each line by itself, and null as a
        field that holds nothing.
        """
        # Any, as above.
        cases: Any = (
            ("a", ("a",)),
            ("", ("",)),
            ("a\nb", ("a", "b")),
            (["a", "b"], ("a", "b")),
            (["a\nb"], ("a\nb",)),
            ([], ()),
            (None, ()),
            (True, ("1",)),
            (False, ("0",)),
            (10, ("10",)),
            (1.5, ("1.5",)),
            ([1, True], ("1", "1")),
        )
        for value, texts in cases:
            self.assertMakes(
                {"command": {"node": "n", "data": {"v": value}}},
                _command(_form(_field(None, texts), "submit")),
            )
        self.assertMakes(
            {"command": {"node": "n", "data": {}}}, _command(_form("", "submit"))
        )


class ExtensionsTests(_FormsTestCase):
    """
    L{ExtensionForms<xmpprest.core.codec.disco.ExtensionForms>}
    """

    def disco(self, *forms: str) -> dict[str, Any]:
        """The JSON form of a result with forms; nothing of it is lost."""
        stanza = (
            f"<iq type='result'><query xmlns='{ns.DISCO_INFO}'>"
            f"<feature var='f'/>{''.join(forms)}</query></iq>"
        )
        value = STANZAS.encode(xml(stanza))
        self.assertMakes(value, stanza)
        return value

    formType = _field("hidden", ("urn:a",), "FORM_TYPE")

    def test_exact(self) -> None:
        """
        Several forms are several keys, in their order, with nothing besides.
        """
        other = _field("hidden", ("urn:b",), "FORM_TYPE")
        value = self.disco(
            _form(self.formType + _field("text-single", ("a",)), "result"),
            _form(other + _field(None, ("a", "b")), "result"),
        )
        self.assertNotIn("xml", value)
        self.assertEqual(
            [*value["disco"]["extensions"].items()],
            [("urn:a", {"v": "a"}), ("urn:b", {"v": ["a", "b"]})],
        )

    def test_values(self) -> None:
        """
        The value of a field is read by the field's type, and written by the value's
        type.
        """
        for type, texts, _, short in FIELDS:
            value = self.disco(_form(self.formType + _field(type, texts), "result"))
            self.assertEqual(value["disco"]["extensions"], {"urn:a": {"v": short}})

    def test_untyped(self) -> None:
        """
        That FORM_TYPE is hidden need not be said.
        """
        value = self.disco(_form(_field(None, ("urn:a",), "FORM_TYPE"), "result"))
        self.assertEqual(value["disco"]["extensions"], {"urn:a": {}})
        self.assertIn("xml", value)

    def test_beyond(self) -> None:
        """
        A form without a FORM_TYPE is not among them, of two with one the last is, and
        what is between the features is out of order; nothing of that is lost.
        """
        for forms, expected in (
            ([_form(_field(None, ("a",)), "result")], None),
            ([_form(_field("hidden", (), "FORM_TYPE"), "result")], None),
            (
                [
                    _form(self.formType + _field(None, ("a",)), "result"),
                    _form(self.formType + _field(None, ("b",)), "result"),
                ],
                {"urn:a": {"v": ["b"]}},
            ),
            ([_form(self.formType, "result"), "<feature var='g'/>"], {"urn:a": {}}),
            ([_form(self.formType, "form")], {"urn:a": {}}),
        ):
            value = self.disco(*forms)
            self.assertEqual(value["disco"].get("extensions"), expected)
            self.assertIn("xml", value)

    def test_ambiguous(self) -> None:
        """
        Where two fields have one name, the rest of the answer is there all the same.
        """
        double = _form(self.formType + _field(None, ()) + _field(None, ()), "result")
        other = _form(_field("hidden", ("urn:b",), "FORM_TYPE"), "result")
        value = self.disco(double, other)
        self.assertEqual(value["disco"]["features"], ["f"])
        self.assertEqual(value["disco"]["extensions"], {"urn:b": {}})
