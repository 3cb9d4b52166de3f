"""
An existing web site with the gateway beside its own pages.

Run it with C{python docs/examples/embedding.py}, and POST stanzas to C{/xmpp}.
"""

from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from xmpprest import Config, makeGateway

# The existing site: a tree of pages and a tree of services.
pages = Resource()
pages.putChild(b"hello", Data(b"Hello from the site.\n", "text/plain"))
services = MultiService()

# New: the gateway, in both trees.
config = Config(
    domain="gateway.example.org",
    server="tcp:127.0.0.1:5347",
    secret=Path("secret").read_text().strip(),
    credentials=["dmVyeSBzZWNyZXQgdG9rZW4K"],
    callbackURL="http://127.0.0.1:9999/",
)
gateway = makeGateway(config, reactor)
pages.putChild(b"xmpp", gateway.resource)
gateway.service.setServiceParent(services)

# The existing site: start everything, and stop it at the end.
reactor.callWhenRunning(services.startService)
reactor.addSystemEventTrigger("before", "shutdown", services.stopService)
serverFromString(reactor, "tcp:8080:interface=127.0.0.1").listen(Site(pages))
reactor.run()
