"""Failures of a delivery to a callback."""

from __future__ import annotations


class DeliveryError(Exception):
    """
    A callback gave no usable response. The message tells an operator why.
    """


class ResponseLimitExceeded(DeliveryError):
    """
    A response exceeded the limit on its time or its size; a smaller batch may succeed.
    """
