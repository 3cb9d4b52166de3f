"""
An HTTP gateway to XMPP, beside any server.

Who embeds it needs L{Config}, perhaps with L{Token}s, L{makeGateway} and the L{Gateway}
that results.
"""

from ._version import __version__
from .config import Config
from .gateway import Gateway, makeGateway
from .tokens import Token

__all__ = ["Config", "Gateway", "Token", "__version__", "makeGateway"]
