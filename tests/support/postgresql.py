"""PostgreSQL and PgBouncer of our own, as a user who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

from .process import LOOPBACK, ServerFailed, ServerProcess

#: The role that owns the databases of tests.
ROLE = "xmpprest"
PASSWORD = "only for tests"  # it is
#: Empties all tables but the version; deleting is faster than C{TRUNCATE}.
_EMPTY = """
DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT relname, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
        AND relname <> 'xmpprest_schema'
    LOOP
        IF each.relkind = 'S' AND each.relname <> 'instance_epoch_seq' THEN
            PERFORM setval(each.relname::regclass, 1, false);
        ELSIF each.relkind = 'r' THEN
            EXECUTE format('DELETE FROM %I', each.relname);
        END IF;
    END LOOP;
    IF to_regclass('xmpprest_schema') IS NOT NULL THEN
        UPDATE xmpprest_schema SET domain = NULL;
    END IF;
END $$
"""
#: Users that PostgreSQL may run as in the place of root, which it refuses.
_USERS = ("postgres", "nobody")


def findProgram(name: str) -> str | None:
    """Return the path of a program of PostgreSQL; Debian keeps them by version."""
    versions = Path("/usr/lib/postgresql")
    found = sorted(versions.glob(f"*/bin/{name}"), key=lambda e: float(e.parts[4]))
    return shutil.which(name) or (str(found[-1]) if found else None)


def _user() -> pwd.struct_passwd | None:
    """Return the user to run as; C{None} for this one."""
    known = {each.pw_name: each for each in pwd.getpwall()}
    names = [] if os.getuid() else [name for name in _USERS if name in known]
    return known[names[0]] if names else None


_USER = _user()


def give(path: Path) -> None:
    """Make the user of the server the owner of a file."""
    if _USER is not None:
        os.chown(path, _USER.pw_uid, _USER.pw_gid)


def asUser(*command: str) -> list[str]:
    """Return a command that runs as the user of the server."""
    if _USER is None:
        return [*command]
    identity = [f"--reuid={_USER.pw_uid}", f"--regid={_USER.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, *command]


class PostgreSQL(ServerProcess):
    """
    A PostgreSQL on the loopback interface, with few resources but safe settings.

    @ivar settings: More settings, which the next start reads.
    """

    name = "postgresql"
    portCount = 1

    # Its user has to reach the directory, which may not be so below TMPDIR.
    place = "/var/tmp" if _USER else None  # mkdtemp makes it private

    def __init__(self) -> None:
        super().__init__()
        self.port = self.ports[0]
        self.settings: dict[str, str] = {}
        self._databases = 0
        self._emptied: str | None = None
        give(self.directory)

    @classmethod
    def missing(cls) -> str:
        if findProgram("initdb") is None:
            return "PostgreSQL is not installed: no program 'initdb'"
        return ""

    def url(self, database: str, role: str = ROLE, password: str = PASSWORD) -> str:
        """Return the URL of a database, for a role that has a password."""
        quoted = password.replace(" ", "%20")
        return f"postgresql://{role}:{quoted}@{LOOPBACK}:{self.port}/{database}"

    def createDatabase(self, options: str = "") -> str:
        """Create an empty database, and return its name."""
        self._databases += 1
        name = f"test{self._databases}"
        self.execute(f"CREATE DATABASE {name} OWNER {ROLE} {options}")
        return name

    def emptyDatabase(self) -> str:
        """
        Return a database with the tables of a store that are empty, if one was opened
        in it before. The others of its name have to be closed.
        """
        if self._emptied is None:
            self._emptied = self.createDatabase()
        else:
            self.execute(_EMPTY, self._emptied)
        return self._emptied

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Execute a statement as the superuser, and return what C{psql} prints."""
        done = subprocess.run(
            [
                findProgram("psql") or "psql",
                *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", LOOPBACK, "-p", str(self.port), "-U", "postgres"),
                *("-d", database, "-c", statement),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise self._failed(f"would not execute {statement!r}: {done.stderr}")
        return done.stdout.strip()

    def restartAtOnce(self) -> None:
        """Restart as after a crash (C{pg_ctl -m immediate restart})."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """
        End at once, as after a crash, but without leaving shared memory.
        """
        self._signalAll(signal.SIGCONT)
        self._signal(signal.SIGQUIT)
        try:
            self._reap(20)
        except ServerFailed:
            super().kill()

    def shutdown(self) -> None:
        """End without a wait for clients (C{pg_ctl -m fast stop})."""
        self._signalAll(signal.SIGCONT)
        self._signal(signal.SIGINT)
        self._reap(30)

    def suspend(self) -> None:
        """Stop all processes (C{SIGSTOP}); connections stay open."""
        self._signalAll(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all processes go on."""
        self._signalAll(signal.SIGCONT)

    def _signalAll(self, number: signal.Signals) -> None:
        """Send a signal to the server and its sessions, which are its children."""
        if self._process is None or not self.running:
            return
        for each in (self.pid, *self._children()):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def _children(self) -> list[int]:
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [*map(int, path.read_text().split())]

    def processorTime(self) -> float:
        """Return the seconds of processor time of the server and its sessions."""
        ticks = 0
        for each in (self.pid, *self._children()):
            with suppress(FileNotFoundError, ProcessLookupError):
                fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2]
                # Those of children that have ended count for the server.
                some = fields.split()[11:15] if each == self.pid else ()
                ticks += sum(map(int, some or fields.split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def _started(self, log: str) -> bool:
        return "ready to accept" in log

    def _command(self) -> list[str]:
        return asUser(findProgram("postgres") or "postgres", "-D", str(self.data))

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    def _configure(self) -> None:
        if not self.data.exists():
            self._initialise()
        settings = {
            "listen_addresses": f"'{LOOPBACK}'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "shared_buffers": "'32MB'",
            "max_connections": "40",
            "lc_messages": "'C'",
            "jit": "off",
            **self.settings,
        }
        path = self.data / "postgresql.auto.conf"
        path.write_text("".join(f"{key} = {each}\n" for key, each in settings.items()))
        path.chmod(0o600)
        give(path)

    def _initialise(self) -> None:
        done = subprocess.run(
            asUser(
                findProgram("initdb") or "initdb",
                *("-D", str(self.data), "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale", "C", "-N", "--no-instructions"),
            ),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"initdb failed: {done.stderr or done.stdout}")
        rules = self.data / "pg_hba.conf"
        rules.write_text(
            f"host all postgres {LOOPBACK}/32 trust\n"
            f"host replication postgres {LOOPBACK}/32 trust\n"
            f"host all all {LOOPBACK}/32 scram-sha-256\n"
        )

    def copyFrom(self, primary: PostgreSQL) -> None:
        """Become a replica of another server, which has to run."""
        subprocess.run(
            asUser(
                findProgram("pg_basebackup") or "pg_basebackup",
                *("-D", str(self.data), "-R", "-c", "fast", "-N"),
                *("-h", LOOPBACK, "-p", str(primary.port), "-U", "postgres"),
            ),
            cwd=self.directory,
            check=True,
            timeout=120,
        )
        self.settings["primary_conninfo"] = (
            f"'host={LOOPBACK} port={primary.port} user=postgres'"
        )

    def start(self) -> None:
        isNew = not self.data.exists()
        super().start()
        if isNew:
            self.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")


class PgBouncer(ServerProcess):
    """
    A PgBouncer in transaction mode, in front of a PostgreSQL.
    """

    name = "pgbouncer"
    portCount = 1
    place = PostgreSQL.place

    def __init__(self, server: PostgreSQL) -> None:
        super().__init__()
        self.port = self.ports[0]
        self._server = server
        give(self.directory)

    @classmethod
    def missing(cls) -> str:
        if _findBouncer() is None:
            return "PgBouncer is not installed: no program 'pgbouncer'"
        return PostgreSQL.missing()

    def url(self, database: str) -> str:
        """Return the URL of a database through the pooler."""
        return self._server.url(database).replace(
            f":{self._server.port}/", f":{self.port}/"
        )

    def _command(self) -> list[str]:
        return asUser(
            _findBouncer() or "pgbouncer", str(self.directory / "pgbouncer.ini")
        )

    def _configure(self) -> None:
        users = self.directory / "users.txt"
        users.write_text(f'"{ROLE}" "{PASSWORD}"\n')
        give(users)
        (self.directory / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host={LOOPBACK} port={self._server.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = {LOOPBACK}\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = scram-sha-256\n"
            f"auth_file = {users}\n"
            "pool_mode = transaction\n"
            "default_pool_size = 2\n"
            "server_login_retry = 0.2\n"
        )


def _findBouncer() -> str | None:
    # Debian keeps it out of the PATH of ordinary users.
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@cache
def sharedServer() -> PostgreSQL:
    """Return a started server that all tests of a process share."""
    server = PostgreSQL()
    server.start()
    return server
