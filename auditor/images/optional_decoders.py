"""Decoders of HEIC and JPEG XL, which Pillow lacks: plugins of Pillow that are used if they are installed.

Without them the metadata of such files are read all the same, and their size from the container.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from auditor.errors import SampleError
from auditor.images.containers import isobmff, jxl


@dataclass(frozen=True, slots=True)
class _Decoder:
    """name: of the format, for people. format: Pillow's name. extra: of this package. distribution: has the module."""

    name: str
    format: str
    extra: str
    distribution: str
    module: str


@dataclass(frozen=True, slots=True)
class Missing:
    """An image whose decoder is not installed: its format, its size, and the reason why it has no pixels."""

    format: str
    size: tuple[int, int]
    reason: str


_HEIF = _Decoder("HEIC", "HEIF", "heic", "pillow-heif", "pillow_heif")
_JXL = _Decoder("JPEG XL", "JXL", "jxl", "pillow-jxl-plugin", "pillow_jxl")


def formats(data: bytes) -> tuple[str, ...]:
    """Pillow's name of the file's format, if it needs an optional decoder that is installed."""
    decoder = _decoder(data)
    return (decoder.format,) if decoder and _is_loaded(decoder) else ()


def missing(data: bytes) -> Missing | None:
    """What is missing to decode the file; None if nothing is. Raises SampleError for a file without a size."""
    decoder = _decoder(data)
    if decoder is None or _is_loaded(decoder):
        return None
    size = (jxl if decoder is _JXL else isobmff).size(data)
    if size is None:
        raise SampleError(f"a {decoder.name} file without an image in it: damaged or truncated")
    reason = f"{decoder.name} needs a decoder that is not installed: pip install 'mad-auditor[{decoder.extra}]'"
    return Missing(decoder.format, size, reason)


def installed() -> dict[str, str]:
    """Versions of the optional decoders that are installed: evidence depends on them."""
    versions = {}
    for decoder in (_HEIF, _JXL):
        with suppress(PackageNotFoundError):
            versions[decoder.distribution] = version(decoder.distribution)
    return versions


def _decoder(data: bytes) -> _Decoder | None:
    if jxl.matches(data):
        return _JXL
    return _HEIF if isobmff.matches(data) and not isobmff.is_avif(data) else None


@cache
def _is_loaded(decoder: _Decoder) -> bool:
    try:
        module = importlib.import_module(decoder.module)
    except ImportError:
        return False
    if decoder is _HEIF:
        module.register_heif_opener()
    return True
