"""
Prosody, as any user.
"""

from __future__ import annotations

import shutil
import subprocess

from tests.support.process import LOOPBACK, ServerProcess

# No module "limits", no "s2s", no "tls": neither rates nor federation nor
# certificates. The administrator is one of "{host}" alone: rooms would make
# their administrators owners.
_CONFIGURATION = """
data_path = "{directory}/data"
certificates = "{directory}/data"
run_as_root = true
log = {{ info = "*console" }}
interfaces = {{ "{loopback}" }}
local_interfaces = {{ "{loopback}" }}
c2s_ports = {{ {clientPort} }}
c2s_direct_tls_ports = {{ }}
component_interfaces = {{ "{loopback}" }}
component_ports = {{ {componentPort} }}
http_interfaces = {{ "{loopback}" }}
http_ports = {{ {httpPort} }}
https_interfaces = {{ }}
https_ports = {{ }}
modules_enabled = {{
    "adhoc", "disco", "lastactivity", "ping", "posix", "roster", "saslauth",
    "time", "uptime", "version",
}}
modules_disabled = {{ "s2s", "s2s_auth_certs" }}
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true

VirtualHost "{host}"
    modules_enabled = {{ "admin_adhoc", "external_services" }}
    admins = {{ "{admin}" }}
    external_service_access = {{ "{componentDomain}" }}
    external_services = {{
        {{ type = "stun", transport = "udp", host = "{loopback}", port = {stunPort} }},
        {{
            type = "turn", transport = "udp", host = "{loopback}", port = {stunPort},
            secret = "{secret}",
        }},
    }}
Component "{mucDomain}" "muc"
    modules_enabled = {{ "muc_mam" }}
    muc_room_locking = false
Component "{plainMUCDomain}" "muc"
    muc_room_locking = false
    muc_room_default_persistent = true
Component "{uploadDomain}" "http_file_share"
    http_host = "{loopback}"
    http_file_share_access = {{ "{componentDomain}" }}
    http_file_share_size_limit = {uploadLimit}
"""

_COMPONENT = """
Component "{domain}"
    component_secret = "{secret}"
"""


class Prosody(ServerProcess):
    """
    A Prosody with two external components, rooms, uploads and plain accounts.
    """

    name = "prosody"
    portCount = 3

    @classmethod
    def missing(cls) -> str:
        for program in ("prosody", "prosodyctl"):
            if shutil.which(program) is None:
                return f"Prosody is not installed: no program {program!r} in PATH"
        return ""

    def register(self, user: str, password: str) -> None:
        done = subprocess.run(
            ["prosodyctl", *self._options(), "register", user, self.host, password],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            raise self._failed(f"would not register {user!r} ({done.stdout.strip()})")

    def _configure(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)
        (self.directory / "prosody.cfg.lua").write_text(
            _CONFIGURATION.format(
                directory=self.directory,
                loopback=LOOPBACK,
                clientPort=self.clientPort,
                componentPort=self.componentPort,
                host=self.host,
                mucDomain=self.mucDomain,
                plainMUCDomain=self.plainMUCDomain,
                uploadDomain=self.uploadDomain,
                uploadLimit=self.uploadLimit,
                admin=self.admin,
                stunPort=self.stunPort,
                httpPort=self.ports[2],
                componentDomain=self.componentDomain,
                secret=self.componentSecret,
            )
            + "".join(
                _COMPONENT.format(domain=domain, secret=self.componentSecret)
                for domain in (self.componentDomain, self.peerDomain, *self.others)
            )
        )

    def _options(self) -> list[str]:
        return ["--config", str(self.directory / "prosody.cfg.lua")]

    def _command(self) -> list[str]:
        return ["prosody", "-F", *self._options()]
