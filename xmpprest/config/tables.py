"""The tables of a TOML file: C{[tokens.NAME]} and C{[[callbacks]]}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import toml
from .callback import CallbackConfig
from .config import ConfigurationError
from .secret_files import SecretSource, readSigningSecrets, readText
from .tokens import TokenConfig

TOKENS, CALLBACKS = "tokens", "callbacks"
#: The key in a callback's table that names the files with its signing secrets.
SIGNING = "signing-secret-file"

#: Callbacks, and the signing secrets of each by its name.
CallbacksWithSecrets = Sequence[tuple[CallbackConfig, Sequence[SecretSource]]]


def readTokens(file: Mapping[str, object], path: str | None) -> tuple[TokenConfig, ...]:
    """
    Parse the tables of tokens.

    @param file: The parsed file.
    @param path: The path of the file, for messages.
    @raise ConfigurationError: A table is invalid.
    """
    tables = file.get(TOKENS, {})
    if not isinstance(tables, dict):
        raise ConfigurationError(
            f"{TOKENS} in {path} is not a table: expected tables like [{TOKENS}.NAME]."
        )
    return tuple(
        toml.readTable(TokenConfig, table, f"[{TOKENS}.{name}] in {path}", name=name)
        for name, table in tables.items()
    )


def readCallbacks(file: Mapping[str, object], path: str | None) -> CallbacksWithSecrets:
    """
    Parse the tables of callbacks.

    @param file: The parsed file.
    @param path: The path of the file, for messages.
    @raise ConfigurationError: A table or its signing secrets are invalid.
    """
    tables = file.get(CALLBACKS, [])
    if not isinstance(tables, list):
        raise ConfigurationError(
            f"{CALLBACKS} in {path} is not a list: expected tables like"
            f" [[{CALLBACKS}]]."
        )
    return [
        _callback(table, f"[[{CALLBACKS}]] {number} in {path}")
        for number, table in enumerate(tables, 1)
    ]


def _callback(
    table: object, where: str
) -> tuple[CallbackConfig, Sequence[SecretSource]]:
    signing: list[SecretSource] = []
    if isinstance(table, dict) and SIGNING in table:
        table = dict(table)
        key = f"{SIGNING} in {where}"
        for text in toml.asStrings(table.pop(SIGNING), key):
            signing.append(SecretSource(readText(Path(text), key), key, Path(text)))
    secrets = tuple(each for file in signing for each in readSigningSecrets(file))
    return toml.readTable(CallbackConfig, table, where, signingSecrets=secrets), signing


def formatTables(
    tokens: Sequence[TokenConfig],
    callbacks: Sequence[CallbackConfig],
    signing: Mapping[str, Sequence[SecretSource]],
) -> Iterator[str]:
    """
    Format tokens and callbacks as lines of TOML.

    @param signing: The signing secrets of each callback, by its name.
    """
    for token in tokens:
        yield from ("", f"[{TOKENS}.{token.name}]", *toml.formatSettings(token))
    for callback in callbacks:
        yield from ("", f"[[{CALLBACKS}]]", *toml.formatSettings(callback))
        files = tuple(str(each.path) for each in signing.get(callback.name, ()))
        if files:
            yield f"{SIGNING} = {toml.formatValue(files)}"
