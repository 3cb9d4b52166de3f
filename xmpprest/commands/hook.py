"""C{xmpprest hook NAME}: creates a hook, or shows the message of a payload."""

from __future__ import annotations

import secrets
import sys
import tomllib
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from twisted.python.usage import UsageError

from ..config import tables, toml
from ..config.hook import HookConfig
from ..config.setting import settingsOf
from ..core.errors import Refusal
from ..core.hooks.request import parseRequest
from ..core.stanza.jid import parseJID
from ..gateway.hooks import makeHook
from .named_options import NamedOptions
from .standard_output import STANDARD_OUTPUT, tablesAt

#: Random bytes of the secret in a URL.
SECRET_BYTES = 32

#: Stands in for the recipient and the domain of a hook that is only tried.
_ANYONE, _DOMAIN = "user@example.org", "gateway.example.org"


class HookOptions(NamedOptions):
    """
    The command line.

    @ivar headers: Header fields by name in lower case, for C{--try}.
    """

    synopsis = "xmpprest hook NAME [options]"
    longdesc = (
        "Create a hook. Its URL, which contains a secret, is printed once, on standard"
        " error. Standard output is the table for the gateway's TOML file: append it"
        " with 'xmpprest hook NAME >> xmpprest.toml', and set the recipient in it. With"
        " --try, print the message that a payload becomes, and create nothing."
    )
    example = "xmpprest hook alerts"
    optParameters: ClassVar = [
        ("shape", None, "auto", "The form of the webhooks."),
        ("url", None, "http://127.0.0.1:8080", "The address of the gateway."),
        ("try", None, None, "A file with a payload, or - for standard input."),
        ("config", None, None, "The TOML file that has the hook to try."),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}
        self.recipients: list[str] = []

    def opt_header(self, field: str) -> None:
        """A header field for --try, as 'X-GitHub-Event: push'; may be repeated."""
        name, colon, value = field.partition(":")
        if not colon:
            raise UsageError("A header field is written as 'Name: value'.")
        self.headers[name.strip().lower()] = value.strip()

    def opt_to(self, address: str) -> None:
        """The address that gets the messages; may be repeated."""
        self.recipients.append(address)


def main(
    arguments: Sequence[str],
    random: Callable[[int], str] = secrets.token_urlsafe,
    destination: str = STANDARD_OUTPUT,
) -> None:
    """
    Create a hook and print it, or print the message of a payload.

    @param random: Returns a text of a number of random bytes.
    @param destination: The path of standard output.
    @raise SystemExit: An argument is invalid, or the file has such a hook.
    """
    options = HookOptions()
    try:
        options.parseOptions(_nameLast(arguments))
        if options["try"] is not None:
            print(_tried(options))
        else:
            _create(options, random, destination)
    except (UsageError, ValueError) as error:
        raise SystemExit(f"xmpprest: {error}\n\n{options.getSynopsis()}") from None
    except Refusal as refusal:
        raise SystemExit(f"xmpprest: {refusal.problem.text}") from None
    except OSError as error:
        raise SystemExit(
            f"xmpprest: Cannot read {error.filename}: {error.strerror}."
        ) from None


def _nameLast(arguments: Sequence[str]) -> list[str]:
    """
    Move the name behind the options, because getopt stops at the first argument that is
    no option.
    """
    if arguments and not arguments[0].startswith("-"):
        return [*arguments[1:], arguments[0]]
    return [*arguments]


def _create(
    options: HookOptions, random: Callable[[int], str], destination: str
) -> None:
    """
    Print a new hook.

    @raise ValueError: An argument is invalid, or the file has such a hook.
    """
    secret = random(SECRET_BYTES)
    hook = HookConfig(
        name=options.name,
        secretSha256=(sha256(secret.encode()).hexdigest(),),
        to=tuple(options.recipients or [_ANYONE]),
        shape=options["shape"],
    )
    _refuseRepetition(hook.name, destination)
    advice = "" if options.recipients else "Set the recipient, 'to', in it. "
    url = f"{options['url'].rstrip('/')}/hooks/{hook.name}/{secret}"
    print(
        f"The URL of the hook, which is printed only this once:\n\n    {url}\n\nThe"
        f" table for the gateway's TOML file goes to standard output. {advice}Reload or"
        " restart the gateway to use it.\n",
        file=sys.stderr,
        flush=True,
    )
    for address in options.recipients:
        if not _isLikelyDomain(domain := parseJID(address).domain):
            print(
                f"{address} is at the domain {domain}, which has no dot. If that is not"
                " the name of an XMPP server in your network, correct 'to' in the"
                " table, as in user@example.org.\n",
                file=sys.stderr,
                flush=True,
            )
    print("\n".join(hookTable(hook, hasRecipient=bool(options.recipients))))


def _isLikelyDomain(domain: str) -> bool:
    """Return whether a domain looks like one: it has a dot, or is local, or IPv6."""
    return "." in domain or ":" in domain or domain == "localhost"


def _refuseRepetition(name: str, destination: str) -> None:
    """
    Check that the file to which the table is appended has no hook of that name.

    @raise ValueError: It has one.
    """
    hooks = tablesAt(destination).get(tables.HOOKS, [])
    if isinstance(hooks, list) and any(
        isinstance(each, dict) and each.get("name") == name for each in hooks
    ):
        raise ValueError(
            f"The file already has a hook {name}; nothing was appended. To replace it,"
            " remove its table first. To rotate its secret, run the command without"
            " '>> FILE', and add the new secret-sha256 to the list of the old one."
        )


def hookTable(hook: HookConfig, *, hasRecipient: bool = True) -> list[str]:
    """
    Return the TOML table of a hook, each line with a comment.

    @param hasRecipient: Whether the recipient is known; without, the operator has to
        write it.
    """
    lines = []
    for each in settingsOf(HookConfig):
        value = getattr(hook, each.field.name)
        if each.name == "to" and not hasRecipient:
            value = ()
        lines.append(f"{toml.formatSetting(each, value)}  # {each.help}")
    return ["", f"[[{tables.HOOKS}]]", *lines]


def _tried(options: HookOptions) -> str:
    """
    Return the message that a payload becomes.

    @raise ValueError: The hook or its template is invalid.
    @raise Refusal: The payload cannot become a message.
    """
    path = options["try"]
    body = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    request = parseRequest(options.headers, body)
    message = makeHook(_hookToTry(options), _DOMAIN, lambda: 0.0).message(request)
    if message.failure is not None:
        print(
            f"The template {message.failure}. This is the default layout.\n",
            file=sys.stderr,
            flush=True,
        )
    return message.body


def _hookToTry(options: HookOptions) -> HookConfig:
    """
    Return the hook of the configuration, or a new one.

    @raise ValueError: The configuration has no such hook.
    """
    path = options["config"]
    if path is None:
        digest = sha256(b"").hexdigest()
        return HookConfig(
            name=options.name,
            secretSha256=(digest,),
            to=(_ANYONE,),
            shape=options["shape"],
        )
    file = tomllib.loads(Path(path).read_text("utf-8-sig"))
    hooks = {hook.name: hook for hook, _ in tables.readHooks(file, path)}
    if options.name not in hooks:
        known = ", ".join(sorted(hooks)) or "none"
        raise ValueError(f"{path} has no hook {options.name}; it has: {known}.")
    return hooks[options.name]
