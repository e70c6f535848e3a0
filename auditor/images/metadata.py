"""A file's metadata: texts, EXIF tags, XMP properties and IPTC-IIM records, in one form for all containers.

EXIF is parsed by Pillow, XMP by defusedxml (entities and external references are refused). Metadata that cannot be
parsed are ignored: they are common and declare nothing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from PIL import ExifTags, Image

from auditor.images.containers import Block, Container, Kind

_IIM_RESOURCE = 0x0404
_USER_COMMENT_CODES = {b"ASCII\0\0\0": ("utf-8",), b"JIS\0\0\0\0\0": ("iso2022_jp",), bytes(8): ("utf-8",)}
_XP_TAGS = {0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9D: "XPAuthor", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject"}
_EXIF_IFD = 0x8769
_XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EMBEDDED_ASSETS = ("Pantry", "Ingredients", "DerivedFrom")  # metadata of images placed in this one
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its keyword and its place in the file."""

    key: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Property:
    """An XMP property: namespace, local name, value. Items of arrays have the array's name."""

    namespace: str
    name: str
    value: str


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
        except ValueError:
            content = {}
        tags = content.items() if isinstance(content, dict) else ()
        return cls(Container(None), {str(name).rpartition(" ")[2]: str(value) for name, value in tags})

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """PNG text, JPEG and GIF comments, and the EXIF fields in which generators leave text."""
        texts = [Text(block.key, block.text, block.where) for block in self._of(Kind.TEXT)]
        for name in ("UserComment", "ImageDescription", "XPComment", "Make", "Model"):
            value = self.exif.get(name)
            if isinstance(value, str) and value:
                texts.append(Text(name, value, "EXIF"))
        return tuple(texts)

    @cached_property
    def exif(self) -> Mapping[str, Any]:
        """EXIF tags by their standard names, IFD0 and the Exif IFD together; texts as str, MakerNote as bytes."""
        if self.tags is not None:
            return self.tags
        tags: dict[str, Any] = {}
        for block in self._of(Kind.EXIF):
            tags = {**_exif(block.data), **tags}
        return tags

    @cached_property
    def xmp(self) -> tuple[Property, ...]:
        """Every XMP property of every packet."""
        return tuple(entry for block in self._of(Kind.XMP) for entry in _properties(block.data))

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
    try:
        exif.load(data)
        raw = {**dict(exif.get_ifd(_EXIF_IFD)), **dict(exif)}
    except Exception:  # Pillow's TIFF reader raises anything from SyntaxError to struct.error on broken input
        return {}
    return {names[tag]: _value(names[tag], value) for tag, value in raw.items() if tag in names}


def _value(name: str, value: Any) -> Any:
    if name == "UserComment" and isinstance(value, bytes):
        return user_comment(value)
    if name.startswith("XP"):
        return _as_bytes(value).decode("utf-16-le", "replace").rstrip("\0")
    if isinstance(value, bytes) and name not in ("MakerNote",):
        return value.rstrip(b"\0").decode("utf-8", "replace")
    return value.strip("\0 ") if isinstance(value, str) else value


def _as_bytes(value: Any) -> bytes:
    try:
        return bytes(value) if not isinstance(value, str) else value.encode("latin-1", "replace")
    except (TypeError, ValueError):
        return b""


def user_comment(value: bytes) -> str:
    """UserComment as text (EXIF 2.32, section 4.6.5): eight bytes name the code. UTF-16 occurs in both byte orders."""
    code, body = value[:8], value[8:]
    if code == b"UNICODE\0":
        return _utf16(body)
    for encoding in _USER_COMMENT_CODES.get(code, ()):
        return body.decode(encoding, "replace").strip("\0 ")
    return value.decode("utf-8", "replace").strip("\0 ")


def _utf16(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace").strip("\0 ")
    # Latin text has its zero bytes first in big-endian and second in little-endian; without zero bytes it is UTF-8.
    sample = body[:256]
    high, low = sample[0::2].count(0), sample[1::2].count(0)
    if not high and not low and _is_utf8(body):
        return body.decode("utf-8").strip("\0 ")
    return body.decode("utf-16-be" if high >= low else "utf-16-le", "replace").strip("\0 ")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# ---- XMP ------------------------------------------------------------------------------------------------------------


def _properties(packet: bytes) -> Iterator[Property]:
    try:
        root = fromstring(packet.strip(b"\0 \r\n\t\xef\xbb\xbf"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return
    # Depth first with an explicit stack: a hostile packet nests deeper than Python recurses.
    stack: list[tuple[Any, tuple[str, str]]] = [(root, ("", ""))]
    while stack:
        element, owner = stack.pop()
        name = _qualified(element.tag)
        if name[0] == _XMP_MM and name[1] in _EMBEDDED_ASSETS:
            continue
        owner = owner if name[0] == _RDF else name
        for attribute, value in element.attrib.items():
            attribute_name = _qualified(attribute)
            target = owner if attribute_name[0] == _RDF else attribute_name
            yield Property(*target, value.strip())
        if element.text and element.text.strip():
            yield Property(*owner, element.text.strip())
        stack.extend((child, owner) for child in reversed(element))


def _qualified(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace.removeprefix("{"), name


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
