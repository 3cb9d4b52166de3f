"""
Limits of message templates.

A template is written by the operator and reads data of strangers. Loops, filters, texts
and the output are limited, so that a template ends soon, whatever the data.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

#: Maximum size of a template in characters.
MAX_SOURCE = 20_000
#: Maximum number of iterations of all loops and filters of one message.
MAX_STEPS = 10_000
#: Maximum length of a text that a template makes, in characters.
MAX_TEXT = 20_000
#: Payloads up to this size in bytes are given to templates as they are.
SMALL_PAYLOAD = 8192
#: Of a larger payload a template sees this much: values, items of a list or object,
#: characters of a text, levels.
_MAX_VALUES, _MAX_ITEMS, _MAX_STRING, _MAX_DEPTH = 2000, 200, 4000, 16


class TemplateError(Exception):
    """A template could not make a message; the text says why."""


def prune(value: Any) -> Any:
    """
    Return the part of a large payload that a template sees, so that each step of a
    template takes a short time. Of all values, those of the upper levels come first.
    """
    result = _shallow(value)
    waiting = [(value, result, 0)]
    left = _MAX_VALUES
    for source, copy, depth in waiting:
        if not isinstance(source, dict | list) or depth == _MAX_DEPTH:
            continue
        names = source if isinstance(source, dict) else range(len(source))
        for name in islice(names, _MAX_ITEMS):
            each = _shallow(source[name])
            if isinstance(copy, dict):
                copy[name] = each
            else:
                copy.append(each)
            waiting.append((source[name], each, depth + 1))
            left -= 1
            if not left:
                return result
    return result


def _shallow(value: Any) -> Any:
    """Return a short text, an empty list or object, or any other value."""
    if isinstance(value, str):
        return value[:_MAX_STRING]
    return type(value)() if isinstance(value, dict | list) else value
