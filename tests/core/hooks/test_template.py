"""Tests for L{xmpprest.core.hooks.template} and its sandbox."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.hooks.limits import MAX_STEPS, TemplateError, prune
from xmpprest.core.hooks.notice import MAX_MESSAGE
from xmpprest.core.hooks.template import Template

#: Templates that would take long, or make something large, in Jinja2 without limits.
ENDLESS = {
    "nested loops": "{% for a in list %}{% for b in list %}{% for c in list %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "loop over a loop": "{% for a in list %}{% for b in list|sort %}{% endfor %}"
    "{% endfor %}",
    "filters": "{% for a in list %}{{ list|sort|length }}{% endfor %}",
    "JSON": "{% for a in list %}{% if tree|json %}{% endif %}{% endfor %}",
    "multiplied text": "{{ 'x' * 1000000000 }}",
    "multiplied list": "{{ list * 1000000000 }}",
    "joined texts": "{% set a = text ~ text %}{% set b = a ~ a %}{{ b ~ b }}",
    "added texts": "{% set a = text + text %}{% set b = a + a %}{{ b + b }}",
    "joined list": "{{ list|join(text) }}",
    "replacement": "{{ text|replace('x', text) }}",
    "large number": "{{ number * number * number }}",
    "format": "{{ '%1000000000d' % 1 }}",
}

#: Templates that could do more than make a message, or too much of it.
FORBIDDEN = {
    "macro": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'x' as y %}",
    "extends": "{% extends 'x' %}",
    "block": "{% block a %}{% endblock %}",
    "set block": "{% set a %}x{% endset %}",
    "recursion": "{% for a in list recursive %}{{ loop(a) }}{% endfor %}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "nested lists": "{% set a = [list, list] %}{{ a }}",
    "unknown filter": "{{ text|center(1000000000) }}",
}

#: Expressions that raise when a message is made.
RAISING = {
    "division": "{{ 1 / 0 }}",
    "private attribute": "{{ text.__class__.__mro__ }}x{{ ''.__class__() }}",
    "format method": "{{ '{0.__class__}'.format(text) }}",
    "function": "{{ range(10) }}",
    "method of a list": "{{ list.append(1) }}",
    "justified text": "{{ text.ljust(1000000000) }}",
    "wrong type": "{{ number + text }}",
}

VARIABLES: dict[str, Any] = {
    "list": [*range(1000)],
    "text": "x" * 6000,
    "number": 2**62,
    "tree": {"list": [*range(1000)]},
    "alert": {"name": "DiskFull", "items": [1, 2], "labels": {"job": "node"}},
}


def rendered(source: str, **variables: Any) -> str:
    """Return what a template makes."""
    return Template(source, "test.j2").render({**VARIABLES, **variables})


class TemplateTests(SynchronousTestCase):
    """
    L{Template}
    """

    def test_facts(self) -> None:
        """
        A template reads fields, loops and prints; an item wins over a method of the
        same name.
        """
        self.assertEqual(rendered("{{ alert.name|upper }}"), "DISKFULL")
        self.assertEqual(rendered("{{ alert['labels'].job }}"), "node")
        source = "{% for n in alert.items %}{{ loop.index }}:{{ n }} {% endfor %}"
        self.assertEqual(rendered(source), "1:1 2:2")
        source = "{% for k, v in alert.labels.items() %}{{ k ~ '=' ~ v }}{% endfor %}"
        self.assertEqual(rendered(source), "job=node")
        self.assertEqual(rendered("{{ ['a', 'b']|join(', ') }}{{ 1 + 2 }}"), "a, b3")
        nested = f"{{% for n in alert.items %}}{source}{{% endfor %}}"
        self.assertEqual(rendered(nested), "job=nodejob=node")

    def test_missing(self) -> None:
        """
        A field that is missing prints nothing, also below another one.
        """
        self.assertEqual(rendered("a{{ alert.nothing.below }}{{ none.at.all }}b"), "ab")

    def test_values(self) -> None:
        """
        Values that are no text are printed as JSON has them.
        """
        self.assertEqual(
            rendered("{{ a }} {{ b }} {{ c }}", a=True, b=None, c={"x": [1, "é"]}),
            'true  {"x": [1, "é"]}',
        )

    def test_noEscaping(self) -> None:
        """
        Markup of the payload stays as it is: a message is plain text.
        """
        self.assertEqual(rendered("{{ x }}", x="<b>&amp;{{ y }}"), "<b>&amp;{{ y }}")

    def test_ends(self) -> None:
        """
        A template that would run long or make something large fails instead.
        """
        for name, source in ENDLESS.items():
            with self.subTest(name):
                error = self.assertRaises(TemplateError, rendered, source)
                self.assertIn("test.j2 failed: ", str(error))

    def test_raising(self) -> None:
        """
        A template that raises fails with its reason.
        """
        for name, source in RAISING.items():
            with self.subTest(name):
                self.assertRaises(TemplateError, rendered, source)

    def test_steps(self) -> None:
        """
        The steps are counted anew for each message.
        """
        template = Template("{% for a in list %}{% endfor %}x", "test.j2")
        for _ in range(MAX_STEPS // 500):
            self.assertEqual(template.render(VARIABLES), "x")

    def test_output(self) -> None:
        """
        A message that is too long is cut off.
        """
        made = rendered("{% for a in list %}{{ text }}{% endfor %}")
        self.assertEqual((len(made), made[-1]), (MAX_MESSAGE, "…"))

    def test_forbidden(self) -> None:
        """
        A forbidden expression is refused when the template is read, with its line.
        """
        for name, source in FORBIDDEN.items():
            with self.subTest(name):
                error = self.assertRaises(ValueError, Template, f"\n{source}", "a.j2")
                self.assertIn("a.j2, line 2: ", str(error))

    def test_malformed(self) -> None:
        """
        A template that is malformed, too long or too deep is refused.
        """
        for source in ("{% if %}", "{{ a", "x" * 30_000, "{{ " + "(" * 9000):
            error = self.assertRaises(ValueError, Template, source, "a.j2")
            self.assertTrue(str(error).startswith("a.j2"), str(error)[:100])


class PruneTests(SynchronousTestCase):
    """
    L{prune}
    """

    def test_small(self) -> None:
        """
        A small value stays as it is.
        """
        value = {"a": [1, "x", None, True], "b": {"c": 1.5}}
        self.assertEqual(prune(value), value)

    def test_large(self) -> None:
        """A large value is cut to its first items, texts and levels."""
        deep: Any = "end"
        for _ in range(60):
            deep = {"deeper": deep}
        value = prune({"list": [[0] * 1000] * 1000, "text": "x" * 10**6, "deep": deep})
        self.assertEqual(len(value["text"]), 4000)
        count = sum(map(len, value["list"]))
        self.assertLess(count, 2001)
        self.assertNotIn("end", str(value["deep"]))
