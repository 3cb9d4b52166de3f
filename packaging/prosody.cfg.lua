-- For compose.yaml, which passes the secret.
modules_enabled = { "roster", "saslauth", "disco", "ping", "presence", "message", "iq" }
authentication = "internal_hashed"
-- For tests among containers. Remove this line when Prosody has a certificate.
c2s_require_encryption = false
log = { info = "*console" }

component_ports = { 5347 }
-- Only other containers can connect: compose.yaml does not publish the port.
component_interfaces = { "*" }

VirtualHost "example.org"

Component "gateway.example.org"
    component_secret = ENV_XMPPREST_SECRET
    -- A new connection replaces one that is half open, or of a stopped instance.
    component_conflict_resolve = "kick_old"
