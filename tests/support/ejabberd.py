"""
ejabberd, as any user.

Debian's C{ejabberdctl} refuses users other than root and C{ejabberd}, changes
the user when root runs it, and names the node, which brings up C{epmd}. So
only the paths are taken from that script, and the Erlang machine is started
without it and without a name: a node that is C{nonode@nohost} needs no
C{epmd} and listens for no other node.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
from pathlib import Path

from tests.support.process import LOOPBACK, ServerProcess
from tests.support.server_certificates import Authority, Certificate


def _findScript() -> str | None:
    # Debian keeps it out of the PATH of ordinary users.
    return shutil.which("ejabberdctl") or shutil.which("ejabberdctl", path="/usr/sbin")


def _readScript(script: str) -> dict[str, str]:
    """
    @return: the assignments C{NAME=VALUE} of a shell script, unquoted.
    """
    text = Path(script).read_text(errors="replace")
    return dict(re.findall(r"^(\w+)=[\"']?([^\"'\n]*)[\"']?$", text, re.M))


class Ejabberd(ServerProcess):
    """
    An ejabberd with two external components, rooms, uploads and plain accounts.

    ejabberd lets a component send from every domain of its listener, so the
    two components can each write in the name of the other. And what it is
    told to store reaches the disk a second or more later: L{kill} undoes it.

    @ivar certificate: what L{componentTLSPort} shows, and the authority that
        a client of it must trust; for the name C{localhost} and the address
        C{127.0.0.1}, unless one was given.
    @ivar componentTLSPort: like C{componentPort}, in TLS from the first byte.
    """

    name = "ejabberd"
    portCount = 4

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__()
        self.componentTLSPort, self._httpPort = self.ports[2:]
        self._accounts: dict[str, str] = {}
        self.certificate = certificate or Authority(self.directory).issue(
            self.host, LOOPBACK
        )

    @classmethod
    def missing(cls) -> str:
        script = _findScript()
        if script is None:
            return "ejabberd is not installed: no program 'ejabberdctl' in PATH"
        erl = _readScript(script).get("ERL", "")
        if shutil.which(erl) is None:
            return f"ejabberd cannot be started: {script} names no Erlang ({erl!r})"
        return ""

    def register(self, user: str, password: str) -> None:
        account = {"user": user, "host": self.host}
        status, answer = self._call("register", {**account, "password": password})
        if status == http.client.CONFLICT:
            status, answer = self._call(
                "change_password", {**account, "newpass": password}
            )
        if status != http.client.OK:
            raise self._failed(f"would not register {user!r} ({status} {answer})")
        self._accounts[user] = password

    def start(self) -> None:
        began = not self.running
        super().start()
        if began:
            # It writes accounts to the disk seconds after it has said that it
            # has them, so L{kill} may have undone the newest.
            for user, password in list(self._accounts.items()):
                self.register(user, password)

    def restartRooms(self) -> None:
        """
        Stop the service of the rooms, and start it again; streams stay.
        """
        module = {"host": self.host, "module": "mod_muc"}
        status, answer = self._call("restart_module", module)
        if status != http.client.OK:
            raise self._failed(f"would not restart the rooms ({status} {answer})")

    def _call(self, command: str, arguments: dict[str, str]) -> tuple[int, str]:
        api = http.client.HTTPConnection(LOOPBACK, self._httpPort, timeout=30)
        try:
            api.request(
                "POST",
                f"/api/{command}",
                json.dumps(arguments),
                {"Content-Type": "application/json"},
            )
            response = api.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            api.close()

    def _started(self, log: str) -> bool:
        # The ports are bound before the modules are loaded.
        return " is started in the node " in log

    def _command(self) -> list[str]:
        return [
            _readScript(_findScript() or "")["ERL"],
            "-noinput",
            "-mnesia",
            "dir",
            f'"{self.directory}/data"',
            "-s",
            "ejabberd",
        ]

    def _environment(self) -> dict[str, str]:
        libraries = _readScript(_findScript() or "").get("ERL_LIBS")
        return {
            **({"ERL_LIBS": libraries} if libraries else {}),
            "EJABBERD_CONFIG_PATH": str(self.directory / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.directory / "ejabberd.log"),
            "CONTRIB_MODULES_PATH": str(self.directory / "contrib"),
            "ERL_CRASH_DUMP": str(self.directory / "crash.dump"),
            "HOME": str(self.directory),
        }

    def _configure(self) -> None:
        # A component listener takes neither the global "certfiles" nor the
        # key in a file of its own.
        pair = self.directory / "component.pem"
        pair.write_bytes(
            self.certificate.certificateFile.read_bytes()
            + self.certificate.keyFile.read_bytes()
        )
        component = {
            "ip": LOOPBACK,
            "module": "ejabberd_service",
            "backlog": 128,
            "shaper": "none",
            # Else one component gets the domains of both.
            "global_routes": False,
            "hosts": {
                domain: {"password": self.componentSecret}
                for domain in (self.componentDomain, self.peerDomain, *self.others)
            },
        }
        configuration = {
            "loglevel": "info",
            "hosts": [self.host],
            "acme": {"auto": False},
            "s2s_access": "none",
            "acl": {
                "admin": {"user": [self.admin]},
                "gateway": {"server": [self.componentDomain]},
            },
            "access_rules": {
                "configure": {"allow": "admin"},
                "gateway": {"allow": "gateway"},
            },
            "listen": [
                {
                    "port": self.clientPort,
                    "ip": LOOPBACK,
                    "module": "ejabberd_c2s",
                    "backlog": 128,
                    "shaper": "none",
                    "access": "all",
                },
                {"port": self.componentPort, **component},
                {
                    "port": self.componentTLSPort,
                    "tls": True,
                    "certfile": str(pair),
                    **component,
                },
                {
                    "port": self._httpPort,
                    "ip": LOOPBACK,
                    "module": "ejabberd_http",
                    "request_handlers": {
                        "/api": "mod_http_api",
                        "/upload": "mod_http_upload",
                    },
                },
            ],
            "api_permissions": {
                "accounts": {
                    "who": {"ip": LOOPBACK},
                    "what": ["register", "change_password", "restart_module"],
                }
            },
            "shaper_rules": {
                "max_user_sessions": 1000,
                "max_user_offline_messages": 100000,
            },
            "modules": {
                "mod_adhoc": {"report_commands_node": True},
                "mod_admin_extra": {},  # has change_password
                "mod_configure": {},  # administrative commands
                "mod_disco": {},
                "mod_http_api": {},
                "mod_http_upload": {
                    "hosts": [self.uploadDomain],
                    "access": "gateway",
                    "docroot": str(self.directory / "uploads"),
                    "max_size": self.uploadLimit,
                    "put_url": f"http://{LOOPBACK}:{self._httpPort}/upload",
                },
                "mod_last": {},
                "mod_mam": {},
                "mod_muc": {
                    "hosts": [self.mucDomain, self.plainMUCDomain],
                    "access_create": "all",
                    "default_room_options": {"mam": True},
                },
                "mod_offline": {},
                "mod_ping": {},
                "mod_register": {},
                "mod_roster": {},
                "mod_stats": {},
                "mod_stun_disco": {
                    "access": "gateway",
                    "offer_local_services": False,
                    "services": [
                        {
                            "host": LOOPBACK,
                            "port": self.stunPort,
                            "type": kind,
                            "transport": "udp",
                            "restricted": kind == "turn",
                        }
                        for kind in ("stun", "turn")
                    ],
                },
                "mod_time": {},
                "mod_version": {},
            },
        }
        # What is JSON is YAML.
        (self.directory / "ejabberd.yml").write_text(json.dumps(configuration))
