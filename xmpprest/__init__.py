"""
An HTTP gateway to XMPP, beside any server.

Programs that embed it need L{Config}, L{makeGateway}, the L{Gateway} that it returns,
and L{TokenConfig} for tokens with limited permissions.
"""

from ._version import __version__
from .config.config import Config
from .config.tokens import TokenConfig
from .gateway import Gateway, makeGateway

__all__ = ["Config", "Gateway", "TokenConfig", "__version__", "makeGateway"]
