import io
import time
import zlib

import making
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import decode

LIMITS = Limits(max_pixels=1_000_000, max_seconds=5)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM"])
def test_every_known_format_is_decoded(format):
    data = making.encoded(format)
    assert decode.header(data, LIMITS).format == format
    assert decode.pixels(data, LIMITS).shape[:2] == (48, 64)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 3), ("I;16", 1), ("I", 1)]
)
def test_every_mode_becomes_eight_bit_channels(mode, channels):
    image = making.picture("L") if mode.startswith("I") else making.picture("RGB")
    image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode.startswith("I") else image.convert(mode)
    out = io.BytesIO()
    image.save(out, "PNG")
    array = decode.pixels(out.getvalue(), LIMITS)
    assert array.dtype == np.uint8
    assert array.shape == (48, 64, channels)


def test_sixteen_bits_keep_their_high_byte():
    out = io.BytesIO()
    Image.fromarray(np.full((4, 4), 0x8000, dtype=np.uint16)).save(out, "PNG")
    assert set(decode.pixels(out.getvalue(), LIMITS).ravel()) == {0x80}


def test_cmyk_becomes_rgb():
    assert decode.pixels(making.encoded("JPEG", "CMYK"), LIMITS).shape == (48, 64, 3)


def test_float_images_without_range_or_with_nan_are_plain():
    for values in (np.zeros((4, 4), np.float32), np.array([[np.nan, 1], [2, np.inf]], np.float32)):
        out = io.BytesIO()
        Image.fromarray(values).save(out, "TIFF")
        assert decode.pixels(out.getvalue(), LIMITS).dtype == np.uint8


def test_a_palette_with_transparency_keeps_its_alpha():
    image = making.picture("RGB").convert("P")
    out = io.BytesIO()
    image.save(out, "PNG", transparency=0)
    assert decode.pixels(out.getvalue(), LIMITS).shape[2] == 4


def test_transparency_is_composited_on_white():
    clear = np.zeros((2, 2, 4), np.uint8)
    assert (decode.rgb(clear) == 255).all()
    half = np.full((2, 2, 4), 128, np.uint8)
    assert abs(int(decode.rgb(half)[0, 0, 0]) - 191) <= 1


def test_grey_becomes_three_equal_channels():
    array = decode.rgb(making.pixels(channels=1))
    assert (array[..., 0] == array[..., 2]).all()


def test_only_the_first_frame_of_an_animation_is_decoded():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for format in ("GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        first.save(out, format, save_all=True, append_images=[second] * 50, lossless=True)
        assert tuple(decode.rgb(decode.pixels(out.getvalue(), LIMITS))[0, 0]) == (255, 0, 0), format


def test_a_stereo_picture_gives_its_first_one():
    out = io.BytesIO()
    making.picture(seed=1).save(out, "MPO", save_all=True, append_images=[making.picture(seed=2)])
    assert decode.header(out.getvalue(), LIMITS).format == "MPO"
    assert decode.pixels(out.getvalue(), LIMITS).shape == (48, 64, 3)


def test_rotation_by_exif_is_left_to_those_who_need_it():
    data = making.encoded("JPEG", exif=making.exif({0x0112: 6}))
    assert decode.pixels(data, LIMITS).shape[:2] == (48, 64)


def test_too_many_pixels_are_refused_before_they_are_decoded():
    bomb = making.png_chunk(b"IHDR", (40_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0")
    data = b"\x89PNG\r\n\x1a\n" + bomb + making.png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    started = time.perf_counter()
    with pytest.raises(SampleError, match="40000 × 40000: more than 1,000,000 pixels"):
        decode.pixels(data, LIMITS)
    assert time.perf_counter() - started < 2


def test_a_slow_decode_is_stopped(monkeypatch):
    def forever(image):
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(decode, "_as_8_bit", forever)
    with pytest.raises(SampleError, match=r"longer than 0\.2 s"):
        decode.pixels(making.encoded(), Limits(max_seconds=0.2))


def test_formats_that_run_programs_are_not_tried():
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    with pytest.raises(SampleError, match="not an image in a known format"):
        decode.header(eps, LIMITS)


def test_a_png_with_a_workflow_of_megabytes_is_decoded():
    data = making.with_chunk(making.png(), b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * (3 << 20)), before=b"IDAT")
    assert decode.pixels(data, LIMITS).shape == (48, 64, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_an_image_cut_anywhere_is_decoded_or_refused(format):
    data = making.encoded(format, width=16, height=16)
    for end in range(len(data)):
        try:
            assert decode.pixels(data[:end], LIMITS).shape[:2] == (16, 16)
        except SampleError as refusal:
            assert str(refusal)
            assert "0x" not in str(refusal)  # an address would differ from run to run


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]), st.data())
@examples(200)
def test_a_damaged_image_is_decoded_or_refused(format, data):
    damaged = bytearray(making.encoded(format, width=16, height=16))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode.pixels(bytes(damaged), LIMITS)
    except SampleError:
        pass


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"gAMA", b"prVt"])
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_a_png_with_a_wrong_checksum_beside_the_pixels_is_decoded(kind, before):
    data = bytearray(making.with_chunk(making.png(), kind, b"key\0some text", before=before))
    data[data.index(kind) + 4 + 13] ^= 0xFF
    assert decode.header(bytes(data), LIMITS).width == 64
    assert decode.pixels(bytes(data), LIMITS).shape == (48, 64, 3)


def test_a_png_with_a_wrong_checksum_of_the_pixels_is_refused():
    data = bytearray(making.png())
    data[data.index(b"IDAT") + 40] ^= 0xFF
    with pytest.raises(SampleError, match="cannot be decoded"):
        decode.pixels(bytes(data), LIMITS)


def test_an_empty_file_is_refused_as_such():
    with pytest.raises(SampleError, match="empty file"):
        decode.header(b"", LIMITS)


def test_a_png_whose_texts_are_larger_than_pillows_limits_is_decoded():
    text = b"workflow\0\0" + zlib.compress(b"x" * (40 << 20), 1)
    for before in (b"IDAT", b"IEND"):
        data = making.with_chunk(making.png(), b"zTXt", text, before=before)
        assert decode.pixels(data, LIMITS).shape == (48, 64, 3)
    data = making.with_chunk(making.png(), b"tEXt", b"workflow\0" + b"x" * (70 << 20), before=b"IDAT")
    assert decode.header(data, LIMITS).width == 64


def test_files_that_are_cut_off_at_different_places_get_the_same_reason():
    data, reasons = making.encoded(width=256, height=256), set()
    for part in (0.5, 0.6, 0.7):
        with pytest.raises(SampleError) as refusal:
            decode.pixels(data[: int(part * len(data))], LIMITS)
        reasons.add(str(refusal.value))
    assert reasons == {"cannot be decoded: image file is truncated"}
