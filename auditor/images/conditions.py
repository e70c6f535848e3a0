"""The condition an image is in, as far as its file tells: what a model's error rates depend on. Pure.

Names are those of calibration files. A condition is a matter of the last encoding: earlier ones leave no record.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SMALL = 256  # pixels on the longer side: as img2dataset leaves them by default
_JPEG = ((90, "jpeg95"), (80, "jpeg85"), (68, "jpeg75"), (0, "jpeg60"))  # least quality -> nearest condition
NAMES = ("clean", *(name for _, name in _JPEG), "webp80", "img2dataset256")

# Luma quantisation of the JPEG standard's Annex K, summed, at quality 50; libjpeg scales it for the others.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def quality(luma: Sequence[int]) -> int:
    """libjpeg's quality (1 to 100) whose luma table is nearest to this one."""
    total = sum(luma)
    return min(range(1, 101), key=lambda number: abs(_total(number) - total))


def _total(number: int) -> int:
    scale = 5000 // number if number < 50 else 200 - 2 * number
    return sum(min(255, max(1, (value * scale + 50) // 100)) for value in _LUMA)


def conditions(format: np.ndarray, longest: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Name of the condition of each image: its format, longer side in pixels, and JPEG quality (0: not known)."""
    known = ((format == "JPEG") | (format == "MPO")) & (quality > 0)
    tests = [longest <= SMALL, *(known & (quality >= least) for least, _ in _JPEG), format == "WEBP"]
    names = ["img2dataset256", *(name for _, name in _JPEG), "webp80"]
    return np.select(tests, names, default="clean")
