"""
The gateway as a stand-alone application: C{twistd -ny xmpprest.tac}.
"""

from pathlib import Path

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from xmpprest import Config, makeGateway

gateway = makeGateway(
    Config(
        domain="gateway.example.org",
        server="tcp:127.0.0.1:5347",
        secret=Path("secret").read_text().strip(),
        credentials=["dmVyeSBzZWNyZXQgdG9rZW4K"],
        callbackURL="http://127.0.0.1:9999/",
    ),
    reactor,
)
endpoint = serverFromString(reactor, "tcp:8080:interface=127.0.0.1")

application = Application("xmpprest")
gateway.service.setServiceParent(application)
StreamServerEndpointService(endpoint, gateway.site).setServiceParent(application)
