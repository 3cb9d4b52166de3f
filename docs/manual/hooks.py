"""The shapes of hooks, as L{xmpprest.core.hooks.shapes} has them."""

from __future__ import annotations

from xmpprest.core.hooks.notice import Notice
from xmpprest.core.hooks.request import HookRequest
from xmpprest.core.hooks.shapes import SHAPES, Shape

from .markup import literal, prose, table


def written() -> str:
    """Write a table of the shapes."""
    head = ("Shape", "Sender", "Signature", "Delivery id", "Response")
    rows = [
        (
            literal(name),
            prose(shape.sender),
            "no" if shape.check is None else prose(shape.signature),
            ", ".join(map(literal, shape.deliveryHeaders)) or "no",
            _response(shape),
        )
        for name, shape in SHAPES.items()
    ]
    return "\n".join(table("14 30 20 20 16", head, rows))


def _response(shape: Shape) -> str:
    """The status and the body of the response to a stored message."""
    reply = shape.answer("ID", HookRequest({}, b"{}", {}), Notice(title="Title"))
    body = reply.body.decode().strip()
    text = literal(body) if len(body) < 50 else "JSON"
    return f"{reply.status} {text if body else ''}".strip()
