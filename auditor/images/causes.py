"""What a file is that has an image's name and is none, from its first bytes: a pointer, web page, archive … Pure.

Sources: the Git LFS specification (docs/spec.md), git-annex (internals/pointer_file), and the formats' magic numbers.
"""

from __future__ import annotations

import re

from auditor.storage.names import starts_like_image

POINTER_HEAD = 64  # first bytes of a file that `pointer` needs
_HEAD = 4096  # first bytes that are looked at
_POINTERS = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer: run git lfs pull"),
    (b"version https://hawser.github.com/spec/", "a Git LFS pointer: run git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer: run git annex get"),
)
_MAGIC = (
    *_POINTERS,
    (b"HTTP/1.", "an HTTP response with its headers"),
    (b"\x1f\x8b", "gzip data: unpack it"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"BZh", "bzip2 data: unpack it"),
    (b"\xfd7zXZ\0", "xz data: unpack it"),
    (b"\x28\xb5\x2f\xfd", "zstandard data: unpack it"),
    (b"\x04\x22\x4d\x18", "lz4 data: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document, which is not decoded"),
    (b"8BPS", "a Photoshop document, which is not decoded"),
    (b"gimp xcf", "a GIMP document, which is not decoded"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"OggS", "audio or a video (Ogg)"),
    (b"FLV\x01", "a video (Flash)"),
    (b"\0\0\x01\xba", "a video (MPEG)"),
    (b"\0\0\x01\xb3", "a video (MPEG)"),
    (b"ID3", "audio (MP3)"),
    (b"fLaC", "audio (FLAC)"),
    (b"PAR1", "a parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image, which is not decoded"),
    (b"#?RADIANCE", "a Radiance HDR image, which is not decoded"),
    (b"SIMPLE  =", "a FITS image, which is not decoded"),
    (b"DDS ", "a DirectDraw texture, which is not decoded"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)  # fmt: skip
_RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "audio (WAV)"}
_TEXT = (
    (r"\s*(?:<!--.*?-->\s*)*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script|title)\b",
     "an HTML page"),
    (r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+svg[^>]*>\s*)?<svg\b",
     "an SVG drawing, which is not decoded"),
    (r"\s*(?:<\?xml\b|<error\b)", "an XML document (an error message of a server?)"),
    (r"\s*\{\s*[\"}]|\s*\[\s*[\[{\"\]]", "a JSON document (an error message of a server?)"),
    (r"\s*data:image/", "an image as a data: URI, not as bytes"),
    (r"\s*(?:/9j/|iVBORw0KGgo|R0lGOD[dl]h|UklGR)", "an image in base64, not as bytes"),
    (r"\s*(?:https?|s3|gs)://\S+\s*$", "a URL"),
)  # fmt: skip
_TEXTS = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), cause) for pattern, cause in _TEXT)


def cause(data: bytes) -> str | None:
    """What a file is that no image decoder knows, in words; None if its first bytes do not tell."""
    head = data[:_HEAD]
    if not any(head):
        return "it begins with zero bytes" if any(data) else "only zero bytes: it was not written completely"
    if starts_like_image(head):
        return "it begins like an image, but is damaged or truncated"
    found = next((what for magic, what in _MAGIC if head.startswith(magic)), None) or _by_structure(head)
    return found or _as_text(head)


def pointer(head: bytes) -> str | None:
    """What a file is that stands for another one, whatever its name; None for any other."""
    return next((what for magic, what in _POINTERS if head.startswith(magic)), None)


def _by_structure(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return "a video (MP4 or QuickTime)"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "a video (QuickTime)"
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[257:262] == b"ustar":
        return "a tar archive"
    return None


def _as_text(head: bytes) -> str | None:
    head = head.removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = head.decode("utf-16", "replace")
    else:
        text = head.decode("utf-8", "replace")
    found = next((what for pattern, what in _TEXTS if pattern.match(text)), None)
    if found is None and sum(char.isprintable() or char in "\t\r\n" for char in text) > 0.97 * len(text):
        return "text"
    return found
