"""The tables of a TOML file: those who may send, and the callbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import toml
from .callbacks import Callback
from .confidential import Confidential, readSigningSecrets, readText
from .config import ConfigurationError
from .tokens import Token

TOKENS, CALLBACKS = "tokens", "callbacks"
#: In the table of a callback, the file, or files, that its signing secrets are in.
SIGNING = "signing-secret-file"

#: Callbacks, and what posts to each are signed with.
Signed = Sequence[tuple[Callback, Sequence[Confidential]]]


def readTokens(file: Mapping[str, object], path: str | None) -> tuple[Token, ...]:
    """
    Those that have a table.

    @param file: All that is in the file.
    @param path: What it is called.
    @raise ConfigurationError: One is bad.
    """
    tables = file.get(TOKENS, {})
    if not isinstance(tables, dict):
        raise ConfigurationError(
            f"{TOKENS} in {path} is a value: expected tables like [{TOKENS}.NAME]."
        )
    return tuple(
        toml.readTable(Token, table, f"[{TOKENS}.{name}] in {path}", name=name)
        for name, table in tables.items()
    )


def readCallbacks(file: Mapping[str, object], path: str | None) -> Signed:
    """
    The same for callbacks.

    @raise ConfigurationError: One is bad, or its secrets.
    """
    tables = file.get(CALLBACKS, [])
    if not isinstance(tables, list):
        raise ConfigurationError(
            f"{CALLBACKS} in {path} is no list: expected tables like [[{CALLBACKS}]]."
        )
    return [
        _callback(table, f"[[{CALLBACKS}]] {number} in {path}")
        for number, table in enumerate(tables, 1)
    ]


def _callback(table: object, where: str) -> tuple[Callback, Sequence[Confidential]]:
    signing: list[Confidential] = []
    if isinstance(table, dict) and SIGNING in table:
        table = dict(table)
        key = f"{SIGNING} in {where}"
        for text in toml.texts(table.pop(SIGNING), key):
            signing.append(Confidential(readText(Path(text), key), key, Path(text)))
    secrets = tuple(each for file in signing for each in readSigningSecrets(file))
    return toml.readTable(Callback, table, where, signingSecrets=secrets), signing


def written(
    tokens: Sequence[Token],
    callbacks: Sequence[Callback],
    signing: Mapping[str, Sequence[Confidential]],
) -> Iterator[str]:
    """
    As lines, which are good again.

    @param signing: What posts to each callback are signed with, by its name.
    """
    for token in tokens:
        yield from ("", f"[{TOKENS}.{token.name}]", *toml.lines(token))
    for callback in callbacks:
        yield from ("", f"[[{CALLBACKS}]]", *toml.lines(callback))
        files = tuple(str(each.path) for each in signing.get(callback.name, ()))
        if files:
            yield f"{SIGNING} = {toml.written(files)}"
