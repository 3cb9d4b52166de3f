"""Files that clients upload: names, media types, and the files in JSON."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from ..codec.scalars import STRING, quoteShort, unknownKey, wrongType
from ..errors import Refusal, unprocessable
from ..media.values import Value
from ..stanza.parser import illegalCharacter

#: Longest name of a file, in bytes, as file systems have it.
MAX_NAME = 255
#: Number of files that one message may have.
MAX_FILES = 20

_OCTETS = "application/octet-stream"
#: A media type (RFC 6838 §4.2).
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True, slots=True)
class GivenFile:
    """
    A file in the body of a request.

    @ivar type: Its media type.
    @ivar data: Its content.
    """

    name: str
    type: str
    data: bytes


def checkedName(name: str) -> str:
    """
    Return the name of a file.

    @raise Refusal: 422, it is empty, a path, or longer than file systems have it.
    """
    isPath = "/" in name or "\\" in name or name in (".", "..")
    isText = name.isprintable() and not illegalCharacter(name)
    if not name or isPath or not isText or len(name.encode()) > MAX_NAME:
        raise unprocessable(
            "bad-format",
            f"The file name {quoteShort(name)} is not the plain name of a file of at"
            f' most {MAX_NAME} bytes; write filename="photo.jpg".',
        )
    return name


def checkedType(type: str) -> str:
    """Return a media type without parameters; the general one if it is malformed."""
    name = type.partition(";")[0].strip().lower()
    return name if _TYPE.fullmatch(name) else _OCTETS


def requireContent(name: str, size: int) -> None:
    """
    Check that a file is not empty.

    @raise Refusal: 422, it is: XEP-0363 has no slots for empty files.
    """
    if not size:
        raise unprocessable(
            "bad-format",
            f"The file {quoteShort(name)} is empty; upload services take no empty"
            " files.",
        )


def tooManyFiles() -> Refusal:
    """Make the refusal of a message with too many files: 422."""
    return unprocessable(
        "resource-constraint",
        f"The message has more than {MAX_FILES} files; send the others in another one.",
    )


# --- files in JSON --------------------------------------------------------------


def takeFiles(value: Value) -> tuple[Value, list[GivenFile]]:
    """
    Take the files to upload out of the JSON form of a message.

    @return: The rest, and the files; no files if the value has none with C{data}.
    @raise Refusal: 422, a file is malformed, or not all of them have C{data}.
    """
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, list) or not any(map(_hasData, files)):
        return value, []
    assert isinstance(value, dict)
    if len(files) > MAX_FILES:
        raise tooManyFiles()
    given = [_given(each, f"files[{index}]") for index, each in enumerate(files)]
    return {key: inner for key, inner in value.items() if key != "files"}, given


def _hasData(file: Value) -> bool:
    return isinstance(file, dict) and file.get("data") is not None


def _given(file: Value, at: str) -> GivenFile:
    if not isinstance(file, dict):
        raise wrongType(at, "an object", file)
    for key in file:
        if key not in ("name", "type", "data"):
            raise unknownKey(at, key, ("name", "type", "data"))
    name, type = _text(file, "name", at), file.get("type")
    data = _content(_text(file, "data", at), f"{at}.data")
    requireContent(checkedName(name), len(data))
    given = "" if type is None else STRING.toText(type, f"{at}.type")
    return GivenFile(name, checkedType(given), data)


def _text(file: Mapping[str, Value], key: str, at: str) -> str:
    text = file.get(key)
    if text is None:
        raise unprocessable(
            "bad-format",
            f"The key {at!r} needs a {key!r}: with 'data' in one file, all have it,"
            " and a 'name'.",
            f"{at}.{key}",
        )
    return STRING.toText(text, f"{at}.{key}")


def _content(text: str, at: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise unprocessable(
            "bad-format",
            f"The key {at!r} must be base64 (RFC 4648 §4), with its padding and without"
            " line breaks.",
            at,
        ) from None
