"""dwtDct watermarks, embedded by the invisible-watermark package in the three ways that generators use."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detectors import dwt_dct

PATHS = ("8-bit BGR", "float BGR", "float RGB")


def embed(rgb: np.ndarray, mark: dwt_dct.Mark, path: str) -> np.ndarray:
    """uint8 RGB with a mark. Stability's SD scripts: 8-bit BGR; SDXL and FLUX code: float BGR; early diffusers: float RGB."""
    imwatermark = pytest.importorskip("imwatermark", reason="invisible-watermark embeds the marks for these tests")
    encoder = imwatermark.WatermarkEncoder()
    encoder.set_watermark("bits", [int(bit) for bit in mark.message])
    swapped = path.endswith("BGR")
    pixels = (rgb[:, :, ::-1] if swapped else rgb).copy()
    marked = encoder.encode(pixels if path.startswith("8") else pixels.astype(np.float32), "dwtDct")
    marked = np.clip(np.round(marked), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(marked[:, :, ::-1] if swapped else marked)


def package_decodes(rgb: np.ndarray, mark: dwt_dct.Mark) -> bool:
    """Whether the package's own decoder gets at least 44 of 48 bits (in proportion for other lengths) right."""
    imwatermark = pytest.importorskip("imwatermark")
    decoder = imwatermark.WatermarkDecoder("bits", mark.length)
    found = decoder.decode(np.ascontiguousarray(rgb[:, :, ::-1]), "dwtDct")
    right = sum(int(bit) == int(got) for bit, got in zip(mark.message, found, strict=True))
    return right >= mark.length * 44 / 48


def saved(rgb: np.ndarray, format: str = "PNG", **save: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, format, **save)
    return out.getvalue()
