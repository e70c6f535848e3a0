"""Decoding one image safely: with limits on pixels and time, from known formats, the first frame only.

Decoders that run other programs or reach outside the file (EPS, WMF, …) are never used. Whatever a file contains, the
functions raise SampleError and nothing else.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import causes, conditions, optional_decoders
from auditor.images.containers import MAX_INFLATED, png
from auditor.images.deadline import TooSlow, deadline

T = TypeVar("T")
_BYTES = re.compile(r" \(\d+ bytes? not processed\)")
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")


@dataclass(frozen=True, slots=True)
class Header:
    """An image's header: format (by content, not by suffix), size in pixels, Pillow's mode.

    quality: libjpeg's quality (1 to 100) of a JPEG's luma table; None for other formats. no_pixels: why the pixels
    cannot be decoded here, although the file is an image: a package is missing.
    """

    format: str
    width: int
    height: int
    mode: str
    quality: int | None = None
    no_pixels: str | None = None


def header(data: bytes, limits: Limits) -> Header:
    """The header, without decoding. Raises SampleError for unknown formats and images over the pixel limit."""
    if missing := optional_decoders.missing(data):
        width, height = missing.size
        _refuse_large(width, height, limits)
        return Header(missing.format, width, height, "?", no_pixels=missing.reason)
    return _mended(_header, data, limits)


def _header(data: bytes, limits: Limits) -> Header:
    with _guarded(limits), _opened(data, limits) as image:
        tables = getattr(image, "quantization", None)
        quality = _quality(tuple(tables[0])) if image.format in ("JPEG", "MPO") and tables and 0 in tables else None
        return Header(image.format or "?", image.width, image.height, image.mode, quality)


def pixels(data: bytes, limits: Limits, *, least_side: int | None = None) -> np.ndarray:
    """The first frame as stored (without EXIF rotation): uint8 (height, width, channels).

    The channels are L, LA, RGB or RGBA. Palettes and CMYK become RGB(A); 16 bits and floats become 8 bits. least_side:
    a JPEG may be decoded at a fraction of its size if no side gets shorter than this; None for the pixels themselves.
    Raises SampleError.
    """
    if missing := optional_decoders.missing(data):
        raise SampleError(missing.reason)
    return _mended(partial(_pixels, least_side=least_side), data, limits)


def _pixels(data: bytes, limits: Limits, *, least_side: int | None) -> np.ndarray:
    with _guarded(limits), _opened(data, limits) as image:
        if least_side is not None:
            image.draft(None, (least_side, least_side))
        image.load()
        array = np.asarray(_as_8_bit(image))
    return array[:, :, None] if array.ndim == 2 else array


def _mended(read: Callable[[bytes, Limits], T], data: bytes, limits: Limits) -> T:
    """The result of reading the file; if that fails, of reading it without the PNG chunks that the pixels do not need:
    Pillow refuses files with a wrong checksum or a very long text, which viewers show."""
    try:
        return read(data, limits)
    except SampleError:
        mended = png.without_texts(data) if png.matches(data) else None
        if mended is None:
            raise
    return read(mended, limits)


def rgb(array: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3) from an array of `pixels`; alpha is composited on white."""
    channels = array.shape[2]
    colour = array[:, :, : channels - 1] if channels in (2, 4) else array
    if channels in (2, 4) and (alpha := array[:, :, -1:]).min() < 255:
        weight = alpha.astype(np.uint16)
        colour = ((colour * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour)


def upright(array: np.ndarray, orientation: object) -> np.ndarray:
    """The array rotated and mirrored by an EXIF orientation (1 to 8); unchanged for any other value."""
    try:
        number = int(str(orientation))
    except ValueError:
        return array
    if number in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if number in (2, 3, 6, 7):
        array = array[:, ::-1]
    if number in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


@lru_cache(maxsize=1024)  # most files of a dataset share a few tables
def _quality(luma: tuple[int, ...]) -> int:
    return conditions.quality(luma)


def _as_8_bit(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        # Integers in mode I are widened 16-bit values; floats have no fixed range and are scaled from their own.
        low, high = (0.0, 65535.0) if image.mode == "I" else (float(values.min()), float(values.max()))
        scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
    has_alpha = image.mode in ("PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


@contextmanager
def _opened(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    if not data:
        raise SampleError("empty file")
    with _pillow_without_limits():
        try:
            image = Image.open(io.BytesIO(data), formats=(*_FORMATS, *optional_decoders.formats(data)))
        except UnidentifiedImageError:
            cause = causes.cause(data)
            raise SampleError("not an image in a known format" + (f": {cause}" if cause else "")) from None
        with image:
            _refuse_large(image.width, image.height, limits)
            yield image


def _refuse_large(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise SampleError(f"{width} × {height}: more than {limits.max_pixels:,} pixels (--max-pixels)")


@contextmanager
def _pillow_without_limits() -> Iterator[None]:
    """Replaces Pillow's fixed limits by ours, and silences warnings about files that we accept."""
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, MAX_INFLATED
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before


@contextmanager
def _guarded(limits: Limits) -> Iterator[None]:
    """Turns any exception of a decoder into SampleError, and stops the decoder after the time limit."""
    try:
        with deadline(limits.max_seconds):
            yield
    except (SampleError, KeyboardInterrupt, SystemExit):
        raise
    except TooSlow:
        raise SampleError(f"decoding took longer than {limits.max_seconds:g} s (--max-seconds)") from None
    except MemoryError:
        raise SampleError("decoding ran out of memory") from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error on hostile input
        raise SampleError(f"cannot be decoded: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    # Pillow's messages contain the address of the in-memory file, which differs from run to run.
    # Nor are numbers of bytes of any use: they make every file's reason another one.
    text = _BYTES.sub("", str(error).split(" <_io.BytesIO")[0]).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
