"""Settings in TOML: parsing and formatting."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any, TypeVar

from .config import SETTINGS, ConfigurationError
from .parsers import maskSecrets
from .setting import Setting, settingsOf

_Made = TypeVar("_Made")

#: Maximum number of keys in a message.
_LISTED = 15


def readTable(kind: type[_Made], table: object, where: str, **given: object) -> _Made:
    """
    Parse a table into a dataclass instance.

    @param kind: A dataclass whose fields are settings.
    @param where: The table, for messages: C{[tokens.notifier] in xmpprest.toml}.
    @param given: Values of its other fields.
    @raise ConfigurationError: A key is unknown or missing, or its value is invalid.
    """
    if not isinstance(table, dict):
        # The value may be a secret, so the message does not repeat it.
        raise ConfigurationError(f"{where} is a value: expected a table.")
    settings = {each.name: each for each in settingsOf(kind)}
    _refuseMisplaced(table, settings, where)
    refuseUnknown(table, [*settings], where)
    values = {
        settings[key].field.name: readValue(settings[key], value, f"{key} in {where}")
        for key, value in table.items()
    }
    try:
        return kind(**given, **values)
    except ValueError as error:
        raise ConfigurationError(f"{where} is invalid. {error}") from None


def readValue(setting: Setting, value: object, where: str) -> Any:
    """
    Parse the value of a key.

    @raise ConfigurationError: The value is invalid.
    """
    return readTexts(setting, textsOf(setting, value, where), where)


def readTexts(setting: Setting, texts: list[str], where: str) -> Any:
    """
    Parse the text of a setting from any source.

    @raise ConfigurationError: The text is invalid.
    """
    try:
        return setting.parse(texts)
    except ValueError as error:
        raise ConfigurationError(
            f"{where} {setting.describeError(texts, error)}"
        ) from None


def textsOf(setting: Setting, value: object, where: str) -> list[str]:
    """
    Convert the TOML value of a setting to the text that its flag would have.

    @raise ConfigurationError: The setting has no values of this type.
    """
    if isinstance(value, bool) and setting.isBoolean:
        return [str(value).lower()]
    return asStrings(value, where)


def asStrings(value: object, where: str) -> list[str]:
    """
    Convert a TOML value to the text that a flag would have.

    @raise ConfigurationError: No setting has a value of this type.
    """
    values = value if isinstance(value, list) else [value]
    if not all(
        isinstance(v, str | int | float) and not isinstance(v, bool) for v in values
    ):
        raise ConfigurationError(
            f"{where} has a wrong type: expected a text, a number, or a list of texts."
        )
    return [str(v) for v in values]


def refuseUnknown(keys: Iterable[str], known: Sequence[str], where: str) -> None:
    """
    Refuse unknown keys.

    @raise ConfigurationError: A key is unknown; the message names the nearest known
        one.
    """
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key.lower().replace("_", "-"), known, 1)
            hint = f"did you mean {near[0]}?" if near else _listed(known)
            raise ConfigurationError(f"{where} has an unknown key {key!r}; {hint}")


def _refuseMisplaced(keys: Iterable[str], known: Container[str], where: str) -> None:
    """
    Refuse settings of the gateway in a table: TOML takes a line that is appended to a
    file for one of its last table.

    @raise ConfigurationError: There is such a setting; the message says where it
        belongs.
    """
    ofGateway = {each.name for each in SETTINGS}
    for key in keys:
        if key not in known and key in ofGateway:
            raise ConfigurationError(
                f"{where} has the key {key!r}, which is a setting of the gateway: move"
                " the line above the first table of the file."
            )


def _listed(known: Sequence[str]) -> str:
    """Return a hint at the known keys, which are too many to list for a whole file."""
    if len(known) > _LISTED:
        return "'twist xmpprest --help' lists the keys, with -- before each."
    return f"known: {', '.join(known)}."


def repeatedTable(text: str) -> str | None:
    """
    Return the name of a table whose header is in a file twice, which is not valid TOML.

    @return: The first such name; C{None} if there is none.
    """
    headers = re.findall(r"(?m)^[ \t]*\[([A-Za-z0-9_.-]+)\]", text)
    repeated = (name for name, times in Counter(headers).items() if times > 1)
    return next(repeated, None)


def formatSetting(setting: Setting, value: object) -> str:
    """Format a setting as a line of TOML; as a comment if it has no value."""
    if value is None:
        return f"# {setting.name} is not set"
    return f"{setting.name} = {formatValue(value)}"


def formatSettings(value: object) -> list[str]:
    """Format every setting of a dataclass instance as lines of TOML."""
    return [
        formatSetting(each, getattr(value, each.field.name))
        for each in settingsOf(type(value))
    ]


def formatValue(value: Any) -> str:
    """Format a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | frozenset):
        ordered = sorted(value) if isinstance(value, frozenset) else value
        return f"[{', '.join(map(formatValue, ordered))}]"
    if isinstance(value, str):
        text = maskSecrets(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    return f"{int(value) if value == int(value) else value}"
