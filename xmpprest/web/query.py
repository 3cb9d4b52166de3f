"""Parses the query strings of the gateway's own routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twisted.web.server import Request

from ..core.codec.scalars import Scalar, unknownKey
from ..core.errors import Refusal
from ..core.media import formats
from .server.request import queryOf


def parseQuery(request: Request, parameters: Mapping[str, Scalar]) -> dict[str, Any]:
    """
    Parse the query of a request.

    @param parameters: The types of the known parameters, by name.
    @return: The given values, by the name of their parameter.
    @raise Refusal: 400 if a parameter is unknown, repeated, or has an invalid value.
    """
    values: dict[str, Any] = {}
    try:
        for key, text in formats.parseForm(queryOf(request)).items():
            if key not in parameters:
                raise unknownKey("", key, parameters)
            values[key] = parameters[key].fromText(text, key)
    except Refusal as refusal:
        raise Refusal(replace(refusal.problem, status=400)) from None
    return values
