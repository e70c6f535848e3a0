import io
import struct
import zlib

import making
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from auditor.images.containers import MAX_INFLATED, MAX_METADATA, walk
from auditor.images.metadata import Metadata

FORMATS = {
    "PNG": making.png({"parameters": making.A1111}),
    "JPEG": making.encoded("JPEG", exif=making.camera_exif(), comment=b"hello"),
    "WEBP": making.encoded("WEBP", exif=making.camera_exif(), xmp=making.xmp("")),
    "GIF": making.encoded("GIF", comment=b"hello"),
    "TIFF": making.encoded("TIFF"),
    "ISOBMFF": making.encoded("AVIF", exif=making.camera_exif(), xmp=making.xmp("")),
}


def texts(data: bytes) -> dict[str, str]:
    return {text.key: text.value for text in Metadata(walk(data)).texts}


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_is_told_by_its_content(format):
    assert walk(FORMATS[format]).format == format


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_anywhere_is_walked_without_an_error(format):
    data = FORMATS[format]
    for end in range(len(data)):
        metadata = Metadata(walk(data[:end]))
        assert metadata.texts is not None
        assert metadata.xmp is not None
        assert metadata.iim is not None


@given(st.sampled_from(list(FORMATS)), st.data())
@examples(300)
def test_a_damaged_file_is_walked_without_an_error(format, data):
    damaged = bytearray(FORMATS[format])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    metadata = Metadata(walk(bytes(damaged)))
    assert metadata.exif is not None
    assert metadata.texts is not None
    assert metadata.xmp is not None


@given(st.binary(max_size=400), st.sampled_from(list(FORMATS)))
@settings(deadline=None)
def test_random_bytes_behind_a_signature_are_walked_without_an_error(tail, format):
    assert walk(FORMATS[format][:12] + tail) is not None


def test_png_text_is_found_before_and_after_the_pixels():
    data = making.with_chunk(making.png({"early": "1"}), b"tEXt", b"late\x002")
    assert texts(data) == {"early": "1", "late": "2"}


def test_png_compressed_and_international_texts_are_unpacked():
    data = making.with_chunk(making.png(itxt={"Title": "Grüße"}), b"zTXt", b"key\0\0" + zlib.compress(b"value"))
    assert texts(data) == {"Title": "Grüße", "key": "value"}


def test_png_latin_1_text_is_read_as_such():
    assert texts(making.with_chunk(making.png(), b"tEXt", b"key\0caf\xe9")) == {"key": "café"}


def test_a_compressed_text_is_cut_at_the_limit_instead_of_filling_memory():
    bomb = b"key\0\0" + zlib.compress(bytes(64 << 20))
    assert len(texts(making.with_chunk(making.png(), b"zTXt", bomb))["key"]) == MAX_INFLATED


def test_text_behind_the_end_of_an_image_is_no_metadata():
    for data in (making.png(), making.encoded("JPEG"), making.encoded("WEBP")):
        metadata = Metadata(walk(data + b"parameters\0" + making.A1111.encode()))
        assert metadata.texts == ()
        assert making.A1111.encode() in metadata.trailer


def test_imagemagicks_raw_profiles_are_unpacked():
    block = b"Exif\0\0" + making.camera_exif()[6:]
    text = f"\nexif\n{len(block)}\n{block.hex()}\n"
    metadata = Metadata(walk(making.png({"Raw profile type exif": text})))
    assert metadata.exif["Model"] == "NIKON D200"


def test_exif_is_found_in_every_container_that_has_it():
    for format in ("JPEG", "WEBP", "PNG", "AVIF", "TIFF"):
        data = making.encoded(format, exif=making.camera_exif())
        assert Metadata(walk(data)).exif["Make"] == "NIKON CORPORATION", format


def test_xmp_is_found_in_every_container_that_has_it():
    packet = making.xmp("<xmp:CreatorTool>a tool</xmp:CreatorTool>")
    files = [
        making.jpeg_xmp(packet),
        making.encoded("WEBP", xmp=packet),
        making.encoded("AVIF", xmp=packet),
        making.png(itxt={"XML:com.adobe.xmp": packet.decode()}),
        making.encoded("TIFF", tiffinfo={700: packet}),
        gif_with_xmp(packet),
    ]
    for data in files:
        assert Metadata(walk(data)).xmp_values("http://ns.adobe.com/xap/1.0/", "CreatorTool") == ["a tool"]


def gif_with_xmp(packet: bytes) -> bytes:
    data = making.encoded("GIF")
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + magic + data[-1:]


def test_extended_xmp_is_put_together_in_the_order_of_its_offsets():
    packet = making.xmp("<xmp:CreatorTool>split</xmp:CreatorTool>")
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"G" * 32 + struct.pack(">I", len(packet))
    half = len(packet) // 2
    data = making.with_segment(making.encoded(), 0xE1, head + struct.pack(">I", half) + packet[half:])
    data = making.with_segment(data, 0xE1, head + struct.pack(">I", 0) + packet[:half])
    # The later part stands first in the file only if it was inserted last; both orders have to work.
    assert Metadata(walk(data)).xmp_values("http://ns.adobe.com/xap/1.0/", "CreatorTool") == ["split"]


def test_the_trailer_of_a_progressive_jpeg_begins_behind_its_last_scan():
    data = making.encoded("JPEG", progressive=True, width=256, height=256)
    assert Metadata(walk(data + b"SEFT")).trailer == b"SEFT"


def test_iptc_records_are_read_from_photoshop_resources():
    data = making.with_segment(making.encoded(), 0xED, making.iim((2, 110, "Made with Google AI")))
    assert Metadata(walk(data)).iim == {(2, 110): "Made with Google AI"}


def test_xmp_with_entities_is_refused():
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><x>&a;</x>'
    assert Metadata(walk(making.jpeg_xmp(bomb))).xmp == ()


def test_deeply_nested_xmp_is_read_without_recursion():
    deep = b"<a>" * 20_000 + b"x" + b"</a>" * 20_000
    assert [found.value for found in Metadata(walk(making.encoded("WEBP", xmp=deep))).xmp] == ["x"]


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le", "utf-8"])
def test_user_comments_are_read_in_every_encoding_that_occurs(order):
    data = making.encoded("JPEG", exif=making.exif({}, {0x9286: making.user_comment(making.A1111, order=order)}))
    assert texts(data)["UserComment"] == making.A1111


def test_lossless_formats_are_told_from_lossy_ones():
    lossless = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}
    lossy = {"JPEG": {}, "GIF": {}, "WEBP": {}, "AVIF": {}}
    assert all(walk(making.encoded(format, **save)).lossless for format, save in lossless.items())
    assert not any(walk(making.encoded(format, **save)).lossless for format, save in lossy.items())


def test_c2pa_blocks_are_noticed_where_the_specification_puts_them():
    assert Metadata(walk(making.with_chunk(making.png(), b"caBX", b"jumb"))).has_c2pa
    assert Metadata(walk(making.with_segment(making.encoded(), 0xEB, b"JP\0\1jumb"))).has_c2pa
    assert not Metadata(walk(making.encoded() + b"c2pa jumb")).has_c2pa
    avif = making.encoded("AVIF")
    box = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"manifest"
    assert Metadata(walk(avif + struct.pack(">I", len(box) + 4) + box)).has_c2pa
    riff = io.BytesIO(making.encoded("WEBP")).getvalue() + b"C2PA" + struct.pack("<I", 4) + b"jumb"
    assert Metadata(walk(riff[:4] + struct.pack("<I", len(riff) - 8) + riff[8:])).has_c2pa


def test_metadata_that_inflate_to_gigabytes_are_cut_off():
    data = making.png({"parameters": making.A1111})
    bomb = b"Comment\0\0" + zlib.compress(b"\xe2\x82\xac" * (MAX_INFLATED // 3), 9)
    at = data.rindex(b"IEND") - 4
    container = walk(data[:at] + making.png_chunk(b"zTXt", bomb) * 600 + data[at:])
    assert sum(len(block.data) + len(block.text) for block in container.blocks) <= MAX_METADATA
    assert next(block.text for block in container.blocks if block.key == "parameters") == making.A1111


@pytest.mark.parametrize("stray", [b"\0\0", b"\xff\x00", b"\xff\xff\xff", b"abc", bytes(5000), b"\xff\xfe\0\0"])
def test_bytes_between_the_segments_of_a_jpeg_do_not_hide_the_later_ones(stray):
    data = making.with_segment(making.encoded(), 0xFE, b"first")
    at = 4 + 2 + len("first")
    rest = making.with_segment(data[:2] + data[at:], 0xFE, b"second")[2:]
    found = Metadata(walk(data[:at] + stray + rest)).texts
    assert [text.value for text in found if text.value][:2] == ["first", "second"]


def test_one_broken_exif_tag_does_not_cost_the_others():
    data = bytearray(making.exif({0x010E: "a description of the image", 0x0131: "a program of some length"}))
    at = data.index(b"\x01\x31")
    data[at + 2 : at + 4] = b"\0\x63"  # a type that does not exist
    assert Metadata(walk(making.encoded(exif=bytes(data)))).exif["ImageDescription"] == "a description of the image"


def test_texts_in_exif_tags_without_a_name_are_read():
    assert texts(making.encoded(exif=making.exif({0xFDE8: "a private text"})))["tag 0xfde8"] == "a private text"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-16"])
def test_comments_and_descriptions_are_read_in_the_encoding_that_they_have(encoding):
    text = "宁静的湖边小屋，清晨的薄雾"
    assert texts(making.encoded("JPEG", comment=text.encode(encoding)))["comment"] == text
    tiff = bytearray(making.exif({0x010E: "x" * len(text.encode(encoding))}))
    tiff[tiff.index(b"xxxx") :] = text.encode(encoding) + b"\0"
    assert texts(making.encoded("JPEG", exif=bytes(tiff)))["ImageDescription"] == text


def test_xmp_in_a_segment_without_its_prefix_is_read():
    packet = making.xmp("<xmp:CreatorTool>a tool</xmp:CreatorTool>")
    metadata = Metadata(walk(making.with_segment(making.encoded(), 0xE1, packet)))
    assert metadata.xmp_values("http://ns.adobe.com/xap/1.0/", "CreatorTool") == ["a tool"]


def test_a_big_tiff_is_read():
    data = making.encoded(
        "TIFF", big_tiff=True, tiffinfo={700: making.xmp("<xmp:CreatorTool>a tool</xmp:CreatorTool>")}
    )
    assert data[2] == 43
    assert Metadata(walk(data)).xmp_values("http://ns.adobe.com/xap/1.0/", "CreatorTool") == ["a tool"]


def test_xmp_and_exif_in_jpeg_2000_are_read():
    packet = making.xmp("<xmp:CreatorTool>a tool</xmp:CreatorTool>")
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    exif = making.box(b"uuid", b"JpgTiffExif->JP2" + making.camera_exif().removeprefix(b"Exif\0\0"))
    metadata = Metadata(walk(making.encoded("JPEG2000") + making.box(b"uuid", uuid + packet) + exif))
    assert metadata.xmp_values("http://ns.adobe.com/xap/1.0/", "CreatorTool") == ["a tool"]
    assert metadata.exif["Model"] == "NIKON D200"


def test_a_heif_file_with_endless_extents_of_no_bytes_takes_no_time():
    import time

    iloc = making.box(b"iloc", struct.pack(">IHH", 0, 0, 500) + struct.pack(">HHH", 1, 0, 65535) * 500)
    iinf = making.box(b"iinf", struct.pack(">IH", 0, 0))
    data = making.box(b"ftyp", b"heic\0\0\0\0mif1") + making.box(b"meta", bytes(4) + iinf + iloc)
    started = time.process_time()
    assert Metadata(walk(data)).is_bare
    assert time.process_time() - started < 2


def test_a_number_in_a_tag_for_text_is_no_text():
    exif = bytearray(making.exif({0x9C9C: b"abcd"}))
    at = exif.index(b"\x9c\x9c")
    exif[at + 2 : at + 12] = struct.pack(">HII", 4, 1, 0xFFFFFFF0)  # one LONG: its value is no length
    assert "XPComment" not in texts(making.encoded("JPEG", exif=bytes(exif)))
