import io

import making
import pytest
from looking import look, view
from PIL import Image

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import decode, optional_decoders
from auditor.images.containers import walk
from auditor.images.metadata import Metadata
from auditor.scanning.shard_scan import examined
from auditor.types import Need, SignalOutcome, Status, VerdictKind

AI = making.xmp(
    f"<Iptc4xmpExt:DigitalSourceType>{making.SOURCE_TYPE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
)
SETTINGS = making.exif({0x010E: making.A1111})
FILES = {
    "HEIC": (making.heif(xmp=AI), "heic"),
    "HEIC with items in idat": (making.heif(xmp=AI, in_idat=True), "heic"),
    "HEIF of another codec": (making.heif(brand=b"mif1", xmp=AI), "heic"),
    "JPEG XL": (making.jxl(making.box(b"xml ", AI)), "jxl"),
}


@pytest.fixture
def without_decoders(monkeypatch):
    monkeypatch.setattr(optional_decoders, "_is_loaded", lambda decoder: False)


@pytest.mark.parametrize("name", FILES)
def test_metadata_are_read_without_a_decoder_and_pixels_are_said_to_need_one(name, without_decoders):
    data, extra = FILES[name]
    row = examined(view(data, image="IMG_1.jpg").sample)
    assert (row.status, row.verdict.kind, row.verdict.decided_by) == (
        Status.OK,
        VerdictKind.SYNTHETIC,
        "digital-source-type",
    )
    assert (row.covariates.width, row.covariates.height) == (160, 120)
    signal = next(signal for signal in row.signals if signal.detector == "dwt-dct")
    assert signal.outcome is SignalOutcome.ABSTAINED
    assert f"mad-auditor[{extra}]" in signal.reason


def test_exif_is_read_from_both(without_decoders):
    for data in (
        making.heif(exif=SETTINGS),
        making.heif(exif=SETTINGS, in_idat=True),
        making.jxl(making.box(b"Exif", bytes(4) + SETTINGS.removeprefix(b"Exif\0\0"))),
        making.jxl(making.box(b"Exif", SETTINGS.removeprefix(b"Exif\0\0"))),  # some writers leave the offset out
    ):
        assert look("generator-text", data).generator == "AUTOMATIC1111"


def test_boxes_that_are_compressed_with_brotli_are_named(without_decoders):
    data = making.jxl(making.box(b"brob", b"xml \x0b\x02\x80abc\x03"))
    reading = look("digital-source-type", data)
    assert reading.score is None
    assert "compressed with Brotli" in reading.reason
    assert look("c2pa", data).score == 0


def test_a_c2pa_box_in_a_jpeg_xl_is_noticed():
    assert Metadata(walk(making.jxl(making.box(b"jumb", b"jumd")))).has_c2pa


def test_a_bare_codestream_has_a_size_and_no_metadata(without_decoders):
    data = making.jxl()[making.jxl().index(b"\xff\x0a") :]
    header = decode.header(data, Limits())
    assert (header.format, header.width, header.height) == ("JXL", 160, 120)
    assert Metadata(walk(data)).is_bare


def test_limits_on_pixels_hold_for_sizes_that_a_container_tells(without_decoders):
    with pytest.raises(SampleError, match="--max-pixels"):
        decode.header(making.heif(width=100_000, height=100_000), Limits())


def test_a_file_that_is_cut_off_before_its_size_is_unreadable(without_decoders):
    with pytest.raises(SampleError, match="HEIC file without an image in it"):
        decode.header(making.heif()[:60], Limits())


def test_a_heic_file_without_metadata_is_undecided_not_lost(without_decoders):
    row = examined(view(making.heif()).sample)
    assert (row.status, row.verdict.kind) == (Status.OK, VerdictKind.UNKNOWN)


def test_an_installed_decoder_of_heic_is_used():
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    out = io.BytesIO()
    pillow_heif.from_pillow(making.picture()).save(out)
    seen = view(out.getvalue())
    assert seen.header.no_pixels is None
    assert seen.pixels.shape == (48, 64, 3)
    assert seen.unavailable_reason(Need.PIXELS) is None


def test_an_installed_decoder_of_jpeg_xl_is_used():
    pytest.importorskip("pillow_jxl", reason="the extra jxl is not installed")
    out = io.BytesIO()
    making.picture().save(out, "JXL")
    assert view(out.getvalue()).pixels.shape == (48, 64, 3)


def test_a_damaged_file_of_an_installed_decoder_is_unreadable():
    pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    with pytest.raises(SampleError):
        decode.pixels(making.heif(), Limits())


def test_avif_needs_no_extra():
    assert optional_decoders.missing(making.encoded("AVIF")) is None
    assert Image.open(io.BytesIO(making.encoded("AVIF"))).format == "AVIF"
