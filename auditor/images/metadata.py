"""A file's metadata: texts, EXIF tags, XMP properties and IPTC-IIM records, in one form for all containers.

EXIF is parsed by Pillow, XMP by auditor.images.xmp. Metadata that cannot be parsed are ignored: they are common and
declare nothing. What is too large to be read is named by `unread`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from PIL import ExifTags, Image

from auditor.images import text_encoding, xmp
from auditor.images.containers import Block, Container, Kind, too_large
from auditor.images.xmp import Property

_IIM_RESOURCE = 0x0404
_XP_TAGS = {0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9D: "XPAuthor", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject"}
_EXIF_IFD = 0x8769
_MAX_XMP = 16 << 20  # bytes of all packets that are parsed
_WRITTEN = (Kind.TEXT, Kind.EXIF, Kind.XMP, Kind.IPTC, Kind.C2PA)  # metadata that somebody wrote
_MAX_EXIF = 8  # EXIF structures of a file that are read; files have one or two
_MAX_NOTE = 256  # bytes of a MakerNote that are looked at as text


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its keyword and its place in the file."""

    key: str
    value: str
    where: str


@dataclass(frozen=True)
class Metadata:
    """All metadata of one image. tags: replaces the file's EXIF, if the manifest has a copy of the original's."""

    container: Container
    tags: Mapping[str, Any] | None = None

    @classmethod
    def from_exif_column(cls, column: str) -> Metadata:
        """From img2dataset's `exif` column: JSON of exifread's names ("Image Make", "EXIF DateTimeOriginal")."""
        try:
            content = json.loads(column)
        except (ValueError, RecursionError):
            content = {}
        tags = content.items() if isinstance(content, dict) else ()
        return cls(Container(None), {str(name).rpartition(" ")[2]: str(value) for name, value in tags})

    @property
    def is_present(self) -> bool:
        """Whether there is anything that a camera, a program or a person may have written: EXIF, XMP, IPTC-IIM, text or
        Content Credentials. Colour profiles do not count."""
        return bool(self.tags) or any(block.kind in _WRITTEN for block in self.container.blocks)

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """Every text of the file: PNG text, comments, and the texts of EXIF, XMP and IPTC-IIM.

        The key is PNG's keyword, "comment", or the name of the EXIF tag, XMP property or IIM dataset ("IPTC 2:120").
        """
        texts = [*self.file_texts]
        texts += [Text(name, value, "EXIF") for name, value in self.exif.items() if isinstance(value, str) and value]
        note = self.exif.get("MakerNote")
        if isinstance(note, bytes):
            texts.append(Text("MakerNote", note[:_MAX_NOTE].decode("latin-1"), "EXIF"))
        texts += [Text(entry.name, entry.value, "XMP") for entry in self.xmp if entry.value]
        texts += [Text(f"{record}:{number}", value, "IPTC") for (record, number), value in self.iim.items()]
        return tuple(texts)

    @property
    def file_texts(self) -> tuple[Text, ...]:
        """PNG text, and JPEG and GIF comments."""
        return tuple(Text(block.key, block.text, block.where) for block in self._of(Kind.TEXT))

    @cached_property
    def exif(self) -> Mapping[str, Any]:
        """EXIF tags by their standard names, IFD0 and the Exif IFD together; texts as str, MakerNote as bytes."""
        if self.tags is not None:
            return self.tags
        tags: dict[str, Any] = {}
        for block in islice(self._of(Kind.EXIF), _MAX_EXIF):
            tags = {**_exif(block.data), **tags}
        return tags

    @cached_property
    def xmp(self) -> tuple[Property, ...]:
        """Every XMP property of every packet."""
        return tuple(entry for block in self._packets()[0] for entry in xmp.properties(block.data))

    def _packets(self) -> tuple[list[Block], list[Block]]:
        """The XMP packets that are parsed, and those that are too much to be."""
        parsed: list[Block] = []
        too_much: list[Block] = []
        total = 0
        for block in self._of(Kind.XMP):
            total += len(block.data)
            (parsed if total <= _MAX_XMP else too_much).append(block)
        return parsed, too_much

    def xmp_values(self, namespace: str, *names: str) -> list[str]:
        """The non-empty values of the named properties of one namespace."""
        return [
            entry.value for entry in self.xmp if entry.namespace == namespace and entry.name in names and entry.value
        ]

    @cached_property
    def iim(self) -> Mapping[tuple[int, int], str]:
        """IPTC-IIM datasets (record, number) -> text; the first of repeated ones."""
        datasets: dict[tuple[int, int], str] = {}
        for block in self._of(Kind.IPTC):
            records = block.data if block.data[:1] == b"\x1c" else _iim_resource(block.data)
            for key, value in _iim(records):
                datasets.setdefault(key, value)
        return datasets

    @property
    def has_c2pa(self) -> bool:
        """Whether a C2PA manifest store is embedded."""
        return any(True for _ in self._of(Kind.C2PA))

    @property
    def trailer(self) -> bytes:
        """The bytes after the image."""
        return b"".join(block.data for block in self._of(Kind.TRAILER))

    def unread(self, *kinds: Kind) -> str | None:
        """What of these kinds is in the file and could not be read whole, and why; None if everything was."""
        if Kind.XMP in kinds and self._packets()[1]:
            return f"XMP {too_large(_MAX_XMP)}"
        blocks = (block for block in self.container.blocks if block.problem and block.kind in (*kinds, Kind.UNREAD))
        return next(
            (f"{block.where}{' ' if block.key else ''}{block.key[:80]} {block.problem}" for block in blocks), None
        )

    @property
    def segments(self) -> tuple[Block, ...]:
        """JPEG application segments of unknown kinds."""
        return tuple(self._of(Kind.SEGMENT))

    @property
    def is_bare(self) -> bool:
        """Whether the file has no metadata: no text, EXIF, XMP, IPTC or C2PA."""
        return all(block.kind in (Kind.SEGMENT, Kind.TRAILER) for block in self.container.blocks)

    def _of(self, kind: Kind) -> Iterator[Block]:
        return (block for block in self.container.blocks if block.kind is kind)


# ---- EXIF -----------------------------------------------------------------------------------------------------------


def _exif(data: bytes) -> dict[str, Any]:
    names = {**ExifTags.TAGS, **_XP_TAGS}
    if data[:6] == b"Exif\0\0":  # some WebP writers keep the JPEG prefix
        data = data[6:]
    exif = Image.Exif()
    tags: dict[str, Any] = {}
    try:
        exif.load(data)
        directories = (exif, exif.get_ifd(_EXIF_IFD))
    except Exception:  # Pillow's TIFF reader raises anything from SyntaxError to struct.error on broken input
        return {}
    for directory in directories:
        for tag in directory:
            name = names.get(tag, f"tag {tag:#06x}")
            with suppress(Exception):  # one broken tag does not cost the others
                value = _value(name, directory[tag])
                if tag in names or isinstance(value, str):
                    tags.setdefault(name, value)
    return tags


def _value(name: str, value: Any) -> Any:
    if name == "UserComment" and isinstance(value, bytes | str):
        return text_encoding.user_comment(value if isinstance(value, bytes) else value.encode("latin-1", "replace"))
    if name.startswith("XP"):
        return text_encoding.decoded(_as_bytes(value), orders=("utf-16-le", "utf-16-be"))
    if isinstance(value, bytes) and name != "MakerNote":
        return text_encoding.decoded(value)
    return _repaired(value) if isinstance(value, str) else value


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, int):  # bytes() would make as many zeros
        return b""
    try:
        return bytes(value) if not isinstance(value, str) else value.encode("latin-1", "replace")
    except (TypeError, ValueError):
        return b""


def _repaired(text: str) -> str:
    # Pillow decodes ASCII tags as Latin-1; programs write UTF-8 and UTF-16 into them.
    stripped = text.strip("\0 ")
    if stripped.isascii() and "\0" not in stripped:
        return stripped
    return text_encoding.decoded(text.encode("latin-1", "replace"))


# ---- IPTC-IIM -------------------------------------------------------------------------------------------------------


def _iim_resource(data: bytes) -> bytes:
    """The IPTC-IIM resource in Photoshop's image resources (Photoshop File Formats, "Image Resource Blocks")."""
    at = 0
    while at + 12 <= len(data) and data[at : at + 4] == b"8BIM":
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = 1 + data[at + 6]
        at += 6 + name + (name & 1)
        if at + 4 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, at)
        if number == _IIM_RESOURCE:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + (size & 1)
    return b""


def _iim(data: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        if size & 0x8000:  # extended datasets are larger than any text that we need
            return
        yield (record, number), data[at + 5 : at + 5 + size].decode("utf-8", "replace")
        at += 5 + size
