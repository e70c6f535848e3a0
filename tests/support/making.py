"""Small test files, made in the same way as real ones."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

A1111 = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def pixels(width: int = 64, height: int = 48, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth random image, uint8 (height, width, channels)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, channels), dtype=np.uint8)
    fine = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width] + rng.normal(0, 4, (height, width, channels))
    return np.clip(fine, 0, 255).astype(np.uint8)


def picture(mode: str = "RGB", **size: int) -> Image.Image:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 3)
    array = pixels(channels=channels, **size)
    image = Image.fromarray(array[:, :, 0] if channels == 1 else array)
    return image if image.mode == mode else image.convert(mode)


def encoded(
    format: str = "JPEG", mode: str = "RGB", *, width: int = 64, height: int = 48, seed: int = 0, **save: Any
) -> bytes:
    out = io.BytesIO()
    picture(mode, width=width, height=height, seed=seed).save(out, format, **save)
    return out.getvalue()


def png(texts: Mapping[str, str] | None = None, *, itxt: Mapping[str, str] | None = None, **size: Any) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in (texts or {}).items():
        info.add_text(key, value)
    for key, value in (itxt or {}).items():
        info.add_itxt(key, value)
    return encoded("PNG", pnginfo=info, **size)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(data: bytes, kind: bytes, body: bytes, *, before: bytes = b"IEND") -> bytes:
    """A PNG with one more chunk, put before another."""
    at = data.rindex(before) - 4
    return data[:at] + png_chunk(kind, body) + data[at:]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment, put first."""
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + data[2:]


def exif(tags: Mapping[int, Any], sub: Mapping[int, Any] | None = None) -> bytes:
    """EXIF bytes of IFD0 tags and Exif-IFD tags."""
    block = Image.Exif()
    block.update(tags)
    if sub:
        block.get_ifd(0x8769).update(sub)
    return block.tobytes()


def user_comment(text: str, *, order: str = "utf-16-be") -> bytes:
    return b"UNICODE\0" + text.encode(order)


def camera_exif() -> bytes:
    return exif(
        {0x010F: "NIKON CORPORATION", 0x0110: "NIKON D200"},
        {0x829A: 0.01, 0x829D: 5.6, 0x8827: 200, 0x9003: "2009:05:17 10:11:12"},
    )


def xmp(body: str, attributes: str = "") -> bytes:
    """A packet with elements and attributes of one rdf:Description."""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
        f'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def jpeg_xmp(packet: bytes, **options: Any) -> bytes:
    return with_segment(encoded("JPEG", **options), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def iim(*records: tuple[int, int, str]) -> bytes:
    """An APP13 body with IPTC-IIM datasets."""
    content = b"".join(
        b"\x1c" + struct.pack(">BBH", record, number, len(text.encode())) + text.encode()
        for record, number, text in records
    )
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(content)) + content + b"\0" * (len(content) % 2)


def tar(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def hidden(
    payload: bytes, signature: str, format: str = "PNG", width: int = 200, height: int = 100, seed: int = 0, **save: Any
) -> bytes:
    """An image with a payload in its lowest bits, written as the extension does: down the columns."""
    alpha = "png" in signature
    array = pixels(width, height, 4 if alpha else 3, seed)
    data = signature.encode() + (len(payload) * 8).to_bytes(4, "big") + payload
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    plane = array[:, :, 3:] if alpha else array[:, :, :3]
    flat = plane.transpose(1, 0, 2).reshape(-1).copy()
    flat[: len(bits)] = (flat[: len(bits)] & 0xFE) | bits
    plane[:] = flat.reshape(width, height, plane.shape[2]).transpose(1, 0, 2)
    out = io.BytesIO()
    Image.fromarray(array).save(out, format, **save)
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    """A box of ISO/IEC 14496-12."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def heif(
    *,
    brand: bytes = b"heic",
    width: int = 160,
    height: int = 120,
    xmp: bytes = b"",
    exif: bytes = b"",
    in_idat: bool = False,
) -> bytes:
    """A HEIF file with metadata and a size, whose image item holds no picture that a decoder knows."""
    items = [
        (b"hvc1", b"not a picture"),
        *([(b"mime", xmp)] if xmp else []),
        *([(b"Exif", bytes(4) + exif)] if exif else []),
    ]
    infe = [
        box(
            b"infe",
            struct.pack(">IHH4s", 2 << 24, number, 0, kind)
            + b"\0"
            + (b"application/rdf+xml\0" if kind == b"mime" else b""),
        )
        for number, (kind, _) in enumerate(items, 1)
    ]
    iinf = box(b"iinf", struct.pack(">IH", 0, len(items)) + b"".join(infe))
    ispe = box(b"ispe", struct.pack(">III", 0, width, height))
    ipma = box(b"ipma", struct.pack(">IIHBB", 0, 1, 1, 1, 1))
    iprp = box(b"iprp", box(b"ipco", ispe) + ipma)
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    hdlr, pitm = box(b"hdlr", bytes(8) + b"pict" + bytes(13)), box(b"pitm", struct.pack(">IH", 0, 1))
    content = b"".join(data for _, data in items)

    def meta(start: int) -> bytes:
        places, at = b"", start
        for number, (_, data) in enumerate(items, 1):
            places += struct.pack(">HHHHII", number, int(in_idat), 0, 1, at, len(data))
            at += len(data)
        iloc = box(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, len(items)) + places)
        idat = box(b"idat", content) if in_idat else b""
        return box(b"meta", bytes(4) + hdlr + pitm + iinf + iprp + iloc + idat)

    start = 0 if in_idat else len(head) + len(meta(0)) + 8
    return head + meta(start) + (b"" if in_idat else box(b"mdat", content))


def jxl(*boxes: bytes, width: int = 160, height: int = 120) -> bytes:
    """A JPEG XL container with metadata boxes and the header of a codestream without a picture."""
    bits = (height - 1) << 3 | (width - 1) << (3 + 9 + 3 + 2)  # not small, 9 bits a side, no ratio
    codestream = b"\xff\x0a" + bits.to_bytes(8, "little")
    head = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return head + b"".join(boxes) + box(b"jxlc", codestream)
