"""The compression condition of an image, as its file shows it. A classifier's error rates depend on it. Pure.

The names are those of calibration files. Only the last encoding is known: earlier ones leave no record.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SMALL = 256  # pixels on the longer side: img2dataset's default
_JPEG = ((90, "jpeg95"), (80, "jpeg85"), (68, "jpeg75"), (0, "jpeg60"))  # minimum quality, nearest condition
NAMES = ("clean", *(name for _, name in _JPEG), "webp80", "img2dataset256")

# The luma quantisation table of ITU-T T.81, Annex K, which libjpeg uses at quality 50 and scales for others.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def quality(luma: Sequence[int]) -> int:
    """libjpeg's quality (1 to 100) whose luma table has the sum nearest to this one's."""
    total = sum(luma)
    return min(range(1, 101), key=lambda number: abs(_total(number) - total))


def _total(number: int) -> int:
    scale = 5000 // number if number < 50 else 200 - 2 * number
    return sum(min(255, max(1, (value * scale + 50) // 100)) for value in _LUMA)


def conditions(format: np.ndarray, longer_side: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """The condition's name for each image, from format, longer side in pixels and JPEG quality (0: unknown)."""
    is_jpeg = ((format == "JPEG") | (format == "MPO")) & (quality > 0)
    tests = [longer_side <= SMALL, *(is_jpeg & (quality >= minimum) for minimum, _ in _JPEG), format == "WEBP"]
    names = ["img2dataset256", *(name for _, name in _JPEG), "webp80"]
    return np.select(tests, names, default="clean")
