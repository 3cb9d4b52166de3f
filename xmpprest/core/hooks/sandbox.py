"""
Jinja2's sandbox, reduced to what a message needs
(https://jinja.palletsprojects.com/en/stable/sandbox/).

A template can read, loop and print: no macros, no functions, no other templates, and
nothing that makes a large value of a small one. Without the extra C{hooks} this module
cannot be imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from itertools import islice
from typing import Any

from jinja2 import ChainableUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2 import Template as JinjaTemplate
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from .limits import MAX_STEPS, MAX_TEXT, TemplateError

__all__ = ["ENVIRONMENT", "TemplateSyntaxError", "compileTemplate"]

#: The syntax that a template may use.
_NODES = frozenset(
    """
    Template Output TemplateData For If Assign Name Const Tuple List Dict Pair
    CondExpr Filter Test Compare Operand Getattr Getitem Slice Keyword
    Not And Or Neg Pos Add Sub Mul Div FloorDiv Mod Concat Call
    """.split()  # noqa: SIM905  # a list to read, not to parse
)

#: The methods that a template may call.
_METHODS: Mapping[type, frozenset[str]] = {
    dict: frozenset({"get", "items", "keys", "values"}),
    str: frozenset(
        {"capitalize", "count", "endswith", "find", "isdigit", "lower", "lstrip"}
        | {"partition", "removeprefix", "removesuffix", "rpartition", "rsplit"}
        | {"rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"}
    ),
}

#: Filters of our own, by names that no template can write.
_LOOP, _CONCAT = "loop items", "joined texts"
#: The highest number that a template may calculate with.
_MAX_NUMBER = 2**63

#: The filters of Jinja2 whose results are not much larger than their input.
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float"),
    *("groupby", "int", "items", "last", "length", "list", "lower", "map", "max"),
    *("min", "reject", "rejectattr", "reverse", "round", "select", "selectattr"),
    *("sort", "striptags", "title", "trim", "truncate", "unique", "upper"),
    *("urlencode", "wordcount"),
)


class _Environment(SandboxedEnvironment):
    """
    Jinja2's sandbox with limits.

    @ivar steps: The steps of the current message. Rendering never yields to
        another.
    """

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            autoescape=False,
            undefined=ChainableUndefined,
            finalize=_shown,
            cache_size=0,
        )
        self.steps = 0
        # Any, because Jinja2 does not say which arguments they take.
        known: Mapping[str, Any] = {**self.filters}
        safe = {name: self._counted(known[name]) for name in _FILTERS}
        own: Mapping[str, Any] = {
            "join": _join,
            "json": _json,
            "replace": _replace,
            "string": _shown,
        }
        self.filters = {**safe, **{k: self._counted(v) for k, v in own.items()}}
        self.filters[_LOOP] = self._loop
        self.filters[_CONCAT] = _concat
        self.globals = {}

    def step(self, number: int) -> None:
        """
        Count steps.

        @raise TemplateError: They are too many.
        """
        self.steps += number
        if self.steps > MAX_STEPS:
            raise TemplateError(f"it took more than {MAX_STEPS} steps")

    def _loop(self, value: Any) -> Any:
        """Count the iterations of a loop before it begins."""
        if not isinstance(value, dict | list | tuple | str | Undefined):
            value = list(islice(value, MAX_STEPS + 1))
        self.step(1 if isinstance(value, Undefined) else len(value) + 1)
        return value

    def _counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """Make a filter count the size of its input and of the text that it makes."""

        @wraps(act)
        def run(*args: Any, **options: Any) -> Any:
            for each in args:
                if isinstance(each, dict | list | tuple):
                    self.step(len(each))
                elif isinstance(each, str):
                    self.step(len(each) // 256)
            self.step(1)
            result = act(*args, **options)
            if isinstance(result, str):
                self.step(len(result) // 256)
            return result

        return run

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an item of an object, or a method that is allowed."""
        if type(obj) is dict:
            if attribute in obj:
                return obj[attribute]
            if attribute in _METHODS[dict]:
                return getattr(obj, attribute)
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may read an attribute."""
        if isinstance(obj, LoopContext):
            return attr in ("index", "index0", "first", "last", "length")
        return attr in _METHODS.get(type(obj), ())

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method that is allowed."""
        # What Jinja2 adds for functions that want to know the names around the call.
        for name in ("_loop_vars", "_block_vars"):
            kwargs.pop(name, None)
        owner = getattr(obj, "__self__", None)
        if getattr(obj, "__name__", "") not in _METHODS.get(type(owner), ()):
            raise TemplateError("it calls something that is not a method of a text")
        self.step(1 + len(owner or "") // 64)
        return obj(*args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, with results of limited size."""
        if all(isinstance(each, int | float) for each in (left, right)):
            if abs(left) > _MAX_NUMBER or abs(right) > _MAX_NUMBER:
                raise TemplateError("it calculates with a number that is too large")
            return super().call_binop(context, operator, left, right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _concat([left, right])
        raise TemplateError(f"it uses {operator} with something that is no number")


def _shown(value: Any) -> str:
    """Return a value as text."""
    if type(value) is str:
        return value  # the common case
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else _json(value)


def _json(value: Any) -> str:
    return _limited(json.dumps(value, ensure_ascii=False, default=str))


def _concat(parts: Iterable[Any]) -> str:
    return _limited("".join(map(_shown, parts)))


def _join(value: Iterable[Any], separator: str = "", attribute: str = "") -> str:
    """Join items, or an attribute of each."""
    items = [*islice(value, MAX_STEPS)]
    if attribute:
        items = [
            each.get(attribute) if isinstance(each, dict) else None for each in items
        ]
    texts = [*map(_shown, items)]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_TEXT:
        raise TemplateError("it joins more than a message can hold")
    return separator.join(texts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _limited(_shown(value))
    if text.count(old) * len(new) > MAX_TEXT:
        raise TemplateError("it makes a text that is too long")
    return text.replace(old, new)


def _limited(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise TemplateError("it makes a text that is too long")
    return text


ENVIRONMENT = _Environment()


def compileTemplate(source: str) -> JinjaTemplate:
    """
    Compile a template.

    @raise TemplateSyntaxError: It is malformed or uses what is not allowed.
    """
    tree = ENVIRONMENT.parse(source)
    _check(tree)
    for loop in list(tree.find_all(nodes.For)):
        assert isinstance(loop.iter, nodes.Expr)
        loop.iter = _filtered(loop.iter, _LOOP)
    _ConcatToFilter().visit(tree)
    tree.set_environment(ENVIRONMENT)
    code = ENVIRONMENT.compile(tree, "message")
    return JinjaTemplate.from_code(ENVIRONMENT, code, {})


def _check(node: nodes.Node) -> None:
    """Refuse everything that is not in the list."""
    kind = type(node).__name__
    if kind not in _NODES or (isinstance(node, nodes.For) and node.recursive):
        raise TemplateSyntaxError(
            f"{kind} is not allowed in the template of a message", node.lineno
        )
    if isinstance(node, nodes.List | nodes.Dict) and any(
        not isinstance(each, nodes.Const | nodes.Pair)
        for each in node.iter_child_nodes()
    ):
        raise TemplateSyntaxError("a list may hold only constants", node.lineno)
    for child in node.iter_child_nodes():
        _check(child)


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    """Return the syntax of a value to which a filter is applied."""
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class _ConcatToFilter(NodeTransformer):
    """Replaces C{~} by a filter that limits the length of the text."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        """Return the filter on the list of the operands."""
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _CONCAT)
