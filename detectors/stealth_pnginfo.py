"""Prompts hidden in the least significant bits of pixels: NovelAI, and AUTOMATIC1111's stealth-pnginfo extension.

Sees: the signature `stealth_pnginfo`, `stealth_pngcomp` (alpha channel) or `stealth_rgbinfo`, `stealth_rgbcomp` (red,
green and blue in turn), read down the columns from the left (x outer, y inner); then the payload's length in bits
(32 bits, big-endian) and the payload, UTF-8 or gzip. The payload must be valid settings.

Examines lossless formats (PNG, BMP, TIFF, lossless WebP) and abstains on others. Defeated by: any lossy
re-encoding, resizing, cropping from the left or top. Tier C. Source: the extension's and NovelAI's published readers.
"""

from __future__ import annotations

import zlib

import numpy as np

from auditor.images import generation_settings
from auditor.images.containers import MAX_INFLATED
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

_SIGNATURES = {
    "alpha": (b"stealth_pnginfo", b"stealth_pngcomp"),
    "rgb": (b"stealth_rgbinfo", b"stealth_rgbcomp"),
}
_SIGNATURE_BITS = 15 * 8
_LENGTH_BITS = 32


class StealthPnginfo(Detector):
    """See the module."""

    id = "stealth-pnginfo"
    evidence = Evidence.DECLARED
    needs = Need.PIXELS

    def resources(self) -> tuple[str, ...]:
        """The parsers that decide what settings are."""
        return (generation_settings.__file__,)

    def look(self, view: View) -> DetectorResult:
        """Reads the alpha channel first, then the colour channels."""
        if view.stripped:
            return DetectorResult.abstained(view.stripped)
        if not view.container.lossless:
            return DetectorResult.abstained("a lossy format keeps no least significant bits")
        pixels = view.pixels
        for plane, signatures in _SIGNATURES.items():
            payload = _payload(pixels, plane, signatures)
            if payload is not None:
                generator = _generator(payload)
                if generator:
                    return DetectorResult.hit(Tier.C, f"{generator}: hidden in the {plane} bits", generator=generator)
        return DetectorResult.negative()


def _payload(pixels: np.ndarray, plane: str, signatures: tuple[bytes, bytes]) -> str | None:
    """The hidden text of one plane; None if it has no signature or cannot be decompressed."""
    channels = pixels.shape[2]
    if (plane == "alpha" and channels not in (2, 4)) or (plane == "rgb" and channels < 3):
        return None
    head = _bits(pixels, plane, _SIGNATURE_BITS + _LENGTH_BITS)
    signature = head[: _SIGNATURE_BITS // 8]
    if signature not in signatures:
        return None
    length = int.from_bytes(head[_SIGNATURE_BITS // 8 :], "big")
    start = (_SIGNATURE_BITS + _LENGTH_BITS) // 8
    data = _bits(pixels, plane, _SIGNATURE_BITS + _LENGTH_BITS + length)[start : start + length // 8]
    if signature == signatures[1]:
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, MAX_INFLATED)
        except zlib.error:
            return None
    return data.decode("utf-8", "replace")


def _bits(pixels: np.ndarray, plane: str, count: int) -> bytes:
    """The first `count` bits of a plane, column by column, packed into bytes; fewer if the image is smaller."""
    height = pixels.shape[0]
    channels = 1 if plane == "alpha" else 3
    columns = min(-(-count // (height * channels)), pixels.shape[1])
    values = pixels[:, :columns, -1:] if plane == "alpha" else pixels[:, :columns, :3]
    bits = (values & 1).transpose(1, 0, 2).reshape(-1)[:count]
    return np.packbits(bits).tobytes()


def _generator(payload: str) -> str | None:
    """The generator that wrote a payload; None if it is not settings."""
    content = generation_settings.parsed(payload)
    if not content:
        found = generation_settings.find(payload)
        return found.generator if found else None
    return "NovelAI" if "NovelAI" in str(content.get("Software", "")) or "Comment" in content else "Stable Diffusion"
