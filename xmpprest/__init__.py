"""
An HTTP gateway to XMPP, beside any server.

Who embeds it needs L{Config}, L{makeGateway} and the L{Gateway} that results.
"""

from ._version import __version__
from .config import Config
from .gateway import Gateway, makeGateway

__all__ = ["Config", "Gateway", "__version__", "makeGateway"]
