"""The composition root: makes the parts of a gateway and joins them."""

from .gateway import Gateway, makeGateway

__all__ = ["Gateway", "makeGateway"]
