import gzip

import making
import pytest
from looking import look


@pytest.mark.parametrize("signature", ["stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp"])
def test_every_signature_is_read(signature):
    payload = making.A1111.encode()
    reading = look(
        "stealth-pnginfo", making.hidden(gzip.compress(payload) if "comp" in signature else payload, signature)
    )
    assert (reading.generator, reading.tier) == ("AUTOMATIC1111", "C")


def test_novelai_is_told_by_its_json():
    payload = gzip.compress(b'{"Software": "NovelAI", "Comment": "{}"}')
    assert look("stealth-pnginfo", making.hidden(payload, "stealth_pngcomp")).generator == "NovelAI"


@pytest.mark.parametrize(("format", "save"), [("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("BMP", {})])
def test_other_lossless_formats_are_read(format, save):
    assert look("stealth-pnginfo", making.hidden(making.A1111.encode(), "stealth_rgbinfo", format, **save)).score == 1


def test_lossy_formats_could_not_be_looked_at():
    for format in ("JPEG", "WEBP", "GIF"):
        assert look("stealth-pnginfo", making.encoded(format)).score is None


@pytest.mark.parametrize("payload", [b"", b"\xff" * 40, b"not settings at all", b"[1]"])
def test_a_signature_without_a_payload_that_parses_is_nothing(payload):
    assert look("stealth-pnginfo", making.hidden(payload, "stealth_pnginfo")).score == 0


def test_a_length_beyond_the_image_and_a_broken_archive_are_nothing():
    data = making.hidden(b"x" * 10, "stealth_pngcomp")
    assert look("stealth-pnginfo", data).score == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 7)])
def test_images_too_small_for_a_signature_are_nothing(size):
    assert look("stealth-pnginfo", making.encoded("PNG", "RGBA", width=size[0], height=size[1])).score == 0
