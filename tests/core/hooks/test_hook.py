"""Tests for L{xmpprest.core.hooks.hook}: which message a request becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.errors import Refusal
from xmpprest.core.hooks.hook import Hook, Hooks
from xmpprest.core.hooks.notice import MAX_ITEMS, MAX_MESSAGE, layout
from xmpprest.core.hooks.request import parseRequest
from xmpprest.core.hooks.template import Template
from xmpprest.core.stanza.parser import ILLEGAL

from .hooks import SECRET, makeHook
from .test_payloads import cases


def message(hook: Hook, value: Any, **headers: str) -> str:
    """Return the message of a JSON value or a text."""
    body = value if isinstance(value, str) else json.dumps(value)
    return hook.message(parseRequest(headers, body.encode("utf-8", "replace"))).body


def group(number: int, **labels: str) -> dict[str, Any]:
    """Return a group of alerts as Alertmanager sends it."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "instance": f"web{n}", **labels},
            "annotations": {"summary": f"Disk of web{n} is full"},
            "generatorURL": "",
        }
        for n in range(number)
    ]
    return {
        "version": "4",
        "status": "firing",
        "alerts": alerts,
        "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {"alertname": "DiskFull", **labels},
        "commonAnnotations": {},
        "externalURL": "http://alerts.example:9093",
    }


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each field of a value, to the third level."""
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in named:
        yield (*above, name)
        if isinstance(each, dict | list) and len(above) < 2:
            yield from paths(each, (*above, name))


def withValue(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of a value that has another one at a path."""
    copy = value.copy()
    copy[path[0]] = withValue(value[path[0]], path[1:], new) if path[1:] else new
    return copy


class MessageTests(SynchronousTestCase):
    """
    L{Hook.message}
    """

    def setUp(self) -> None:
        self.hook = makeHook()

    def test_text(self) -> None:
        """
        Text stays as it is, with its lines.
        """
        self.assertEqual(message(self.hook, "one\n  two\r\n\n\n\nx"), "one\n  two\n\nx")

    def test_unknownJSON(self) -> None:
        """
        Unknown JSON becomes its title and text, and a line for each other field.
        """
        value = {
            "message": "Backup of db1 failed",
            "level": "error",
            "url": "https://backup.example/1",
            "host": {"name": "db1", "disks": ["sda", "sdb"]},
            "ok": False,
            "nothing": None,
        }
        self.assertEqual(
            message(self.hook, value),
            "🔴 Backup of db1 failed (error)\nhost.name: db1\nhost.disks: sda, sdb\n"
            "ok: false\nhttps://backup.example/1",
        )
        self.assertEqual(message(self.hook, [1, {"a": "b"}]), "1: 1\n2.a: b")
        self.assertEqual(message(self.hook, {"body": "a\nb"}), "a\nb")

    def test_empty(self) -> None:
        """
        A request without any text is refused with 422.
        """
        empty: list[Any] = ["", " \n", [], {"text": ""}]
        for body in empty:
            refusal = self.assertRaises(Refusal, message, self.hook, body)
            self.assertEqual(refusal.problem.status, 422, body)

    def test_twenty(self) -> None:
        """
        Twenty alerts become one message that lists them all.
        """
        made = message(self.hook, group(20, severity="critical"))
        lines = made.split("\n")
        self.assertEqual(lines[0], "🔴 FIRING: DiskFull, 20 alerts (critical)")
        self.assertEqual(lines[1], "- Disk of web0 is full, instance web0")
        self.assertEqual(len(lines), 22)
        self.assertEqual(lines[-1], "http://alerts.example:9093")

    def test_many(self) -> None:
        """Alerts beyond the maximum of a message are counted in it."""
        made = message(self.hook, group(1000))
        self.assertIn("DiskFull, 1000 alerts", made)
        self.assertIn(f"\nand {1000 - MAX_ITEMS} others\n", made)
        self.assertEqual(made.count("\n- "), MAX_ITEMS)

    def test_odd(self) -> None:
        """
        A real payload with any value in the place of a field makes a message of limited
        length
        without characters that XML forbids.
        """
        odd: list[Any] = [
            *(None, True, 1e999, -1, "x" * 20_000),
            "\x00\x1b[31mred\x1b[0m\ud800<&>\n",
            *([], {}, [[]], [{}, None], {"a": ["b"]}),
        ]
        for shape, case, request in cases():
            if not isinstance(request.value, dict):
                continue
            hook = makeHook(shape=shape)
            for path in paths(request.value):
                for value in odd:
                    changed = replace(
                        request, value=withValue(request.value, path, value)
                    )
                    try:
                        made = hook.message(changed)
                    except Refusal as refusal:
                        self.assertEqual(refusal.problem.status, 422, case["name"])
                        continue
                    self.assertIsNone(made.failure)
                    self.assertIsNone(ILLEGAL.search(made.body), made.body)
                    self.assertLessEqual(len(made.body), MAX_MESSAGE)

    def test_controlCharacters(self) -> None:
        """
        Terminal colours are removed, and characters that XML forbids replaced.
        """
        self.assertEqual(
            message(self.hook, {"text": "\x1b[1;31mFAIL\x1b[0m \x00\x07 ok"}),
            "FAIL \ufffd\ufffd ok",
        )

    def test_longRuns(self) -> None:
        """
        A long run of spaces takes linear time: in quadratic time this one would take
        hours.
        """
        text = message(self.hook, {"text": f"a{' ' * 900_000}b"})
        self.assertTrue(text.startswith("a"))

    def test_hugePriority(self) -> None:
        """
        A priority of thousands of digits is ignored.
        """
        hook = makeHook(shape="gotify")
        for priority in ("9" * 5000, "10"):
            value = {"message": "Hello", "priority": priority}
            self.assertIn("Hello", message(hook, value))

    def test_templateFails(self) -> None:
        """
        If a template fails or makes nothing, the message has the default layout, and
        the reason is known.
        """
        for source in ("{{ 1 / 0 }}", "{% if false %}x{% endif %}"):
            template = Template(source, "my.j2")
            hook = replace(self.hook, templates={"alertmanager": template})
            request = parseRequest({}, json.dumps(group(2)).encode())
            made = hook.message(request)
            self.assertEqual(made.body, layout(made.notice))
            self.assertIn("my.j2", made.failure or "")

    def test_templates(self) -> None:
        """
        The template of the event wins over that of the shape, and that over the
        default.
        """
        templates = {
            name: Template(f"{name}: {{{{ title }}}}", name)
            for name in ("default", "alertmanager", "alertmanager/resolved")
        }
        hook = replace(self.hook, templates=templates)
        firing, resolved = group(2), {**group(2), "status": "resolved"}
        self.assertEqual(message(hook, firing), "alertmanager: DiskFull, 2 alerts")
        self.assertTrue(message(hook, resolved).startswith("alertmanager/resolved: "))
        self.assertEqual(message(hook, {"text": "x"}), "default: x")

    def test_textNeedsNoTemplate(self) -> None:
        """
        Text and unknown JSON have a template only if the operator wrote one.
        """
        hook = replace(self.hook, templates={"default": Template("t", "default")})
        self.assertEqual(message(hook, "hi"), "hi")
        hook = replace(self.hook, templates={"text": Template("t", "text")})
        self.assertEqual(message(hook, "hi"), "t")

    def test_payload(self) -> None:
        """
        A template reads the payload as it was sent, or the text.
        """
        template = Template("{{ payload.a.b or payload }}", "x")
        hook = replace(self.hook, templates={"json": template, "text": template})
        self.assertEqual(message(hook, {"a": {"b": 1}}), "1")
        self.assertEqual(message(hook, "hi"), "hi")

    def test_stanzas(self) -> None:
        """
        Each recipient gets a message of the hook's type, from its sender.
        """
        hook = makeHook(
            to=["a@x.example", "b@x.example/r"],
            from_="Bot@gateway.example",
            type="headline",
        )
        numbers = count(1)
        found = hook.stanzas("<hi>", lambda: f"id{next(numbers)}")
        self.assertEqual(
            [each.attributes for each in found],
            [
                {"to": to, "from": "bot@gateway.example", "id": id, "type": "headline"}
                for to, id in (("a@x.example", "id1"), ("b@x.example/r", "id2"))
            ],
        )
        self.assertEqual(str(found[0].children[0].children[0]), "<hi>")


class HooksTests(SynchronousTestCase):
    """
    L{Hooks.find}
    """

    def test_find(self) -> None:
        """
        A hook is found by its name and one of its secrets.
        """
        hook = makeHook()
        hooks = Hooks([hook])
        self.assertIs(hooks.find("alerts", SECRET.encode()), hook)
        for name, secret in [
            ("alerts", b"wrong"),
            ("alerts", b""),
            ("other", SECRET.encode()),
            ("", b""),
        ]:
            self.assertIsNone(hooks.find(name, secret))
