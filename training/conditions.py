"""The evaluation's images: one base an image, matched between the classes, and what each condition does to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image

from training.launder import FILTERS, crop_aspect, decode, encode, flatten, pad_square, seeded, shrink

BASE_SALT, SIZE_SALT = 11, 12


def base(image: Image.Image, path: str, longest: int) -> Image.Image:
    """The image in a random shape, its longer side reduced to at most `longest` (see `matched_sizes`)."""
    rng = seeded(path, BASE_SALT)
    cropped = flatten(crop_aspect(image, rng), rng)
    return shrink(cropped, longest, FILTERS[int(rng.integers(1, len(FILTERS)))])


def matched_sizes(real: dict[str, int], synthetic: dict[str, int], weight: dict[str, float]) -> dict[str, int]:
    """Longest sides of the bases: reals draw theirs, synthetic images draw among the reals' results.

    `real` and `synthetic` give each path's own longest side (after the crop to shape), `weight` the reals' weights.
    """
    sizes = {path: min(own, _draw(seeded(path, SIZE_SALT))) for path, own in real.items()}
    values = np.array(list(sizes.values()))
    chances = np.array([weight[path] for path in sizes])
    for path, own in synthetic.items():
        draw = seeded(path, SIZE_SALT).choice(values, p=chances / chances.sum())
        sizes[path] = min(own, int(draw))
    return sizes


def _draw(rng: Generator) -> int:
    return 512 if rng.random() < 0.5 else int(rng.integers(256, 513))


def _jpeg(quality: int) -> Callable[[Image.Image, Generator], bytes]:
    return lambda image, _: encode(image, "JPEG", quality)


def _img2dataset(image: Image.Image, _: Generator) -> bytes:
    """Its defaults: longer side 256 by area, white bars to a square, JPEG 95."""
    scale = 256 / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.LANCZOS
    return encode(pad_square(image.resize(size, kernel), 256), "JPEG", 95)


def _crop(image: Image.Image, rng: Generator) -> bytes:
    """Half of the area, somewhere, JPEG 85."""
    wide, high = round(image.width * 0.707), round(image.height * 0.707)
    left, top = (int(rng.integers(room + 1)) for room in (image.width - wide, image.height - high))
    return encode(image.crop((left, top, left + wide, top + high)), "JPEG", 85)


def _double(image: Image.Image, rng: Generator) -> bytes:
    """As a screenshot of a page: JPEG 75, shown at 0.8 to 0.95 of its size, JPEG 85."""
    shown = decode(encode(image, "JPEG", 75))
    scale = float(rng.uniform(0.8, 0.95))
    size = (round(shown.width * scale), round(shown.height * scale))
    return encode(shown.resize(size, Image.Resampling.BILINEAR), "JPEG", 85)


def _clean(image: Image.Image, _: Generator) -> bytes:
    return encode(image, "PNG", 0)


CONDITIONS: dict[str, Callable[[Image.Image, Generator], bytes]] = {
    "clean": _clean,
    "jpeg95": _jpeg(95),
    "jpeg85": _jpeg(85),
    "jpeg75": _jpeg(75),
    "jpeg60": _jpeg(60),
    "webp80": lambda image, _: encode(image, "WEBP", 80),
    "img2dataset256": _img2dataset,
    "crop": _crop,
    "double-jpeg": _double,
}
