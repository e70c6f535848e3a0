"""Whether two pictures show the same, by thumbnails of 32 × 32 grey pixels alone: a measure that shares nothing with a
learned embedding, so that the two confirm each other.

The smaller view of a picture (a crop, or the picture itself) is laid over the other one at every place and at several
sizes, mirrored too; what counts is the largest normalised cross-correlation (Lewis, "Fast Normalized
Cross-Correlation", 1995) after the surroundings' mean has been taken away from each pixel, so that two skies are not
alike for both being bright above.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

SIDE = 32
SIZE = SIDE * SIDE
NCC_MATCH = 0.8  # benchmarks/duplicates.py: what crops to 60 % of the area reach and different pictures hardly ever do
_AROUND = 9  # pixels of the surroundings whose mean is taken away
_SHARED = range(23, 32)  # pixels of the whole one's 32 that both sides of a crop cover: 0.72 to 0.97
_SINGLE = (30, 28, 26, 24)  # and that one side does where the other is not cut
_BLUR = 0.7  # pixels; a crop falls between two pixels
_FLAT = 0.2  # levels; of a thumbnail with hardly more contrast than this, little is alike
_KEPT = 4096  # thumbnails whose reductions are kept


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """uint8 (SIZE,) of a uint8 (height, width, 3) image: grey, squashed to a square, each pixel a mean."""
    grey = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    found: np.ndarray = np.asarray(grey).reshape(SIZE)
    return found


def ncc_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """From -1 to 1, the same either way; 1 for a copy, 0 where one of them is blank. Both uint8 (SIZE,)."""
    a, b = one.tobytes(), other.tobytes()
    whole = _overlaid(a, b, (SIDE, SIDE))
    if whole >= NCC_MATCH:
        return whole
    sizes = _crops()
    return max(whole, *(_overlaid(a, b, size) for size in sizes), *(_overlaid(b, a, size) for size in sizes))


def ncc_similarity_whole(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 (n,): of whole pictures alone, no crops, for uint8 (n, SIZE) each; quick."""
    first, second = _details(ones), _details(others)
    plain = np.einsum("nij,nij->n", first, second)
    mirrored = np.einsum("nij,nij->n", first, second[:, :, ::-1])
    best: np.ndarray = np.maximum(plain, mirrored)
    return best


def _details(pictures: np.ndarray) -> np.ndarray:
    """float32 (n, SIDE, SIDE) of length 1."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    levels = np.asarray(pictures, np.float32).reshape(-1, SIDE, SIDE)
    found = gaussian_filter(levels, (0, _BLUR, _BLUR)) - uniform_filter(levels, (1, _AROUND, _AROUND))
    found = found - found.mean(axis=(1, 2), keepdims=True)
    unit: np.ndarray = found / (np.linalg.norm(found, axis=(1, 2), keepdims=True) + _FLAT * SIDE)
    return unit


def _crops() -> tuple[tuple[int, int], ...]:
    """Heights and widths: of crops that kept the shape, and of those that cut along one side only."""
    along = [size for side in _SINGLE for size in ((SIDE, side), (side, SIDE))]
    return (*((side, side) for side in _SHARED), *along)


def _overlaid(whole: bytes, crop: bytes, size: tuple[int, int]) -> float:
    """The largest correlation of a crop, or its mirror image, with any window of that size."""
    windows, lengths = _windows(whole, size)
    plain, mirrored = _template(crop, size)
    products = windows @ np.stack([plain, mirrored], axis=1)
    return float((products / lengths[:, None]).max())


@lru_cache(maxsize=_KEPT)
def _windows(data: bytes, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Each window's pixels, float32 (places, height · width), its mean taken away; and their lengths."""
    found = np.lib.stride_tricks.sliding_window_view(_detail(data, (SIDE, SIDE)), size).reshape(-1, size[0] * size[1])
    found = found - found.mean(axis=1, keepdims=True)
    return found, np.linalg.norm(found, axis=1) + _FLAT * SIDE


@lru_cache(maxsize=_KEPT)
def _template(data: bytes, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A thumbnail reduced to a crop's size, of length 1, and its mirror image."""
    found = _detail(data, size)
    found = found - found.mean()
    found = found / (np.linalg.norm(found) + _FLAT * SIDE)
    return found.ravel(), found[:, ::-1].ravel()


def _detail(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """float32 (height, width): each pixel against the mean of its surroundings."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    image = Image.frombytes("L", (SIDE, SIDE), data)
    if size != (SIDE, SIDE):
        image = image.resize((size[1], size[0]), Image.Resampling.BOX)
    levels = np.asarray(image, np.float32)
    found: np.ndarray = gaussian_filter(levels, _BLUR) - uniform_filter(levels, _AROUND)
    return found
