"""Decoding one image safely: limits on pixels and time, known formats only, the first frame only.

Decoders of formats that run other programs or reach outside the file (EPS, WMF, …) are never asked. Raises Refused,
and nothing else, for anything a file can hold.
"""

from __future__ import annotations

import io
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import conditions
from auditor.images.containers import MAX_INFLATED

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")


@dataclass(frozen=True, slots=True)
class Header:
    """What an image's header says: format by content (whatever the suffix), size in pixels, Pillow mode.

    quality: of a JPEG's luma table, 1 to 100 as libjpeg counts; None for other formats.
    """

    format: str
    width: int
    height: int
    mode: str
    quality: int | None = None


def header(data: bytes, limits: Limits) -> Header:
    """The header alone. Raises Refused for unknown formats and images over the pixel limit."""
    with _guarded(limits), _opened(data, limits) as image:
        tables = getattr(image, "quantization", None)
        quality = _quality(tuple(tables[0])) if image.format in ("JPEG", "MPO") and tables and 0 in tables else None
        return Header(image.format or "?", image.width, image.height, image.mode, quality)


def pixels(data: bytes, limits: Limits) -> np.ndarray:
    """The first frame as stored (EXIF rotation not applied): uint8, (height, width, channels).

    The channels are L, LA, RGB or RGBA. Palettes and CMYK become RGB(A), 16 bits and floats become 8. Raises Refused.
    """
    with _guarded(limits), _opened(data, limits) as image:
        image.load()
        plain = _plain(image)
        array = np.asarray(plain)
    return array[:, :, None] if array.ndim == 2 else array


def rgb(array: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3) of any array that `pixels` returns; alpha is composited on white."""
    channels = array.shape[2]
    colour = array[:, :, : channels - 1] if channels in (2, 4) else array
    if channels in (2, 4) and (alpha := array[:, :, -1:]).min() < 255:
        weight = alpha.astype(np.uint16)
        colour = ((colour * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour)


def upright(array: np.ndarray, orientation: object) -> np.ndarray:
    """The array turned and mirrored as an EXIF orientation (1 to 8) says; anything else leaves it as it is."""
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


@lru_cache(maxsize=1024)  # most files of a dataset have one of a few tables
def _quality(luma: tuple[int, ...]) -> int:
    return conditions.quality(luma)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        # Integers in this mode are 16 bits widened; floats have no fixed range and are stretched to theirs.
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
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise SampleError("not an image in a known format") from None
        with image:
            if image.width * image.height > limits.max_pixels:
                size = f"{image.width} × {image.height}"
                raise SampleError(f"{size}: more than {limits.max_pixels:,} pixels (--max-pixels)")
            yield image


@contextmanager
def _pillow_without_limits() -> Iterator[None]:
    """Pillow's own limits are fixed and silent about the size; ours apply. Its warnings are of what we tolerate."""
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
    """Turns whatever a decoder raises into Refused, and stops it after the time limit."""
    try:
        with _deadline(limits.max_seconds):
            yield
    except (SampleError, KeyboardInterrupt, SystemExit):
        raise
    except _TooSlow:
        raise SampleError(f"decoding took longer than {limits.max_seconds:g} s (--max-seconds)") from None
    except MemoryError:
        raise SampleError("decoding ran out of memory") from None
    except Exception as error:  # decoders raise anything from SyntaxError to struct.error on hostile input
        raise SampleError(f"cannot be decoded: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    # Pillow names in-memory files by their address, which differs from run to run.
    text = str(error).split(" <_io.BytesIO")[0].strip().splitlines()
    return text[0][:200] if text else type(error).__name__


class _TooSlow(Exception):
    pass


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    # An interval timer interrupts decoders between two calls into C. Only a main thread can have one; workers are.
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
