"""Small images for tests, made by hand."""

from __future__ import annotations

import zlib
from struct import pack


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG image."""
    return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))


def png(width: int = 2, height: int = 2, padding: int = 0) -> bytes:
    """Return a grey PNG image with a text of some bytes in it."""
    header = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height)
    chunks = [
        chunk(b"IHDR", header),
        chunk(b"tEXt", b"x" * padding) if padding else b"",
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(width: int = 2, height: int = 2) -> bytes:
    """Return the segments of a JPEG image; its pixels are noise."""
    app = b"\xff\xe0" + pack(">H", 7) + b"JFIF\0"
    frame = b"\xff\xc0" + pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + app + b"\xff" + frame + scan + b"\x12\x34" + b"\xff\xd9"
