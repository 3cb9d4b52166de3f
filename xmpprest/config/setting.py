"""
One field of a frozen value as one setting: its name, its flag, its environment variable
and its key in a TOML file follow from it, and how its text is read stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any

from . import parsers


def setting(
    read: parsers.Parser,
    help: str,
    default: Any = None,
    show: Callable[[str], str] = parsers.redactUserinfo,
    restart: bool = False,
    **options: Any,
) -> Any:
    """
    A field that is a setting.

    @param read: Reads its text.
    @param help: One sentence for C{--help}.
    @param default: Of the value, not of the text; a tuple means it may be repeated.
    @param show: What may be shown of a text that nobody could read.
    @param restart: Whether another value only counts for another process.
    @param options: For L{field}.
    """
    metadata = {"read": read, "help": help, "show": show, "restart": restart}
    return field(default=default, metadata=metadata, **options)


@dataclass(frozen=True)
class Setting:
    """
    A setting that may stand in a file, and perhaps in a flag and a variable.

    @ivar field: Where its value goes.
    """

    field: Field[Any]

    @property
    def name(self) -> str:
        """As a flag without its dashes, and as a key: C{callback-url}."""
        return flagName(self.field.name)

    @property
    def help(self) -> str:
        """One sentence."""
        return str(self.field.metadata["help"])

    @property
    def repeatable(self) -> bool:
        """Whether it holds several values."""
        return isinstance(self.field.default, tuple)

    @property
    def needsRestart(self) -> bool:
        """Whether another value only counts for another process."""
        return bool(self.field.metadata["restart"])

    @property
    def optional(self) -> bool:
        """Whether there may be no value at all."""
        return self.field.default is None and self.name != "domain"

    def parse(self, texts: list[str]) -> Any:
        """
        Make a value of what somebody wrote.

        @param texts: The elements of a list, or one text.
        @raise ValueError: What was expected instead.
        """
        read: parsers.Parser = self.field.metadata["read"]
        if not self.repeatable:
            return read(",".join(texts))
        if self.field.default and not texts:
            raise ValueError("expected at least one")
        return tuple(map(read, texts))

    def validate(self, value: Any) -> Any:
        """
        Check a value that a program gave.

        @return: The value, in its normal form.
        @raise ValueError: It is bad.
        """
        if value is None and self.optional:
            return None
        texts = self.format(value)
        try:
            return self.parse(texts)
        except ValueError as error:
            raise ValueError(
                f"{self.name} {self.describeError(texts, error)}"
            ) from None

    def describeError(self, texts: list[str], error: ValueError) -> str:
        """The end of a sentence about what is no value."""
        show: Callable[[str], str] = self.field.metadata["show"]
        return f"is {show(' '.join(texts))!r}: {error}."

    def format(self, value: Any) -> list[str]:
        """The value as somebody would write it, in one text or several."""
        if value is None:
            return []
        if isinstance(value, str) or not isinstance(value, Iterable):
            return [_number(value) if isinstance(value, float) else str(value)]
        texts = map(str, value)
        return list(texts) if self.repeatable else [",".join(sorted(texts))]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def flagName(name: str) -> str:
    """C{callbackCAFile} as C{callback-ca-file}."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return "-".join(words).lower()


def settingsOf(kind: type) -> tuple[Setting, ...]:
    """Those fields of a dataclass that are settings, in their order."""
    return tuple(Setting(each) for each in fields(kind) if each.metadata)


def normaliseFields(value: object) -> None:
    """
    Bring each setting of a new value into its normal form.

    @raise ValueError: One is bad.
    """
    for each in settingsOf(type(value)):
        name = each.field.name
        object.__setattr__(value, name, each.validate(getattr(value, name)))
