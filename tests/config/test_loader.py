"""Tests for L{xmpprest.config.loader} and L{xmpprest.config.secret_files}."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.config.config import ConfigurationError
from xmpprest.config.loader import ConfigLoader, LoadedConfig

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"

#: What posts to the callback may be signed with: one after the other.
OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

#: An environment that is enough to start with.
ENOUGH = {
    "XMPPREST_DOMAIN": "gateway.example",
    "XMPPREST_SECRET": "hush",
    "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
}


class SourcesTestCase(SynchronousTestCase):
    """
    The base class of these tests.
    """

    def file(self, text: str | bytes) -> str:
        """Write a file; returns its path."""
        path = Path(self.mktemp())
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def load(
        self,
        flags: Mapping[str, list[str]] | None = None,
        environ: Mapping[str, str] = ENOUGH,
        toml: str | None = None,
    ) -> LoadedConfig:
        """Load from what is given."""
        given = dict(flags or {})
        if toml is not None:
            given["config"] = [self.file(toml)]
        return ConfigLoader(given, environ).load()

    def refusal(
        self,
        flags: Mapping[str, list[str]] | None = None,
        environ: Mapping[str, str] = ENOUGH,
        toml: str | None = None,
    ) -> str:
        """The message that loading ends with."""
        error = self.assertRaises(ConfigurationError, self.load, flags, environ, toml)
        return str(error)


class PrecedenceTests(SourcesTestCase):
    """
    Where a setting is looked for.
    """

    def test_flagFirst(self) -> None:
        """
        A flag counts more than the environment, that more than the file, and the
        file more than the default.
        """
        flags = {"iq-timeout": ["1"]}
        environ = {**ENOUGH, "XMPPREST_IQ_TIMEOUT": "2", "XMPPREST_NAME": "env"}
        toml = 'iq-timeout = 3\nname = "file"\nwaiting-limit = 4'
        loaded = self.load(flags, environ, toml)
        self.assertEqual(loaded.config.iqTimeout, 1)
        self.assertEqual(loaded.config.name, "env")
        self.assertEqual(loaded.config.waitingLimit, 4)
        self.assertEqual(loaded.config.iqMaxTimeout, 300)

    def test_where(self) -> None:
        """The source of each value is known."""
        environ = {**ENOUGH, "XMPPREST_NAME": "env"}
        path = self.file("waiting-limit = 4")
        flags = {"iq-timeout": ["1"], "config": [path]}
        where = self.load(flags, environ).origins
        self.assertEqual(where["iq-timeout"], "--iq-timeout")
        self.assertEqual(where["name"], "XMPPREST_NAME")
        self.assertEqual(where["waiting-limit"], f"waiting-limit in {path}")
        self.assertEqual(where["iq-max-timeout"], "default")

    def test_fileNamedByEnvironment(self) -> None:
        """
        The file may be named in the environment.
        """
        environ = {**ENOUGH, "XMPPREST_CONFIG": self.file('name = "file"')}
        self.assertEqual(self.load(environ=environ).config.name, "file")

    def test_repeated(self) -> None:
        """
        A list is a repeated flag, words in the environment, a list in the file;
        one place is not added to another.
        """
        both = ("tcp:1", "tcp:2")
        flags = {"listen": list(both)}
        environ = {**ENOUGH, "XMPPREST_LISTEN": "tcp:1 tcp:2"}
        toml = 'listen = ["tcp:1", "tcp:2"]'
        self.assertEqual(self.load(flags).config.listen, both)
        self.assertEqual(self.load(environ=environ).config.listen, both)
        self.assertEqual(self.load(toml=toml).config.listen, both)
        self.assertEqual(self.load(flags, environ, toml).config.listen, both)

    def test_textForList(self) -> None:
        """
        In a file a list of one may be a text, and a list of words a list.
        """
        toml = 'listen = "tcp:1"\ncallback-stanzas = ["iq", "message"]'
        config = self.load(toml=toml).config
        self.assertEqual(config.listen, ("tcp:1",))
        self.assertEqual(config.callbackStanzas, frozenset({"iq", "message"}))

    def test_othersVariables(self) -> None:
        """
        A variable that happens to begin like ours, as Kubernetes makes them for a
        service called xmpprest, is nothing to us.
        """
        self.load(environ={**ENOUGH, "XMPPREST_SERVICE_HOST": "10.0.0.1"})


class RefusalTests(SourcesTestCase):
    """
    Errors about bad settings.
    """

    def test_badValue(self) -> None:
        """
        A bad value is refused by naming the flag, the variable, or the key and the
        file, the value, and what was expected.
        """
        expected = "expected a number of seconds above 0."
        self.assertEqual(
            self.refusal({"iq-timeout": ["soon"]}),
            f"--iq-timeout is 'soon': {expected}",
        )
        self.assertEqual(
            self.refusal(environ={**ENOUGH, "XMPPREST_IQ_TIMEOUT": ""}),
            f"XMPPREST_IQ_TIMEOUT is '': {expected}",
        )
        path = self.file("iq-timeout = -1")
        self.assertEqual(
            self.refusal({"config": [path]}),
            f"iq-timeout in {path} is '-1': {expected}",
        )

    def test_badType(self) -> None:
        """
        A value of a type that none of the settings has is refused.
        """
        for text in ("true", "{a = 1}", "[[1]]", "1979-05-27", "[true]"):
            message = self.refusal(toml=f"name = {text}")
            self.assertNotIn("1979", message)
            self.assertIn("name in ", message)
            self.assertIn("expected a text, a number, or a list of texts.", message)

    def test_emptyList(self) -> None:
        """
        An empty list is no value for a setting that has exactly one.
        """
        for name in ("server", "callback-stanzas", "iq-timeout", "listen"):
            self.assertIn(f"{name} in ", self.refusal(toml=f"{name} = []"))

    def test_unknownKey(self) -> None:
        """
        An unknown key is refused by naming the file, the key, and the nearest key
        that is known.
        """
        for key, near in [
            ("iq_timeout", "iq-timeout"),
            ("calback-url", "callback-url"),
            ("Domain", "domain"),
            ("secret", "secret-file"),
            ("callback-signing-secret", "callback-signing-secret-file"),
        ]:
            path = self.file(f'{key} = "x"')
            self.assertEqual(
                self.refusal({"config": [path]}),
                f"{path} has an unknown key {key!r}; did you mean {near}?",
            )

    def test_strangeKey(self) -> None:
        """
        An unknown key that resembles none is refused with where the known ones are.
        """
        message = self.refusal(toml="zzz = 1")
        self.assertIn(
            "has an unknown key 'zzz'; 'twist xmpprest --help' lists the keys", message
        )

    def test_unquoted(self) -> None:
        """
        A text without quotes is refused with a hint.
        """
        message = self.refusal(toml="domain = gateway")
        self.assertIn("(at line 1, column 10); a text needs quotes.", message)

    def test_contentType(self) -> None:
        """
        A media type is given in short or in full; an unknown one is refused with a list
        of
        the known ones.
        """
        for written, contentType in {
            "xml": "application/xmpp+xml",
            "json": "application/json",
            "cbor": "application/cbor",
            "form": "application/x-www-form-urlencoded",
        }.items():
            for name in (written, contentType):
                config = self.load({"callback-content-type": [name]}).config
                self.assertEqual(config.callbackContentType, contentType)
                config = self.load(toml=f'callback-content-type = "{name}"').config
                self.assertEqual(config.callbackContentType, contentType)
        for name in ("text", "text/plain", "JSON", "application/xml", "json, xml", ""):
            self.assertEqual(
                self.refusal({"callback-content-type": [name]}),
                f"--callback-content-type is {name!r}: expected application/xmpp+xml"
                " or application/json or application/cbor or"
                " application/x-www-form-urlencoded.",
            )

    def test_noFile(self) -> None:
        """
        A file that cannot be read is refused by naming it and the reason.
        """
        path = self.mktemp()
        self.assertEqual(
            self.refusal({"config": [path]}),
            f"{path} (--config) cannot be read: No such file or directory.",
        )

    def test_noTOML(self) -> None:
        """
        A file that is no TOML, or no text at all, is refused by naming it.
        """
        path = self.file("domain: x")
        message = self.refusal({"config": [path]})
        self.assertTrue(message.startswith(f"{path} is not valid TOML: "), message)
        path = self.file(b"name = '\xff'")
        self.assertEqual(
            self.refusal({"config": [path]}),
            f"{path} (--config) cannot be read: it is not UTF-8.",
        )

    def test_byteOrderMark(self) -> None:
        """
        A file may begin with a byte order mark, as some editors write it.
        """
        path = self.file(b'\xef\xbb\xbfname = "bot"')
        self.assertEqual(self.load({"config": [path]}).config.name, "bot")

    def test_misspelt(self) -> None:
        """
        A variable that is nearly one of ours is an error that names the right one.
        """
        for wrong, right in [
            ("XMPPREST_IQ_TIMOUT", "XMPPREST_IQ_TIMEOUT"),
            (
                "XMPPREST_CALLBACK_SIGNING_SECRETS",
                "XMPPREST_CALLBACK_SIGNING_SECRET",
            ),
        ]:
            self.assertEqual(
                self.refusal(environ={**ENOUGH, wrong: "3"}),
                f"There is no variable {wrong}; did you mean {right}?",
            )

    def test_together(self) -> None:
        """
        Values that are good by themselves but not together are refused.
        """
        message = self.refusal({"iq-max-timeout": ["60"]})
        self.assertIn(
            "iq-timeout is 120 s, which is more than iq-max-timeout (60 s)", message
        )

    def test_noPassword(self) -> None:
        """
        The message about a bad URL does not show its password.
        """
        url = "http://bot:shh@bot.example/{nick}"
        self.assertIn("****@", self.refusal(toml=f'callback-url = "{url}"'))
        for url in (
            "http://bot:pa/shh@127.0.0.1:9999/",
            "http://bot:s#shh@h/",
            "bot:shh@h/",
            "https//bot:shh@h/",
            " http://bot:shh@h/",
        ):
            self.assertNotIn("shh", self.refusal({"callback-url": [url]}))
            self.assertNotIn("shh", self.refusal(toml=f'callback-url = "{url}"'))

    def test_noQuerySecret(self) -> None:
        """
        The message about an invalid URL does not contain its query.
        """
        message = self.refusal(toml='callback-url = "ftp://h/in?key=shh"')
        self.assertIn("callback-url in ", message)
        self.assertIn(" is 'ftp://h/in?****': expected a URL like", message)

    def test_passwordInFlag(self) -> None:
        """
        A flag whose URL contains a password or a user name is refused without
        repeating the URL, because other users can read flags.
        """
        for name in ("callback-url", "cors-origin"):
            for userinfo in ("bot:shh", "shh", ":shh", "bot:s%40shh@"):
                self.assertEqual(
                    self.refusal({name: [f"https://{userinfo}@bot.example/"]}),
                    f"--{name} contains a user name or password, and other users of"
                    f" this machine can read flags: set {name} in the TOML file, or in"
                    f" XMPPREST_{name.upper().replace('-', '_')}.",
                )
        for url in ("https://bot.example/@me", "https://bot.example/?to=a@b"):
            config = self.load({"callback-url": [url]}).config
            self.assertEqual(config.callbackURL, url)

    def test_passwordElsewhere(self) -> None:
        """
        The environment and the TOML file can contain a URL with a password.
        """
        url = "https://bot:shh@bot.example/"
        environ = {**ENOUGH, "XMPPREST_CALLBACK_URL": url}
        self.assertEqual(self.load(environ=environ).config.callbackURL, url)
        config = self.load(toml=f'callback-url = "{url}"').config
        self.assertEqual(config.callbackURL, url)

    def test_repeatedTable(self) -> None:
        """
        A table that is in the file twice, as after appending a token twice, is named.
        """
        table = f'[tokens.notifier]\nsha256 = "{"a" * 64}"\n'
        path = self.file(table * 2)
        self.assertEqual(
            self.refusal({"config": [path]}),
            f"{path} has the table [tokens.notifier] twice: remove one of them."
            " 'xmpprest token' appends a table each time it runs.",
        )


class SecretTests(SourcesTestCase):
    """
    Where the secret and the credentials are looked for.
    """

    def without(self, *names: str) -> dict[str, str]:
        """An environment in which something is missing."""
        return {key: value for key, value in ENOUGH.items() if key not in names}

    def directory(self, **files: str) -> str:
        """A directory of credentials, as systemd makes it."""
        path = Path(self.mktemp()).absolute()
        path.mkdir()
        for name, text in files.items():
            (path / name).write_text(text)
        return str(path)

    def test_missing(self) -> None:
        """
        Without a domain, a secret or a credential it does not start, and says in
        one sentence what to do.
        """
        for variable, expected in [
            ("XMPPREST_DOMAIN", "give it with --domain"),
            ("XMPPREST_SECRET", "give its path with --secret-file."),
            ("XMPPREST_CREDENTIALS", "give its path with --credentials-file."),
        ]:
            message = self.refusal(environ=self.without(variable))
            self.assertIn(expected, message)
            self.assertEqual(len(message.splitlines()), 1)

    def test_order(self) -> None:
        """
        The flag's file counts more than the variable, that more than the file that
        another variable or the configuration names, and all more than systemd's.
        """
        environ = {"CREDENTIALS_DIRECTORY": self.directory(secret="systemd")}
        environ.update(self.without("XMPPREST_SECRET"))
        self.assertEqual(self.load(environ=environ).config.secret, "systemd")

        toml = f"secret-file = '{self.file('toml')}'"
        self.assertEqual(self.load(environ=environ, toml=toml).config.secret, "toml")

        environ["XMPPREST_SECRET_FILE"] = self.file("file")
        self.assertEqual(self.load(environ=environ, toml=toml).config.secret, "file")

        environ["XMPPREST_SECRET"] = "variable"
        loaded = self.load(environ=environ, toml=toml)
        self.assertEqual(loaded.config.secret, "variable")

        flags = {"secret-file": [self.file("flag")]}
        self.assertEqual(self.load(flags, environ, toml).config.secret, "flag")

    def test_systemd(self) -> None:
        """
        systemd's directory may hold one of the two, or none.
        """
        path = self.directory(credentials="Bearer systemd")
        environ = {"CREDENTIALS_DIRECTORY": path}
        environ.update(self.without("XMPPREST_CREDENTIALS"))
        self.assertEqual(self.load(environ=environ).config.credentials, ("systemd",))
        os.remove(Path(path, "credentials"))
        self.assertIn("There are no credentials", self.refusal(environ=environ))

    def test_secretFile(self) -> None:
        """
        The line end of a secret's file does not belong to the secret.
        """
        for text in ("hush", "hush\n", "hush\r\n", "\ufeffhush\n"):
            flags = {"secret-file": [self.file(text)]}
            self.assertEqual(self.load(flags).config.secret, "hush")

    def test_badSecretFile(self) -> None:
        """
        A secret's file that has none, or several, is refused, and what is in it is
        not shown.
        """
        for text, lines in [("", 0), (" \n", 0), ("psst\nshh\n", 2)]:
            message = self.refusal({"secret-file": [self.file(text)]})
            self.assertIn(f"--secret-file has {lines} lines: expected one", message)
            self.assertNotIn("psst", message)

    def test_unreadable(self) -> None:
        """
        A secret's file that cannot be read is refused by naming it, what named it,
        and the reason.
        """
        path = self.mktemp()
        self.assertEqual(
            self.refusal({"secret-file": [path]}),
            f"{path} (--secret-file) cannot be read: No such file or directory.",
        )
        directory = self.directory()
        environ = {**self.without("XMPPREST_CREDENTIALS")}
        environ["XMPPREST_CREDENTIALS_FILE"] = directory
        self.assertEqual(
            self.refusal(environ=environ),
            f"{directory} (XMPPREST_CREDENTIALS_FILE) cannot be read: Is a directory.",
        )

    def test_secretInsteadOfPath(self) -> None:
        """
        A secret in the place of the path of its file is not repeated.
        """
        for name in ("secret", "credentials", "callback-signing-secret"):
            for text in ("Bearer shh", "shh", "shh/+w==", "/shh", "s" * 300 + "shh"):
                self.assertNotIn("shh", self.refusal({f"{name}-file": [text]}))
                environ = {"XMPPREST_DOMAIN": "gateway.example"}
                toml = f'{name}-file = "{text}"'
                self.assertNotIn("shh", self.refusal(environ=environ, toml=toml))
            self.assertIn(
                f"The file that --{name}-file names cannot be read: No such file or"
                " directory. Expected the path of a file, not its content; a relative"
                f" path begins at {os.getcwd()}.",
                self.refusal({f"{name}-file": ["shh"]}),
            )

    def test_credentials(self) -> None:
        """Each line is a credential, except for empty lines and comments."""
        text = "# Ann\nBearer abc\n\n  bearer   def  \n  # Bob\n"
        for flags, environ in [
            ({"credentials-file": [self.file(text)]}, ENOUGH),
            ({}, {**ENOUGH, "XMPPREST_CREDENTIALS": text}),
        ]:
            config = self.load(flags, environ).config
            self.assertEqual(config.credentials, ("abc", "def"))

    def test_noCredentials(self) -> None:
        """
        A file without any credential is refused: nobody could send.
        """
        flags = {"credentials-file": [self.file("# none yet\n")]}
        self.assertIn("no credentials in --credentials-file", self.refusal(flags))

    def test_badCredential(self) -> None:
        """
        A line that is no credential is refused by its number; it is not shown.
        """
        for line in ("shh", "Basic shh", "Bearer", "Bearer shh shh", "Bearer shhé"):
            flags = {"credentials-file": [self.file(f"Bearer abc\n{line}\n")]}
            message = self.refusal(flags)
            self.assertIn("Line 2 of the credentials in --credentials-file", message)
            self.assertIn("expected 'Bearer TOKEN'", message)
            self.assertNotIn("shh", message)


class SigningSecretTests(SourcesTestCase):
    """
    Where the secrets are looked for that posts to the callback are signed with.
    """

    def secrets(
        self,
        flags: Mapping[str, list[str]] | None = None,
        environ: Mapping[str, str] = ENOUGH,
        toml: str | None = None,
    ) -> tuple[str, ...]:
        """Return the secrets that are found."""
        return self.load(flags, environ, toml).config.callbackSigningSecrets

    def test_none(self) -> None:
        """
        No secret is required; a credentials directory of systemd may have none either.
        """
        self.assertEqual(self.secrets(), ())
        environ = {**ENOUGH, "CREDENTIALS_DIRECTORY": str(Path().absolute())}
        self.assertEqual(self.secrets(environ=environ), ())

    def test_order(self) -> None:
        """
        They are looked for where the other secrets are, in the same order.
        """
        names = ("systemd", "toml", "file", "variable", "flag")
        made = {name: f"whsec_{name:/<32}" for name in names}
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        (place / "callback-signing-secret").write_text(made["systemd"])
        environ = {**ENOUGH, "CREDENTIALS_DIRECTORY": str(place)}
        self.assertEqual(self.secrets(environ=environ), (made["systemd"],))

        toml = f"callback-signing-secret-file = '{self.file(made['toml'])}'"
        self.assertEqual(self.secrets({}, environ, toml), (made["toml"],))

        environ["XMPPREST_CALLBACK_SIGNING_SECRET_FILE"] = self.file(made["file"])
        self.assertEqual(self.secrets({}, environ, toml), (made["file"],))

        environ["XMPPREST_CALLBACK_SIGNING_SECRET"] = made["variable"]
        self.assertEqual(self.secrets({}, environ, toml), (made["variable"],))

        flags = {"callback-signing-secret-file": [self.file(made["flag"])]}
        self.assertEqual(self.secrets(flags, environ, toml), (made["flag"],))

    def test_several(self) -> None:
        """Each line is a secret, except for empty lines and comments."""
        text = f"# since May\n{NEW}\r\n\n  {OLD}  \n  # until June\n"
        flags = {"callback-signing-secret-file": [self.file(text)]}
        self.assertEqual(self.secrets(flags), (NEW, OLD))
        environ = {**ENOUGH, "XMPPREST_CALLBACK_SIGNING_SECRET": text}
        self.assertEqual(self.secrets(environ=environ), (NEW, OLD))

    def test_empty(self) -> None:
        """
        A file without any is refused: whoever names one wants signatures.
        """
        for text in ("", "# none yet\n"):
            flags = {"callback-signing-secret-file": [self.file(text)]}
            self.assertIn(
                "There are no signing secrets in --callback-signing-secret-file:"
                " expected 'whsec_' and 24 to 64 random bytes",
                self.refusal(flags),
            )

    def test_bad(self) -> None:
        """
        A line that is no secret is refused by its number; it is not shown.
        """
        for line in (OLD[:-2], OLD[6:], f"{OLD} {NEW}", "whsec_é", "whsec_\ud800"):
            environ = {**ENOUGH, "XMPPREST_CALLBACK_SIGNING_SECRET": f"# a\n{line}"}
            self.assertEqual(
                self.refusal(environ=environ),
                "Line 2 of the signing secrets in XMPPREST_CALLBACK_SIGNING_SECRET is"
                " invalid: expected 'whsec_' and 24 to 64 random bytes in base64, as"
                ' echo "whsec_$(openssl rand -base64 32)" makes them.',
            )

    def test_noFile(self) -> None:
        """
        A file that cannot be read is refused by naming it and the reason.
        """
        path = self.mktemp()
        self.assertEqual(
            self.refusal({"callback-signing-secret-file": [path]}),
            f"{path} (--callback-signing-secret-file) cannot be read: No such file or"
            " directory.",
        )

    def test_notDescribed(self) -> None:
        """
        The printed configuration has the name of the file and no secret; read back, it
        gives the same secrets.
        """
        flags = {"callback-signing-secret-file": [self.file(f"{OLD}\n{NEW}")]}
        text = self.load(flags).describe()
        self.assertEqual(self.secrets(toml=text), (OLD, NEW))
        environ = {**ENOUGH, "XMPPREST_CALLBACK_SIGNING_SECRET": f"{OLD}\n{NEW}"}
        loaded = self.load(environ=environ)
        self.assertIn(
            "# callback-signing-secret = ****  # XMPPREST_CALLBACK_SIGNING_SECRET",
            loaded.describe().splitlines(),
        )
        for shown in (text, loaded.describe(), repr(loaded)):
            for secret in (OLD, NEW):
                self.assertNotIn(secret[6:], shown)


class StorePasswordTests(SourcesTestCase):
    """
    Tests for the password of the database.
    """

    LOCATION = "postgresql://me@db.example/x"
    WITH_PASSWORD = (
        "postgresql://me:hush!@db.example/x",
        "postgres://me:hu/sh!@db.example/x",
        "postgresql://me@db.example/x?password=hush!&sslmode=require",
        "postgresql:host=db.example password=hush! dbname=x",
        "postgresql:host=db.example password = 'hush! \\' hush!' dbname=x",
        "postgresql:sslpassword=hush! dbname=x",
    )

    def test_file(self) -> None:
        """
        The password comes from a file, a variable, or systemd's credentials, and is not
        shown.
        """
        flags = {"store": [self.LOCATION]}
        path = self.file("hush!\n")
        for loaded in (
            self.load({**flags, "store-password-file": [path]}),
            self.load(flags, {**ENOUGH, "XMPPREST_STORE_PASSWORD": "hush!"}),
        ):
            self.assertEqual(loaded.config.storePassword, "hush!")
            self.assertEqual(loaded.config.store, self.LOCATION)
            self.assertIn(f'store = "{self.LOCATION}"', loaded.describe())
            for shown in (loaded.describe(), repr(loaded)):
                self.assertNotIn("hush!", shown)
        with self.assertRaises(ConfigurationError) as raised:
            self.load({**flags, "store-password-file": [self.file("")]})
        self.assertIn("expected one line", str(raised.exception))

    def test_flag(self) -> None:
        """
        A password in a flag is refused, and not repeated; a role is not.
        """
        for location in self.WITH_PASSWORD:
            with self.assertRaises(ConfigurationError) as raised:
                self.load({"store": [location]})
            self.assertIn("--store-password-file", str(raised.exception))
            self.assertNotIn("sh!", str(raised.exception))
        self.assertEqual(
            self.load({"store": [self.LOCATION]}).config.store, self.LOCATION
        )

    def test_masked(self) -> None:
        """
        A password in a variable is used, and masked where it is shown; what is shown
        cannot be read back as the password.
        """
        for location in self.WITH_PASSWORD:
            loaded = self.load(environ={**ENOUGH, "XMPPREST_STORE": location})
            self.assertIn("sh!", loaded.config.store)
            for shown in (loaded.describe(), repr(loaded)):
                self.assertNotIn("sh!", shown, location)
            (line,) = [
                each
                for each in loaded.describe().splitlines()
                if each.startswith("store =")
            ]
            masked = tomllib.loads(line)["store"]
            with self.assertRaises(ConfigurationError):
                self.load(environ={**ENOUGH, "XMPPREST_STORE": masked})

    def test_malformed(self) -> None:
        """
        A malformed location with a password is refused without it.
        """
        environ = {**ENOUGH, "XMPPREST_STORE": "postgresql:me:hush!@x"}
        with self.assertRaises(ConfigurationError) as raised:
            self.load(environ=environ)
        self.assertNotIn("hush!", str(raised.exception))
        self.assertIn("postgresql://ROLE@HOST/DATABASE", str(raised.exception))


class DescribeTests(SourcesTestCase):
    """
    Tests for L{LoadedConfig.describe}, which is what C{--print-config} prints.
    """

    def test_everything(self) -> None:
        """
        Each setting has a line with its value and where that is from.
        """
        path = self.file('listen = ["tcp:1", "tcp:2"]')
        flags = {"config": [path], "iq-timeout": ["2.5"]}
        environ = {**ENOUGH, "XMPPREST_NAME": 'A "bot" \\ 🤖'}
        lines = self.load(flags, environ).describe().splitlines()
        self.assertEqual(
            lines,
            [
                'domain = "gateway.example"  # XMPPREST_DOMAIN',
                'server = "tcp:127.0.0.1:5347"  # default',
                f'listen = ["tcp:1", "tcp:2"]  # listen in {path}',
                "# admin-listen is not set  # default",
                'log-format = "text"  # default',
                'log-requests = "no"  # default',
                "# callback-url is not set  # default",
                'callback-content-type = "application/xmpp+xml"  # default',
                'callback-stanzas = ["iq", "message", "presence"]  # default',
                'callback-events = ["bare", "full", "host"]  # default',
                "callback-connections = 32  # default",
                "callback-batch = 1  # default",
                "callback-reflections = false  # default",
                "callback-occupants = false  # default",
                "# callback-ca-file is not set  # default",
                "iq-timeout = 2.5  # --iq-timeout",
                "iq-max-timeout = 300  # default",
                "stanza-size-limit = 196608  # default",
                "hook-size-limit = 1048576  # default",
                "waiting-limit = 10000  # default",
                'store = "sqlite:xmpprest.db"  # default',
                "outbox-limit = 100000  # default",
                "outbox-size = 1073741824  # default",
                "outbox-age = 86400  # default",
                "inbox-limit = 100000  # default",
                "inbox-size = 1073741824  # default",
                "# upload-service is not set  # default",
                "upload-size-limit = 100000000  # default",
                "reply-limit = 30  # default",
                "record-days = 7  # default",
                "record-limit = 1000000  # default",
                "dead-days = 30  # default",
                "cors-origin = []  # default",
                "rooms-accept = []  # default",
                'name = "A \\"bot\\" \\\\ 🤖"  # XMPPREST_NAME',
                "# secret = ****  # XMPPREST_SECRET",
                "# credentials = ****  # XMPPREST_CREDENTIALS",
                "# callback-signing-secret is not set  # default",
                "# store-password is not set  # default",
            ],
        )

    def test_fedBack(self) -> None:
        """
        The printed configuration is TOML; read back, it gives the same configuration.
        """
        flags = {
            "secret-file": [self.file("hush")],
            "credentials-file": [self.file("Bearer abc")],
            "callback-url": ["https://bot.example/{kind}?to={to}"],
            "callback-events": ["bare"],
            "cors-origin": ["*"],
            "iq-timeout": ["0.1"],
            "name": ["bücher 'n' \"stuff\" # \\n"],
        }
        loaded = self.load(flags)
        text = loaded.describe()
        self.assertEqual(Path(tomllib.loads(text)["secret-file"]).read_text(), "hush")
        again = self.load(environ={}, toml=text)
        self.assertEqual(again.config, loaded.config)

    @given(st.text(), st.floats(1e-6, 1e15))
    def test_fedBackAnything(self, name: str, seconds: float) -> None:
        """Every text and number that a setting accepts can be printed and read back."""
        flags = {
            "name": [name],
            "iq-timeout": [str(seconds)],
            "iq-max-timeout": ["1e15"],
        }
        try:
            loaded = self.load(flags)
        except ConfigurationError:
            return
        again = self.load(environ=ENOUGH, toml=loaded.describe())
        self.assertEqual(again.config, loaded.config)

    def test_noSecret(self) -> None:
        """
        No secret is printed, and a URL whose password was left out is not taken
        for the real one.
        """
        environ = {**ENOUGH, "XMPPREST_CALLBACK_URL": "http://bot:shh@bot.example/"}
        text = self.load(environ=environ).describe()
        self.assertIn('callback-url = "http://bot:****@bot.example/"', text)
        for secret in ("hush", TOKEN, "shh"):
            self.assertNotIn(secret, text)
        self.assertIn("expected the secret itself", self.refusal(toml=text))

    def test_noQuerySecret(self) -> None:
        """
        Literal values in the query of a callback URL are masked, in tables, too.
        """
        toml = 'callback-url = "http://h/in?key=shh&to={to}"\n'
        toml += '[[callbacks]]\nname = "b"\nurl = "http://u:shh@h/?a=shh#x"'
        text = self.load(toml=toml).describe()
        self.assertIn('callback-url = "http://h/in?key=****&to={to}"', text)
        self.assertIn('url = "http://u:****@h/?a=****"', text)
        self.assertNotIn("shh", text)
        again = tomllib.loads(text)["callback-url"]
        self.assertIn(
            "expected the secret", self.refusal(toml=f'callback-url="{again}"')
        )

    def test_publicFiles(self) -> None:
        """
        Files with secrets that every user can read are reported: the secrets' own
        files, and the TOML file if a callback URL in it has userinfo.
        """
        secret, private = self.file("hush"), self.file("Bearer abc")
        os.chmod(secret, 0o644)
        os.chmod(private, 0o640)
        flags = {"secret-file": [secret], "credentials-file": [private]}
        self.assertEqual(self.load(flags).publicFiles, [secret])
        plain, userinfo = "http://h/", "http://u:pw@h/"
        table = '[[callbacks]]\nname = "b"\nurl = "{}"'
        for text, isSecret in (
            (f'callback-url = "{userinfo}"', True),
            (f'callback-url = "{plain}"', False),
            (table.format(userinfo), True),
            (table.format(plain), False),
        ):
            path = self.file(text)
            for mode, isPublic in ((0o644, True), (0o600, False)):
                os.chmod(path, mode)
                found = self.load({"config": [path]}).publicFiles
                self.assertEqual(found, [path] if isSecret and isPublic else [])
            os.chmod(path, 0o644)
            environ = {**ENOUGH, "XMPPREST_CALLBACK_URL": userinfo}
            found = self.load({"config": [path]}, environ).publicFiles
            self.assertEqual(found, [path] if isSecret and "callbacks" in text else [])

    def test_systemd(self) -> None:
        """
        Secrets of systemd's are said to be from there.
        """
        path = Path(self.mktemp()).absolute()
        path.mkdir()
        (path / "secret").write_text("hush")
        (path / "credentials").write_text("Bearer abc")
        environ = {"CREDENTIALS_DIRECTORY": str(path), "XMPPREST_DOMAIN": "x.example"}
        lines = self.load(environ=environ).describe().splitlines()
        self.assertIn("# secret = ****  # $CREDENTIALS_DIRECTORY", lines)
