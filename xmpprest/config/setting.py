"""
A setting as a field of a frozen dataclass. Its name, flag, environment variable and
TOML key follow from the name of the field; its parser stands beside it.
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
    show: Callable[[str], str] = parsers.redactSecrets,
    restart: bool = False,
    **options: Any,
) -> Any:
    """
    Return a dataclass field that is a setting.

    @param read: Parses its text.
    @param help: One sentence for C{--help}.
    @param default: The default value, already parsed; a tuple allows repetition.
    @param show: Redacts a text that could not be parsed, for messages.
    @param restart: Whether a new value takes effect only after a restart.
    @param options: Further arguments of L{field}.
    """
    metadata = {"read": read, "help": help, "show": show, "restart": restart}
    return field(default=default, metadata=metadata, **options)


@dataclass(frozen=True)
class Setting:
    """
    A setting in a TOML file, and possibly as a flag and an environment variable.

    @ivar field: The dataclass field of its value.
    """

    field: Field[Any]

    @property
    def name(self) -> str:
        """The name as a key, and as a flag without dashes: C{callback-url}."""
        return flagName(self.field.name)

    @property
    def help(self) -> str:
        """One sentence that describes the setting."""
        return str(self.field.metadata["help"])

    @property
    def repeatable(self) -> bool:
        """Whether it holds several values."""
        return isinstance(self.field.default, tuple)

    @property
    def needsRestart(self) -> bool:
        """Whether a new value takes effect only after a restart."""
        return bool(self.field.metadata["restart"])

    @property
    def isBoolean(self) -> bool:
        """Whether its value is true or false."""
        return self.field.metadata["read"] is parsers.boolean

    @property
    def optional(self) -> bool:
        """Whether the setting may be left out."""
        return self.field.default is None and self.name != "domain"

    def parse(self, texts: list[str]) -> Any:
        """
        Parse the text of the setting.

        @param texts: The items of a list, or one text.
        @raise ValueError: The text is invalid; the message says what is expected.
        """
        read: parsers.Parser = self.field.metadata["read"]
        if not self.repeatable:
            return read(",".join(texts))
        if self.field.default and not texts:
            raise ValueError("expected at least one")
        return tuple(map(read, texts))

    def validate(self, value: Any) -> Any:
        """
        Validate a value that was set from Python.

        @return: The value in its normalised form.
        @raise ValueError: The value is invalid.
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
        """Return the end of a sentence about an invalid value."""
        show: Callable[[str], str] = self.field.metadata["show"]
        return f"is {show(' '.join(texts))!r}: {error}."

    def format(self, value: Any) -> list[str]:
        """Return the value as text, in one item or several."""
        if value is None:
            return []
        if isinstance(value, bool):
            return [str(value).lower()]
        if isinstance(value, str) or not isinstance(value, Iterable):
            return [_number(value) if isinstance(value, float) else str(value)]
        texts = map(str, value)
        return list(texts) if self.repeatable else [",".join(sorted(texts))]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def flagName(name: str) -> str:
    """Convert a field name to a flag name: C{callbackCAFile} to C{callback-ca-file}."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return "-".join(words).lower()


def settingsOf(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass in their order."""
    return tuple(Setting(each) for each in fields(kind) if each.metadata)


def normaliseFields(value: object) -> None:
    """
    Normalise each setting of a new dataclass instance.

    @raise ValueError: A value is invalid.
    """
    for each in settingsOf(type(value)):
        name = each.field.name
        object.__setattr__(value, name, each.validate(getattr(value, name)))
