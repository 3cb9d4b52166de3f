"""Tests for L{xmpprest.core.bots.avatar}."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots.avatar import MAX_BYTES, MAX_PIXELS, Avatar

from .images import chunk, jpeg, png


class AvatarTests(SynchronousTestCase):
    """
    L{Avatar.of}
    """

    def assertRefused(self, data: bytes, reason: str) -> None:
        """Assert that an image is refused, with a reason."""
        with self.assertRaisesRegex(ValueError, reason):
            Avatar.of(data)

    def test_accepted(self) -> None:
        """
        A PNG and a JPEG image are accepted, with their type and hash.
        """
        for type, data in (("image/png", png()), ("image/jpeg", jpeg())):
            sha1 = hashlib.sha1(data).hexdigest()
            self.assertEqual(Avatar.of(data), Avatar(type, data, sha1))

    def test_size(self) -> None:
        """
        An image of 64 KiB is accepted, one with a byte more is not.
        """
        padding = MAX_BYTES - len(png(padding=1)) + 1
        self.assertEqual(len(Avatar.of(png(padding=padding)).data), MAX_BYTES)
        self.assertRefused(png(padding=padding + 1), "has 65537 bytes")

    def test_dimensions(self) -> None:
        """
        Each side has 1 to 1,024 pixels.
        """
        for make in (png, jpeg):
            Avatar.of(make(MAX_PIXELS, 1))
            for width, height in ((MAX_PIXELS + 1, 1), (1, MAX_PIXELS + 1), (0, 1)):
                self.assertRefused(
                    make(width, height), f"it has {width} x {height} pixels"
                )

    def test_otherTypes(self) -> None:
        """
        Only PNG and JPEG are images here.
        """
        for data in (b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
            self.assertRefused(data, "neither a PNG nor a JPEG")

    def test_cut(self) -> None:
        """
        An image that is cut anywhere is refused.
        """
        for data in (png(), jpeg()):
            for end in range(len(data)):
                self.assertRefused(data[:end], "damaged|neither")

    def test_longer(self) -> None:
        """
        Data behind the end of an image, such as an archive, is refused.
        """
        self.assertRefused(png() + b"PK", "damaged")
        self.assertRefused(jpeg() + b"PK", "damaged")

    def test_chunks(self) -> None:
        """
        A PNG image begins with its header, has pixels, and its checksums are right.
        """
        signature, header, end = png()[:8], png()[8:33], chunk(b"IEND", b"")
        wrong = bytearray(png())
        wrong[20] ^= 1
        for data in (
            signature + end,
            signature + header + end,
            signature + header + header + end,
            signature + chunk(b"IHDR", b"x" * 12) + chunk(b"IDAT", b"") + end,
            bytes(wrong),
        ):
            self.assertRefused(data, "the PNG image is damaged")

    def test_segments(self) -> None:
        """
        A JPEG image has a frame with its dimensions before its pixels, and its segments
        have possible lengths.
        """
        begin, end = b"\xff\xd8", b"\xff\xd9"
        for data in (
            begin + b"\xff\xda\x00\x08" + end,
            begin + b"\xff\xe0\x00\x00" + jpeg()[2:],
            begin + b"\xff\xc0\x00\x05\x08\x00\x02" + jpeg()[2:],
            begin + b"\xff\xe0\xff\xff" + end,
        ):
            self.assertRefused(data, "the JPEG image is damaged")

    @given(st.sampled_from([png()[:8], jpeg()[:3]]), st.binary(max_size=80))
    def test_noise(self, signature: bytes, data: bytes) -> None:
        """
        Noise behind a signature is refused, or has possible dimensions.
        """
        try:
            avatar = Avatar.of(signature + data)
        except ValueError:
            return
        self.assertEqual(avatar.type, "image/jpeg")
