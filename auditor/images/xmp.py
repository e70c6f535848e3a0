"""XMP packets (ISO 16684-1): strictly by defusedxml, which refuses entities and external references; else tolerantly.

Real packets are often not well-formed: an undeclared prefix, a bare ampersand, control characters, Latin-1 or UTF-16,
remains of an older packet behind the end, a missing end. The tolerant pass reads the tags that are there, up to the end
of the first packet, in time linear in the size. It expands no entities but XML's own five; packets that declare
entities or have a document type are refused by both.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from auditor.images import text_encoding

_XMP_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EMBEDDED_ASSETS = ("Pantry", "Ingredients", "DerivedFrom")  # metadata of images placed in this one
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MAX_TOLERANT = 8 << 20  # bytes of a packet that is read tolerantly
_HEAD = 256  # bytes that tell UTF-16
_MAX_PROPERTIES = 300_000  # of a packet; real ones have a few thousand
_MAX_OPEN = 256  # elements that are open at once in the tolerant pass
# The usual prefixes, for packets that do not declare them.
_PREFIXES = {
    "rdf": _RDF,
    "x": "adobe:ns:meta/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xap": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": _XMP_MM,
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "iptcExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",  # exiv2's name for it
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "xml": "http://www.w3.org/XML/1998/namespace",
}

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ufeff\ufffe]")
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BARE = re.compile(r"<(?![A-Za-z_/?!])")
_START = re.compile(r"<(?:\w++:)?(xmpmeta|xapmeta|RDF)\b")
_END = r"</(?:\w++:)?{}\s*>|<\?xpacket end"
# A tag may lack its end; possessive quantifiers keep the time linear.
_TAG = re.compile(r"""<(?P<end>/?)(?P<name>[A-Za-z_][\w.:-]*+)(?P<rest>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)""")
_ATTRIBUTE = re.compile(r"""(?<![\w.:-])([A-Za-z_][\w.:-]*+)\s*+=\s*+(?:"([^"<]*+)"|'([^'<]*+)')""")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")

_Name = tuple[str, str]  # namespace, local name


@dataclass(frozen=True, slots=True)
class Property:
    """An XMP property: namespace, local name, value. Items of arrays have the array's name."""

    namespace: str
    name: str
    value: str


def properties(packet: bytes) -> list[Property]:
    """The properties of a packet, at most 300,000: strictly, or tolerantly if it is not well-formed."""
    reader = _Reader()
    try:
        parser = DefusedXMLParser(target=reader, forbid_dtd=True)
        parser.feed(packet.strip(b"\0 \r\n\t\xef\xbb\xbf"))
        parser.close()
    except DefusedXmlException:
        return []
    except _Enough:
        pass
    except (ParseError, ValueError, LookupError):
        return list(islice(_tolerant(packet[:_MAX_TOLERANT]), _MAX_PROPERTIES))
    return reader.found


class _Enough(Exception):
    """A packet has more properties than are read."""


class _Reader:
    """Collects properties while expat reads, so that no tree is held in memory, and its depth has no limit."""

    def __init__(self) -> None:
        self.found: list[Property] = []
        self._owners: list[_Name] = [("", "")]  # the property that each open element belongs to
        self._text: list[str] = []
        self._is_first = True  # nothing has ended since an element began
        self._embedded = 0  # open elements inside another image's metadata

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._end_text()
        self._is_first = True
        name = _qualified(tag)
        if self._embedded or _is_embedded(name):
            self._embedded += 1
            return
        owner = self._owners[-1] if name[0] == _RDF else name
        self._owners.append(owner)
        for attribute, value in attributes.items():
            attribute_name = _qualified(attribute)
            self._add(owner if attribute_name[0] == _RDF else attribute_name, value.strip())

    def data(self, text: str) -> None:
        """Text of the element that began last; text behind another element is ignored."""
        if self._is_first:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._end_text()
        self._is_first = False
        if self._embedded:
            self._embedded -= 1
        else:
            self._owners.pop()

    def close(self) -> None:
        """The packet ends."""

    def _end_text(self) -> None:
        text = "".join(self._text).strip()
        self._text.clear()
        if text and not self._embedded:
            self._add(self._owners[-1], text)

    def _add(self, name: _Name, value: str) -> None:
        if len(self.found) >= _MAX_PROPERTIES:
            raise _Enough
        self.found.append(Property(*name, value))


def _qualified(tag: str) -> _Name:
    namespace, _, name = tag.rpartition("}")
    return namespace.removeprefix("{"), name


def _is_embedded(name: _Name) -> bool:
    return name[0] == _XMP_MM and name[1] in _EMBEDDED_ASSETS


# ---- the tolerant pass ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """An element that is open: its name as written, the property it belongs to, whether it is of another image."""

    tag: str
    owner: _Name
    is_embedded: bool


@dataclass(slots=True)
class _Scope:
    """What is known at a place of the packet: prefixes, and the elements around it."""

    prefixes: dict[str, str] = field(default_factory=lambda: dict(_PREFIXES))
    around: list[_Open] = field(default_factory=list)

    def qualified(self, name: str) -> _Name:
        prefix, colon, local = name.rpartition(":")
        return (self.prefixes.get(prefix, prefix), local) if colon else (self.prefixes.get("", ""), local)

    def close(self, tag: str) -> None:
        """Leave the innermost element of this name; an end without a beginning is ignored."""
        for at in range(len(self.around) - 1, -1, -1):
            if self.around[at].tag == tag:
                del self.around[at:]
                return


def _tolerant(packet: bytes) -> Iterator[Property]:
    text = _text(packet)
    if _DECLARATION.search(text):
        return
    text = _BARE.sub("&lt;", _CDATA.sub(lambda match: html.escape(match[1]), _COMMENT.sub("", text)))
    start = _START.search(text)
    at = start.start() if start else 0
    end = re.compile(_END.format(start[1] if start else "RDF")).search(text, at)
    scope = _Scope()
    for match in _TAG.finditer(text, at, end.end() if end else len(text)):
        yield from _element(match, scope, text)


def _element(match: re.Match[str], scope: _Scope, text: str) -> Iterator[Property]:
    if match["end"]:
        scope.close(match["name"])
        return
    attributes = [(name, double or single) for name, double, single in _ATTRIBUTE.findall(match["rest"])]
    for name, value in attributes:
        if name == "xmlns" or name.startswith("xmlns:"):
            scope.prefixes[name[6:]] = value.strip()
    name = scope.qualified(match["name"])
    outer = scope.around[-1] if scope.around else _Open("", ("", ""), False)
    here = _Open(match["name"], outer.owner if name[0] == _RDF else name, outer.is_embedded or _is_embedded(name))
    if not match["rest"].rstrip().endswith("/") and len(scope.around) < _MAX_OPEN:
        scope.around.append(here)
    if here.is_embedded:
        return
    for attribute, value in attributes:
        if attribute != "xmlns" and not attribute.startswith("xmlns:"):
            namespace, local = scope.qualified(attribute) if ":" in attribute else ("", attribute)
            if namespace == _RDF:
                namespace, local = here.owner
            yield Property(namespace, local, _unescaped(value))
    if text[match.end() : match.end() + 1] == ">":
        stop = text.find("<", match.end())
        value = _unescaped(text[match.end() + 1 : stop if stop >= 0 else len(text)])
        if value:
            yield Property(*here.owner, value)


def _unescaped(value: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), value).strip()


def _text(packet: bytes) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (b"<\0\0\0", "utf-32-le"),
        (b"\0\0\0<", "utf-32-be"),
    ):  # fmt: skip
        if packet.startswith(mark):
            return _CONTROL.sub("", packet.decode(encoding, "replace"))
    if packet[:_HEAD].count(0) > len(packet[:_HEAD]) // 4:
        return _CONTROL.sub("", text_encoding.decoded(packet))
    try:
        text = packet.decode("utf-8")
    except UnicodeDecodeError:
        text = packet.decode("latin-1")
    return _CONTROL.sub("", text)
