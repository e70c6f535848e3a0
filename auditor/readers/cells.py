"""What one cell of a table says of an image: its bytes, its path or URL, or that it cannot be decoded.

Bytes may be in a struct (`{bytes, path}`), a list of integers, base64 text (RFC 4648), a data: URI (RFC 2397), or what
Python prints of bytes (`b'\\xff…'`, as pandas writes them to csv). A path or URL may be in an object (`{url}`).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from auditor.storage import files, names

# Keys of objects that stand for an image, in the order in which they are looked for.
_BYTES = ("bytes", "data", "content", "b64", "b64_json", "base64", "image_bytes")
_NAMES = (
    "path",
    "url",
    "raw_url",
    "src",
    "uri",
    "href",
    "image_url",
    "file_name",
    "filename",
    "file_path",
    "filepath",
    "file",
    "image",
)
_SPOKEN = ("value", "content", "caption", "raw", "text", "sentence")
_FIRST = frozenset("{[dDb")  # of objects, lists, data: URIs and printed bytes
_MAX_NAME = 4096
_MAX_DEPTH = 4
_PRINTED = re.compile(r"""b'(?:[^'\\]|\\.)*'|b"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_PRINTED_STRUCT = re.compile(r"""\{['"]bytes['"]: *(b'(?:[^'\\]|\\.)*'|b"(?:[^"\\]|\\.)*")""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """An image that is in the cell and cannot be decoded, with the reason."""

    reason: str


Image = bytes | str | Undecodable | None


def images(value: Any) -> list[Any] | None:
    """The items of a cell that holds a list of images; None for a cell that holds one."""
    if isinstance(value, str):
        if value[:1] != "[":
            return None
        value = _parsed(value)
    return value if isinstance(value, list) and not _is_bytes(value) else None


def image(value: Any, depth: int = 0) -> Image:
    """An image's bytes, or its path or URL; None if the cell holds neither."""
    if isinstance(value, str) and len(value) < names.MIN_BASE64 and value[:1] not in _FIRST:  # most cells
        return value if value.strip() else None
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return _in_object(value, depth)
    if isinstance(value, list) and _is_bytes(value):
        return _of_bytes(bytes(number & 0xFF for number in value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_bytes(bytes(value)) if value else None
    return _of_text(value, depth) if isinstance(value, str) and value.strip() else None


def paths(value: Any) -> Iterator[str]:
    """The local paths in a cell. Embedded images are not decoded to find out."""
    listed = images(value)
    for item in [value] if listed is None else listed:
        if isinstance(item, str) and is_encoded(item):
            continue
        if isinstance(found := image(item), str) and not files.is_web(found):
            yield found


def is_encoded(text: str) -> bool:
    """Whether a text is an image in base64, or a data: URI."""
    return text[:5].casefold() == "data:" or names.is_base64_image(text)


def caption(value: Any) -> Any:
    """A caption as one value: texts of a list, one per line; of a conversation, what the model answers."""
    if isinstance(value, str) and value[:2] in ("['", '["', "[{"):
        value = _parsed(value) or value
    if not isinstance(value, list):
        return value
    spoken = [item for item in value if isinstance(item, str)]
    objects = [item for item in value if isinstance(item, dict)]
    answers = [item for item in objects if item.get("from", item.get("role")) in ("gpt", "assistant", "model")]
    for item in answers or objects:
        spoken.extend(str(item[key]) for key in _SPOKEN if isinstance(item.get(key), str))
    return "\n".join(spoken) if spoken else value or None


def _in_object(value: Mapping[str, Any], depth: int) -> Image:
    by_folded = {str(key).casefold(): item for key, item in value.items()}
    found = (image(by_folded[key], depth + 1) for key in (*_BYTES, *_NAMES) if by_folded.get(key))
    return next((item for item in found if item), None)


def _is_bytes(value: list[Any]) -> bool:
    return len(value) >= names.HEAD and all(type(item) is int and -128 <= item < 256 for item in value)


def _of_bytes(data: bytes) -> Image:
    """The bytes; or what they say if they are text (of a table that stores text as binary)."""
    if names.starts_like_image(data[: names.HEAD]) or not data.isascii():
        return data
    text = data.decode("ascii")
    if is_encoded(text):
        return _of_text(text, _MAX_DEPTH)
    is_name = len(text) < _MAX_NAME and text.isprintable() and (files.is_web(text) or names.is_image(text))
    return text if is_name else data


def _of_text(text: str, depth: int) -> Image:
    if text[:5].casefold() == "data:":
        return _of_data_uri(text)
    if names.is_base64_image(text):
        return _decoded(text, "truncated or damaged base64 text")
    if text[:1] == "{" and (printed := _PRINTED_STRUCT.match(text)):
        return _printed(printed[1])
    if text[:1] in "{[" and depth < _MAX_DEPTH and (parsed := _parsed(text)) is not None:
        return image(parsed, depth + 1)
    if text[:2] in ("b'", 'b"') and len(text) >= names.HEAD:
        return _printed(text) if _PRINTED.fullmatch(text) else Undecodable("truncated printed bytes")
    return text


def _of_data_uri(text: str) -> Image:
    header, comma, payload = text.partition(",")
    if not comma:
        return Undecodable("a data: URI without data")
    data = unquote_to_bytes(payload)
    if header.casefold().endswith(";base64"):
        return _decoded(data.decode("ascii", "replace"), "a data: URI whose base64 is truncated or damaged")
    return data


def _decoded(text: str, problem: str) -> Image:
    packed = "".join(text.split()).translate(names.URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (ValueError, binascii.Error):
        return Undecodable(problem)


def _printed(text: str) -> Image:
    try:
        return text[2:-1].encode("latin-1").decode("unicode_escape").encode("latin-1")
    except (UnicodeError, ValueError):
        return Undecodable("damaged printed bytes")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
