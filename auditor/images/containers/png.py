"""PNG chunks (W3C PNG, third edition): tEXt, zTXt, iTXt, eXIf, and caBX (C2PA 2.x, section A.3.2).

ImageMagick stores EXIF, IPTC and XMP as hexadecimal "Raw profile type …" texts; they are unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, inflate, trailer

FORMAT = "PNG"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RAW_PROFILES = {"exif": Kind.EXIF, "app1": Kind.EXIF, "xmp": Kind.XMP, "iptc": Kind.IPTC, "8bim": Kind.IPTC}


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data.startswith(_SIGNATURE)


def is_lossless(data: bytes) -> bool:
    """Always true."""
    return True


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata chunk up to IEND, then the trailer."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(length, MAX_BLOCK)]
        at += length + 12
        if kind == b"IEND":
            yield from trailer(data[at:], "PNG trailer")
            return
        if len(body) == length:
            yield from _block(kind, body)


def _block(kind: bytes, body: bytes) -> Iterator[Block]:
    if kind == b"eXIf":
        yield Block(Kind.EXIF, "PNG eXIf", body)
    elif kind == b"caBX":
        yield Block(Kind.C2PA, "PNG caBX")
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        key, text = _text(kind, body)
        yield from _unpacked(f"PNG {kind.decode()}", key, text)


def _text(kind: bytes, body: bytes) -> tuple[str, str]:
    keyword, _, rest = body.partition(b"\0")
    key = keyword.decode("latin-1")
    if kind == b"tEXt":
        return key, _decoded(rest)
    if kind == b"zTXt":
        return key, _decoded(inflate(rest[1:]))
    compressed = rest[:1] == b"\1"
    _, _, rest = rest[2:].partition(b"\0")  # language tag
    _, _, rest = rest.partition(b"\0")  # translated keyword
    return key, (inflate(rest) if compressed else rest).decode("utf-8", "replace")


def _decoded(text: bytes) -> str:
    # The standard prescribes Latin-1, but many generators write UTF-8.
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpacked(where: str, key: str, text: str) -> Iterator[Block]:
    if key == "XML:com.adobe.xmp":
        yield Block(Kind.XMP, where, text.encode())
    elif key.lower().startswith("raw profile type "):
        kind = _RAW_PROFILES.get(key[len("raw profile type ") :].strip().lower())
        content = _raw_profile(text)
        if kind and content:
            is_xmp = content.startswith(b"http://ns.adobe.com/xap/1.0/\0")
            yield Block(
                Kind.XMP if is_xmp else kind, f"{where} {key}", content.partition(b"\0")[2] if is_xmp else content
            )
    else:
        yield Block(Kind.TEXT, where, key=key, text=text)


def _raw_profile(text: str) -> bytes:
    # "\n<name>\n<length>\n<hexadecimal digits in lines>"
    parts = text.strip().split("\n", 2)
    try:
        return bytes.fromhex("".join(parts[2].split())) if len(parts) == 3 else b""
    except ValueError:
        return b""
