"""
Webhook requests as values: parses the body, and reads fields that may be missing.

Unlike a client of the gateway, the sender of a webhook cannot change what it sends, so
parsing is lenient: only what cannot be read at all is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from ..errors import Refusal, badRequest

#: Maximum depth of a JSON body in levels, and number of its lists and objects.
MAX_DEPTH, MAX_CONTAINERS = 64, 50_000
#: Maximum length of a form, which takes ten times as long to read as JSON.
MAX_FORM = 2**18
#: Numbers from this on are not counts.
MAX_NUMBER = 2**53
#: Maximum number of fields of a form.
MAX_FIELDS = 100

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

#: Form fields that hold JSON: GitHub and Slack, Discord, Uptime Kuma.
_JSON_FIELDS = ("payload", "payload_json", "data")

#: The start of a form. C{curl -d TEXT} says that any text is a form.
_FORM_START = re.compile(r"[\w.~%+*\[\]-]+=")

_BOUNDARY = re.compile(r'(?i);\s*boundary=(?:"([^"]*)"|([^\s;]+))')
_NAME = re.compile(r'(?i)[; ]name="?([^";]*)')
_FILENAME = re.compile(r"(?i)[; ]filename\*?=")
_CHARSET = re.compile(r'(?i);\s*charset="?([\w-]+)')
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


@dataclass(slots=True)
class HookRequest:
    """
    A request to a hook.

    @ivar headers: The header fields by name in lower case.
    @ivar body: The body as it arrived.
    @ivar value: The JSON value or the fields of the form; C{None} for text.
    @ivar text: The body as text.
    @ivar query: The values of the query by name.
    @ivar fields: The fields of the JSON object or the form.
    """

    headers: Mapping[str, str]
    body: bytes
    value: Any = None
    text: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Fields = field(init=False)

    def __post_init__(self) -> None:
        self.fields = Fields(self.value)

    def header(self, *names: str) -> str:
        """
        Return the value of the first header field that is present; empty if none is.

        @param names: In lower case.
        """
        headers = self.headers
        for each in names:
            if each in headers:
                return headers[each]
        return ""


def parseRequest(
    headers: Mapping[str, str], body: bytes, query: bytes = b""
) -> HookRequest:
    """
    Parse a request to a hook.

    @param headers: The header fields by name in lower case.
    @param query: The query of the URL, still encoded.
    @raise Refusal: 400, the body is of a type that it is not, or too deep.
    """
    contentType = headers.get("content-type", "")
    kind = contentType.partition(";")[0].strip().lower()
    text = body.decode(_codec(contentType), "replace").removeprefix("\ufeff")
    value: Any = None
    if kind == _MULTIPART:
        value = _withJSON(_parts(text, contentType))
    elif kind == _FORM and _FORM_START.match(text):
        value = _withJSON(_pairs(text))
    elif kind.endswith(("/json", "+json")):
        value = parseJSON(text)
    elif text.lstrip()[:1] in ("{", "["):
        # Many senders leave the type out, or say text/plain.
        value = _tryJSON(text)
    asked = _pairs(query.decode("utf-8", "replace")) if query else {}
    return HookRequest(headers, body, value, text, asked)


def parseJSON(text: str) -> Any:
    """
    Parse JSON, also with duplicate keys and other faults that do no harm.

    @raise Refusal: 400, the text is not JSON, or deeper than L{MAX_DEPTH}.
    """
    _checkDepth(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise badRequest(
            f"The body is not well-formed JSON: {error.msg} at line {error.lineno},"
            f" column {error.colno}."
        ) from None
    except (ValueError, RecursionError):
        raise badRequest("The body has a number of too many digits.") from None


def _tryJSON(text: str) -> Any:
    try:
        return parseJSON(text)
    except Refusal:
        return None


def _checkDepth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    marks = _STRING.sub("", text)
    if marks.count("[") + marks.count("{") > MAX_CONTAINERS:
        raise badRequest(
            f"The body holds more than {MAX_CONTAINERS} lists and objects; let the"
            " sender split it, as max_alerts of Alertmanager does."
        )
    depth = 0
    for mark in re.findall(r"[\[\]{}]", marks):
        depth += 1 if mark in "[{" else -1
        if depth > MAX_DEPTH:
            raise badRequest(f"The body nests deeper than {MAX_DEPTH} levels.")


def _codec(contentType: str) -> str:
    """Return a codec; UTF-8 for every charset but the one that old senders use."""
    if "=" not in contentType:
        return "utf-8"
    found = _CHARSET.search(contentType)
    isLatin = found and found[1].lower() in ("iso-8859-1", "latin1", "windows-1252")
    return "cp1252" if isLatin else "utf-8"


def _pairs(text: str) -> dict[str, str]:
    if len(text) > MAX_FORM:
        raise badRequest(f"The form is longer than {MAX_FORM} bytes; send JSON.")
    try:
        return dict(parse_qsl(text, True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise badRequest(f"The form has more than {MAX_FIELDS} fields.") from None


def _parts(text: str, contentType: str) -> dict[str, str]:
    """
    Parse the fields of C{multipart/form-data} (RFC 7578); files are left out.

    @raise Refusal: 400, the boundary is missing, or there are too many parts.
    """
    found = _BOUNDARY.search(contentType)
    if found is None:
        raise badRequest("The Content-Type has no boundary.")
    boundary = found[1] or found[2]
    parts = text.split(f"--{boundary}", MAX_FIELDS + 2)[1:-1]
    if len(parts) > MAX_FIELDS:
        raise badRequest(f"The form has more than {MAX_FIELDS} fields.")
    fields = {}
    for part in parts:
        head, _, content = part.partition("\r\n\r\n")
        name = _fieldName(head)
        if name is not None:
            fields[name] = content.removesuffix("\r\n")
    return fields


def _fieldName(head: str) -> str | None:
    """Return the name of a part of a form; C{None} for a file or another part."""
    for line in head.splitlines():
        kind, semicolon, parameters = line.partition(";")
        if kind.rstrip().lower().endswith("form-data"):
            found = _NAME.search(semicolon + parameters)
            isFile = _FILENAME.search(semicolon + parameters) is not None
            return None if found is None or isFile else found[1]
    return None


def _withJSON(form: dict[str, str]) -> Any:
    """Return the fields of a form, or the JSON value that one of them holds."""
    for name in _JSON_FIELDS:
        text = form.get(name, "")
        if text.lstrip().startswith("{"):
            return parseJSON(text)
    return form


def asText(value: Any) -> str:
    """Return a text, a number or a truth value as text; empty for anything else."""
    if isinstance(value, str):
        return value if value and not value.isspace() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else ""


class Fields:
    """
    The fields of a JSON object, read by paths such as C{"repository.full_name"}.

    Each field may be missing, or have another type than the sender documents: then a
    default is returned. A wrong field must not lose an alert.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        """@param value: Any JSON value; one that is no object has no fields."""
        self.value: Mapping[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self.value)

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def get(self, path: str) -> Any:
        """Return the value at a path; C{None} if there is none."""
        value: Any = self.value
        if "." not in path:
            return value.get(path)
        for name in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def text(self, *paths: str) -> str:
        """Return the first text or number at one of the paths; empty if none is."""
        for path in paths:
            value = self.value.get(path) if "." not in path else self.get(path)
            if value is not None and (found := asText(value)):
                return found
        return ""

    def number(self, path: str) -> float | None:
        """Return the number at a path; C{None} if there is none, or a huge one."""
        value = self.get(path)
        isNumber = isinstance(value, int | float) and not isinstance(value, bool)
        return value if isNumber and abs(value) < MAX_NUMBER else None

    def isTrue(self, path: str) -> bool:
        """Return whether the value at a path is true."""
        return self.get(path) is True

    def object(self, path: str) -> Fields:
        """Return the object at a path; one without fields if there is none."""
        return Fields(self.get(path))

    def list(self, path: str) -> Sequence[Any]:
        """Return the list at a path; an empty one if there is none."""
        value = self.get(path)
        return value if isinstance(value, list) else ()
