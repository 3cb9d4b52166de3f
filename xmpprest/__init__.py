"""
An HTTP gateway to XMPP, beside any server.

Who embeds it needs L{Config}, perhaps with L{TokenConfig}s, L{makeGateway} and the
L{Gateway} that results.
"""

from ._version import __version__
from .config.config import Config
from .config.tokens import TokenConfig
from .gateway import Gateway, makeGateway

__all__ = ["Config", "Gateway", "TokenConfig", "__version__", "makeGateway"]
