import gzip
import io

import making
import numpy as np
import pytest
from looking import look
from PIL import Image


def hidden(payload: bytes, signature: str, format="PNG", width=200, height=100, **save) -> bytes:
    """An image with a payload in its lowest bits, written as the extension does: down the columns."""
    alpha = "png" in signature
    array = making.pixels(width, height, 4 if alpha else 3)
    data = signature.encode() + (len(payload) * 8).to_bytes(4, "big") + payload
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    plane = array[:, :, 3:] if alpha else array[:, :, :3]
    flat = plane.transpose(1, 0, 2).reshape(-1).copy()
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits
    plane[:] = flat.reshape(width, height, plane.shape[2]).transpose(1, 0, 2)
    out = io.BytesIO()
    Image.fromarray(array).save(out, format, **save)
    return out.getvalue()


@pytest.mark.parametrize("signature", ["stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp"])
def test_every_signature_is_read(signature):
    payload = making.A1111.encode()
    reading = look("stealth-pnginfo", hidden(gzip.compress(payload) if "comp" in signature else payload, signature))
    assert (reading.generator, reading.tier) == ("AUTOMATIC1111", "C")


def test_novelai_is_told_by_its_json():
    payload = gzip.compress(b'{"Software": "NovelAI", "Comment": "{}"}')
    assert look("stealth-pnginfo", hidden(payload, "stealth_pngcomp")).generator == "NovelAI"


@pytest.mark.parametrize(("format", "save"), [("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("BMP", {})])
def test_other_lossless_formats_are_read(format, save):
    assert look("stealth-pnginfo", hidden(making.A1111.encode(), "stealth_rgbinfo", format, **save)).score == 1


def test_lossy_formats_could_not_be_looked_at():
    for format in ("JPEG", "WEBP", "GIF"):
        assert look("stealth-pnginfo", making.encoded(format)).score is None


@pytest.mark.parametrize("payload", [b"", b"\xff" * 40, b"not settings at all", b"[1]"])
def test_a_signature_without_a_payload_that_parses_is_nothing(payload):
    assert look("stealth-pnginfo", hidden(payload, "stealth_pnginfo")).score == 0


def test_a_length_beyond_the_image_and_a_broken_archive_are_nothing():
    data = hidden(b"x" * 10, "stealth_pngcomp")
    assert look("stealth-pnginfo", data).score == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 7)])
def test_images_too_small_for_a_signature_are_nothing(size):
    assert look("stealth-pnginfo", making.encoded("PNG", "RGBA", width=size[0], height=size[1])).score == 0
