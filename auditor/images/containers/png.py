"""PNG chunks (W3C PNG, third edition): tEXt, zTXt, iTXt, eXIf, and caBX (C2PA 2.x, section A.3.2).

ImageMagick stores EXIF, IPTC and XMP as hexadecimal "Raw profile type …" texts; they are unpacked. Private chunks that
hold a keyword and a text are read like tEXt: ComfyUI's animated PNGs keep its graph in `comf`.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from auditor.images.containers import MAX_BLOCK, Block, Kind, inflate, too_large, trailer

FORMAT = "PNG"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = {b"tEXt": Kind.TEXT, b"zTXt": Kind.TEXT, b"iTXt": Kind.TEXT, b"eXIf": Kind.EXIF}
_KEYWORD = re.compile(rb"([A-Za-z][\w .:-]{0,78})\0(?=\s*[\w\[{\"])")
_RAW_PROFILES = {"exif": Kind.EXIF, "app1": Kind.EXIF, "xmp": Kind.XMP, "iptc": Kind.IPTC, "8bim": Kind.IPTC}


def matches(data: bytes) -> bool:
    """Whether the file begins like this format."""
    return data.startswith(_SIGNATURE)


def is_lossless(data: bytes) -> bool:
    """Always true."""
    return True


def blocks(data: bytes) -> Iterator[Block]:
    """Every metadata chunk up to IEND, then the trailer."""
    for at, kind, length in _chunks(data):
        if kind == b"IEND":
            yield from trailer(data[at + length + 12 :], "PNG trailer")
        elif kind == b"caBX":
            yield Block(Kind.C2PA, "PNG caBX")
        elif length > MAX_BLOCK and kind in _KINDS:
            yield Block(_KINDS[kind], f"PNG {kind.decode()}", problem=too_large(MAX_BLOCK))
        elif kind in _KINDS or _is_private(kind):
            body = data[at + 8 : at + 8 + min(length, MAX_BLOCK)]
            if len(body) == length:
                yield from _block(kind, body)


def without_texts(data: bytes) -> bytes | None:
    """The file without what its pixels do not need and decoders refuse: texts of any size, and ancillary chunks whose
    checksum is wrong. None if it has none."""
    dropped = [
        (at, at + length + 12)
        for at, kind, length in _chunks(data)
        if _KINDS.get(kind) is Kind.TEXT or (kind[0] & 0x20 and not _is_intact(data, at, length))
    ]
    if not dropped:
        return None
    edges = [0, *(edge for span in dropped for edge in span), len(data)]
    return b"".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _is_intact(data: bytes, at: int, length: int) -> bool:
    end = at + 8 + length
    return zlib.crc32(memoryview(data)[at + 4 : end]).to_bytes(4, "big") == data[end : end + 4]


def _chunks(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(offset, kind, length) of each chunk up to IEND."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield at, kind, length
        if kind == b"IEND":
            return
        at += length + 12


def _is_private(kind: bytes) -> bool:
    """Whether a chunk is ancillary and private: its first and second letters are small."""
    return kind.isalpha() and bool(kind[0] & 0x20) and bool(kind[1] & 0x20)


def _block(kind: bytes, body: bytes) -> Iterator[Block]:
    where = f"PNG {kind.decode()}"
    if kind == b"eXIf":
        yield Block(Kind.EXIF, where, body)
    elif kind in _KINDS:
        key, text, problem = _text(kind, body)
        yield from _unpacked(where, key, text, problem)
    elif match := _KEYWORD.match(body):
        text = _decoded(body[match.end() :])
        if "\0" not in text:
            yield Block(Kind.TEXT, where, key=match[1].decode(), text=text)


def _text(kind: bytes, body: bytes) -> tuple[str, str, str]:
    """(keyword, text, problem) of a text chunk."""
    keyword, _, rest = body.partition(b"\0")
    key = keyword.decode("latin-1")
    if kind == b"tEXt":
        return key, _decoded(rest), ""
    if kind == b"zTXt":
        content, problem = inflate(rest[1:])
        return key, _decoded(content), problem
    compressed = rest[:1] == b"\1"
    _, _, rest = rest[2:].partition(b"\0")  # language tag
    _, _, rest = rest.partition(b"\0")  # translated keyword
    content, problem = inflate(rest) if compressed else (rest, "")
    return key, content.decode("utf-8", "replace"), problem


def _decoded(text: bytes) -> str:
    # The standard prescribes Latin-1, but many generators write UTF-8.
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpacked(where: str, key: str, text: str, problem: str) -> Iterator[Block]:
    if key == "XML:com.adobe.xmp" or text.startswith(("<?xpacket", "<x:xmpmeta")):
        yield Block(Kind.XMP, where, text.encode("utf-8", "surrogatepass"), problem=problem)
    elif key.lower().startswith("raw profile type "):
        kind = _RAW_PROFILES.get(key[len("raw profile type ") :].strip().lower())
        content = _raw_profile(text)
        if kind and content:
            is_xmp = content.startswith(b"http://ns.adobe.com/xap/1.0/\0")
            content = content.partition(b"\0")[2] if is_xmp else content
            yield Block(Kind.XMP if is_xmp else kind, f"{where} {key}", content, problem=problem)
    else:
        yield Block(Kind.TEXT, where, key=key, text=text, problem=problem)


def _raw_profile(text: str) -> bytes:
    # "\n<name>\n<length>\n<hexadecimal digits in lines>"
    parts = text.strip().split("\n", 2)
    try:
        return bytes.fromhex("".join(parts[2].split())) if len(parts) == 3 else b""
    except ValueError:
        return b""
