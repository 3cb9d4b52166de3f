-- For compose.yaml, which gives it the secret.
modules_enabled = { "roster", "saslauth", "disco", "ping", "presence", "message", "iq" }
authentication = "internal_hashed"
-- To try it out, among containers; with a certificate, take this out.
c2s_require_encryption = false
log = { info = "*console" }

component_ports = { 5347 }
-- Only the other containers reach it: compose.yaml does not publish the port.
component_interfaces = { "*" }

VirtualHost "example.org"

Component "gateway.example.org"
    component_secret = ENV_XMPPREST_SECRET
