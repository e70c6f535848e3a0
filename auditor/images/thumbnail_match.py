"""Similarity of two images by template matching on grey thumbnails of 32 × 32 pixels.

It is independent of learned embeddings, so each of the two confirms the other. One image, or a crop of it at several
sizes, is slid over the other one, mirrored too. The similarity is the largest normalised cross-correlation (Lewis,
"Fast Normalized Cross-Correlation", 1995). The mean of its surroundings is subtracted from each pixel first, so that
two skies do not match only because both are bright at the top.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

SIDE = 32
SIZE = SIDE * SIDE
NCC_MATCH = 0.8  # benchmarks/duplicates.py: crops to 60 % of the area reach it, different images almost never do
_SURROUNDINGS_PX = 9  # side of the square whose mean is subtracted
_CROP_SIDES_PX = range(23, 32)  # of crops along both sides: 0.72 to 0.97 of the side
_ONE_SIDED_CROPS_PX = (30, 28, 26, 24)  # of crops along one side only
_BLUR_PX = 0.7  # standard deviation; crops are not aligned to pixels
_NOISE_LEVELS = 0.2  # added to the norm, so that thumbnails with hardly any contrast do not match
_CACHE_SIZE = 4096  # thumbnails whose windows and templates are cached


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """uint8 (SIZE,) from uint8 (height, width, 3): grey, resized to a square; each pixel is the mean of its area."""
    grey = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    levels: np.ndarray = np.asarray(grey).reshape(SIZE)
    return levels


def ncc_similarity(left: np.ndarray, right: np.ndarray) -> float:
    """The similarity, -1 to 1, symmetric: 1 for copies, 0 if one image is blank. Both are uint8 (SIZE,)."""
    a, b = left.tobytes(), right.tobytes()
    whole = _overlaid(a, b, (SIDE, SIDE))
    if whole >= NCC_MATCH:
        return whole
    sizes = _crops()
    return max(whole, *(_overlaid(a, b, size) for size in sizes), *(_overlaid(b, a, size) for size in sizes))


def ncc_similarity_whole(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float32 (n,): the similarity of whole images, without crops; fast. Both are uint8 (n, SIZE)."""
    first, second = _details(left), _details(right)
    plain = np.einsum("nij,nij->n", first, second)
    mirrored = np.einsum("nij,nij->n", first, second[:, :, ::-1])
    best: np.ndarray = np.maximum(plain, mirrored)
    return best


def _details(thumbnails: np.ndarray) -> np.ndarray:
    """float32 (n, SIDE, SIDE): high-pass filtered, each of unit norm."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    levels = np.asarray(thumbnails, np.float32).reshape(-1, SIDE, SIDE)
    smooth = gaussian_filter(levels, (0, _BLUR_PX, _BLUR_PX))
    detail = smooth - uniform_filter(levels, (1, _SURROUNDINGS_PX, _SURROUNDINGS_PX))
    detail = detail - detail.mean(axis=(1, 2), keepdims=True)
    unit: np.ndarray = detail / (np.linalg.norm(detail, axis=(1, 2), keepdims=True) + _NOISE_LEVELS * SIDE)
    return unit


def _crops() -> tuple[tuple[int, int], ...]:
    """(height, width) of the crops: along both sides equally, and along one side only."""
    along = [size for side in _ONE_SIDED_CROPS_PX for size in ((SIDE, side), (side, SIDE))]
    return (*((side, side) for side in _CROP_SIDES_PX), *along)


def _overlaid(whole: bytes, crop: bytes, size: tuple[int, int]) -> float:
    """The largest correlation of a crop, or of its mirror image, with any window of that size."""
    windows, lengths = _windows(whole, size)
    plain, mirrored = _template(crop, size)
    products = windows @ np.stack([plain, mirrored], axis=1)
    return float((products / lengths[:, None]).max())


@lru_cache(maxsize=_CACHE_SIZE)
def _windows(data: bytes, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of each window less their mean, float32 (windows, height · width); and the norms of the windows."""
    views = np.lib.stride_tricks.sliding_window_view(_detail(data, (SIDE, SIDE)), size)
    windows = views.reshape(-1, size[0] * size[1])
    windows = windows - windows.mean(axis=1, keepdims=True)
    return windows, np.linalg.norm(windows, axis=1) + _NOISE_LEVELS * SIDE


@lru_cache(maxsize=_CACHE_SIZE)
def _template(data: bytes, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A thumbnail resized to a crop's size, of unit norm; and its mirror image."""
    detail = _detail(data, size)
    detail = detail - detail.mean()
    detail = detail / (np.linalg.norm(detail) + _NOISE_LEVELS * SIDE)
    return detail.ravel(), detail[:, ::-1].ravel()


def _detail(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """float32 (height, width): each pixel less the mean of its surroundings."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    image = Image.frombytes("L", (SIDE, SIDE), data)
    if size != (SIDE, SIDE):
        image = image.resize((size[1], size[0]), Image.Resampling.BOX)
    levels = np.asarray(image, np.float32)
    detail: np.ndarray = gaussian_filter(levels, _BLUR_PX) - uniform_filter(levels, _SURROUNDINGS_PX)
    return detail
