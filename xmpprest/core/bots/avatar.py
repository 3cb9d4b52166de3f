"""Checks avatars: PNG or JPEG images that are whole, small and of sane dimensions."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from struct import unpack_from

#: The highest number of bytes, and of pixels on a side. XEP-0153 §4 advises 8 KiB and
#: 96 pixels; many clients publish more.
MAX_BYTES = 64 * 1024
MAX_PIXELS = 1024

#: The media types of avatars.
TYPES = ("image/png", "image/jpeg")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Avatar:
    """
    An avatar that was checked.

    @ivar type: C{image/png} or C{image/jpeg}.
    @ivar sha1: The SHA-1 of the image in hexadecimal, as XEP-0153 §2.2 wants it.
    """

    type: str
    data: bytes = field(repr=False)
    sha1: str

    @classmethod
    def of(cls, data: bytes) -> Avatar:
        """
        Check an image.

        @raise ValueError: It is not an acceptable avatar; the message says why.
        """
        if len(data) > MAX_BYTES:
            raise ValueError(
                f"it has {len(data)} bytes, more than {MAX_BYTES}; make it smaller"
            )
        if data.startswith(_PNG_SIGNATURE):
            type, (width, height) = "image/png", _sizeOfPNG(data)
        elif data.startswith(_JPEG_SIGNATURE):
            type, (width, height) = "image/jpeg", _sizeOfJPEG(data)
        else:
            raise ValueError("it is neither a PNG nor a JPEG image")
        if not (0 < width <= MAX_PIXELS and 0 < height <= MAX_PIXELS):
            raise ValueError(
                f"it has {width} x {height} pixels; each side must have 1 to"
                f" {MAX_PIXELS}"
            )
        return cls(type, data, hashlib.sha1(data, usedforsecurity=False).hexdigest())


def _sizeOfPNG(data: bytes) -> tuple[int, int]:
    """
    Read the dimensions of a PNG image (PNG §5, §11.2.2), and check each chunk.

    @raise ValueError: The image is damaged or incomplete.
    """
    damaged = ValueError("the PNG image is damaged or incomplete")
    at, size, hasPixels = len(_PNG_SIGNATURE), (0, 0), False
    while at + 12 <= len(data):
        length, name = unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise damaged
        (checksum,) = unpack_from(">I", data, end - 4)
        if zlib.crc32(data[at + 4 : end - 4]) != checksum:
            raise damaged
        isFirst = at == len(_PNG_SIGNATURE)
        if isFirst != (name == b"IHDR") or (isFirst and length != 13):
            raise damaged
        if isFirst:
            size = unpack_from(">II", data, at + 8)
        hasPixels = hasPixels or name == b"IDAT"
        at = end
        if name == b"IEND":
            if at != len(data) or not hasPixels:
                raise damaged
            return size
    raise damaged


#: JPEG markers (ITU-T T.81, table B.1): frame headers, which have the dimensions; the
#: start of the pixels; the end of the image; markers without a length.
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SCAN, _END = 0xDA, b"\xff\xd9"
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def _sizeOfJPEG(data: bytes) -> tuple[int, int]:
    """
    Read the dimensions of a JPEG image from its frame header (ITU-T T.81 §B.2.2).

    @raise ValueError: The image is damaged or incomplete.
    """
    damaged = ValueError("the JPEG image is damaged or incomplete")
    at, size = 2, None
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xFF, *_BARE):  # 0xFF fills
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = unpack_from(">H", data, at + 2)
        if marker in _FRAMES:
            if length < 8 or at + 9 > len(data):
                raise damaged
            height, width = unpack_from(">HH", data, at + 5)
            size = (width, height)
        if marker == _SCAN:
            break
        if length < 2:
            raise damaged
        at += 2 + length
    else:
        raise damaged
    if size is None or not data.endswith(_END):
        raise damaged
    return size
