"""The composition root: makes the parts and joins them, here and nowhere else."""

from .gateway import Gateway, makeGateway

__all__ = ["Gateway", "makeGateway"]
