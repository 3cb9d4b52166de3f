"""How settings stand in a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from .config import ConfigurationError
from .parsers import maskPassword
from .setting import Setting, settingsOf

_Made = TypeVar("_Made")


def readTable(kind: type[_Made], table: object, where: str, **given: object) -> _Made:
    """
    Make a value of a table.

    @param kind: A dataclass whose fields are settings.
    @param where: In words to a person, as in C{[tokens.notifier] in xmpprest.toml}.
    @param given: Other fields of it.
    @raise ConfigurationError: Something in it is unknown, missing or bad.
    """
    if not isinstance(table, dict):
        # Which may be a secret, and is not repeated.
        raise ConfigurationError(f"{where} is a value: expected a table.")
    settings = {each.name: each for each in settingsOf(kind)}
    refuseUnknown(table, [*settings], where)
    values = {
        settings[key].field.name: readValue(settings[key], value, f"{key} in {where}")
        for key, value in table.items()
    }
    try:
        return kind(**given, **values)
    except ValueError as error:
        raise ConfigurationError(f"{where} is no good. {error}") from None


def readValue(setting: Setting, value: object, where: str) -> Any:
    """
    Read what stands at a key.

    @raise ConfigurationError: It is bad.
    """
    return readTexts(setting, asStrings(value, where), where)


def readTexts(setting: Setting, texts: list[str], where: str) -> Any:
    """
    Read what somebody wrote for a setting, wherever that was.

    @raise ConfigurationError: It is bad.
    """
    try:
        return setting.parse(texts)
    except ValueError as error:
        raise ConfigurationError(
            f"{where} {setting.describeError(texts, error)}"
        ) from None


def asStrings(value: object, where: str) -> list[str]:
    """
    What a value would have been as text.

    @raise ConfigurationError: No setting has such a value.
    """
    values = value if isinstance(value, list) else [value]
    if not all(
        isinstance(v, str | int | float) and not isinstance(v, bool) for v in values
    ):
        raise ConfigurationError(
            f"{where} is {value!r}: expected a text, a number, or a list of texts."
        )
    return [str(v) for v in values]


def refuseUnknown(keys: Iterable[str], known: Sequence[str], where: str) -> None:
    """
    Let only those keys be that are known.

    @raise ConfigurationError: Another is there; the message names the nearest.
    """
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key.lower().replace("_", "-"), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}."
            raise ConfigurationError(f"{where} has an unknown key {key!r}; {hint}")


def formatSetting(setting: Setting, value: object) -> str:
    """A setting as a line of TOML, or as a comment where there is no value."""
    if value is None:
        return f"# {setting.name} is not set"
    return f"{setting.name} = {formatValue(value)}"


def formatSettings(value: object) -> list[str]:
    """The same for every setting of a value."""
    return [
        formatSetting(each, getattr(value, each.field.name))
        for each in settingsOf(type(value))
    ]


def formatValue(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, tuple | frozenset):
        ordered = sorted(value) if isinstance(value, frozenset) else value
        return f"[{', '.join(map(formatValue, ordered))}]"
    if isinstance(value, str):
        text = maskPassword(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return f"{int(value) if value == int(value) else value}"
