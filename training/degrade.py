"""What happens to an image between its maker and a dataset: one random stream, which both classes go through alike.

`degrade` draws a history on the web, for training; `CONDITIONS` are the fixed ones that scores are counted under. Both
start from the image reduced to at most SHORT pixels on its shorter side, so that it does not tell the classes apart
that synthetic originals are larger; the shape is cut at random for the same reason.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Image.MAX_IMAGE_PIXELS = None
SHORT = 512
FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
ASPECTS = (1.0, 1.0, 1.0, 4 / 3, 4 / 3, 3 / 4, 3 / 2, 3 / 2, 2 / 3, 16 / 9, 9 / 16)
Frame = tuple[float, float, float, float]


def seeded(name: str, *salt: int) -> Generator:
    """A generator that depends on the image's name and the salt alone."""
    return np.random.default_rng([zlib.crc32(name.encode()), *salt])


def opened(path: Path, name: str, frame: Frame | None = None) -> Image.Image:
    """RGB, upright, at most SHORT pixels on the shorter side; the part inside the frame (fractions) if there is one."""
    rng = seeded(name, 1)
    with Image.open(path) as stored:
        image = ImageOps.exif_transpose(stored)
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    if frame:
        left, top, right, bottom = (round(part * side) for part, side in zip(frame, image.size * 2, strict=True))
        image = image.crop((left, top, right, bottom))
    return _flat(_scaled(image, min(1.0, SHORT / min(image.size)), _filter(rng)), rng)


def degrade(image: Image.Image, rng: Generator) -> Image.Image:
    """Cropped, reduced, touched up now and then, encoded up to three times."""
    image = _shaped(image, rng, 1.0 if rng.random() < 0.5 else float(rng.uniform(0.25, 1.0)))
    if rng.random() < 0.2:
        image = _recoded(image, rng)
    target = _target(rng)
    if max(image.size) > target:
        image = _reduced(image, target, _filter(rng))
    elif rng.random() < 0.1:
        image = _scaled(image, float(rng.uniform(1.0, 1.5)), _filter(rng))
    image = _touched_up(image, rng)
    if target == 256 and rng.random() < 0.3:
        image = _padded(image, max(image.size))
    passes = int(rng.choice(3, p=(0.12, 0.68, 0.2)))
    for number in range(passes):
        image = _recoded(image, rng)
        if number + 1 < passes:
            image = _shifted(image, rng)
    return image


def base(image: Image.Image, name: str) -> Image.Image:
    """What the conditions start from: a random shape, the longer side 512 pixels or, half the time, 256 to 512."""
    rng = seeded(name, 2)
    longest = 512 if rng.random() < 0.5 else int(rng.integers(256, 513))
    return _reduced(_shaped(image, rng), longest, _filter(rng))


def _jpeg(quality: int) -> Callable[[Image.Image, Generator], bytes]:
    return lambda image, _: encoded(image, "JPEG", quality)


def _img2dataset(image: Image.Image, _: Generator) -> bytes:
    """img2dataset's defaults: longer side 256 by area, white bars to a square, JPEG 95."""
    scale = 256 / max(image.size)
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.LANCZOS
    return encoded(_padded(_scaled(image, scale, kernel), 256), "JPEG", 95)


def _crop(image: Image.Image, rng: Generator) -> bytes:
    """Half of the area, somewhere, JPEG 85."""
    wide, high = round(image.width * 0.707), round(image.height * 0.707)
    left, top = (int(rng.integers(room + 1)) for room in (image.width - wide, image.height - high))
    return encoded(image.crop((left, top, left + wide, top + high)), "JPEG", 85)


def _double(image: Image.Image, rng: Generator) -> bytes:
    """As a screenshot of a page: JPEG 75, shown at 0.8 to 0.95 of its size, JPEG 85."""
    shown = decoded(encoded(image, "JPEG", 75))
    return encoded(_scaled(shown, float(rng.uniform(0.8, 0.95)), Image.Resampling.BILINEAR), "JPEG", 85)


# Conditions -> the file that a base becomes.
CONDITIONS: dict[str, Callable[[Image.Image, Generator], bytes]] = {
    "clean": lambda image, _: encoded(image, "PNG", 0),
    "jpeg95": _jpeg(95),
    "jpeg85": _jpeg(85),
    "jpeg75": _jpeg(75),
    "jpeg60": _jpeg(60),
    "webp80": lambda image, _: encoded(image, "WEBP", 80),
    "img2dataset256": _img2dataset,
    "crop": _crop,
    "double-jpeg": _double,
}


def rendered(image: Image.Image, name: str, condition: str) -> Image.Image:
    """The image as it is in a condition, decoded again."""
    return decoded(CONDITIONS[condition](base(image, name), seeded(name, 3)))


def encoded(image: Image.Image, kind: str, quality: int, *, chroma: int = 2) -> bytes:
    """The image as a JPEG (chroma 0: 4:4:4, 2: 4:2:0), WebP or PNG file."""
    options: dict[str, dict[str, int]] = {
        "JPEG": {"quality": quality, "subsampling": chroma},
        "WEBP": {"quality": quality, "method": 2},
        "PNG": {"compress_level": 1},
    }
    buffer = io.BytesIO()
    image.save(buffer, kind, **options[kind])
    return buffer.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The pixels of a file as RGB."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _scaled(image: Image.Image, scale: float, kernel: Image.Resampling) -> Image.Image:
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), kernel)


def _reduced(image: Image.Image, longest: int, kernel: Image.Resampling) -> Image.Image:
    """Never enlarged."""
    return image if max(image.size) <= longest else _scaled(image, longest / max(image.size), kernel)


def _flat(image: Image.Image, rng: Generator) -> Image.Image:
    """Cut-outs on a background: white, black, a colour or soft blotches."""
    if image.mode == "RGB":
        return image
    kind = rng.random()
    if kind < 0.55:
        back = Image.new("RGB", image.size, "white")
    elif kind < 0.65:
        back = Image.new("RGB", image.size, "black")
    else:
        side = 1 if kind < 0.8 else int(rng.integers(2, 6))
        colours = np.clip(rng.integers(0, 256, 3) + rng.normal(0, 30, (side, side, 3)), 0, 255).astype(np.uint8)
        back = Image.fromarray(colours).resize(image.size, Image.Resampling.BICUBIC)
    back.paste(image, mask=image.getchannel("A"))
    return back


def _shaped(image: Image.Image, rng: Generator, area: float = 1.0) -> Image.Image:
    """The largest rectangle of a random shape (times `area`), somewhere in the image."""
    width, height = image.size
    aspect = ASPECTS[int(rng.integers(len(ASPECTS)))]
    wide, high = (width, width / aspect) if width / aspect <= height else (height * aspect, height)
    wide, high = (max(1, round(side * math.sqrt(area))) for side in (wide, high))
    left, top = (round(float(rng.beta(2, 2)) * room) for room in (width - wide, height - high))
    return image.crop((left, top, left + wide, top + high))


def _padded(image: Image.Image, size: int) -> Image.Image:
    """White bars around, as img2dataset's default resize mode leaves them."""
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


def _recoded(image: Image.Image, rng: Generator) -> Image.Image:
    """Through a JPEG, or sometimes a WebP, of random quality."""
    if rng.random() < 0.14:
        return decoded(encoded(image, "WEBP", int(rng.integers(50, 96))))
    chroma = 2 if rng.random() < 0.8 else 0
    return decoded(encoded(image, "JPEG", int(rng.integers(50, 99)), chroma=chroma))


def _target(rng: Generator) -> float:
    """Longest side after reduction."""
    kind = rng.random()
    if kind < 0.25:
        return 256
    return 512 if kind < 0.5 else math.exp(rng.uniform(math.log(224), math.log(640)))


def _filter(rng: Generator) -> Image.Resampling:
    return FILTERS[int(rng.integers(len(FILTERS)))]


def _shifted(image: Image.Image, rng: Generator) -> Image.Image:
    """What lies between two encodings: a few pixels cut off, or a small change of size."""
    if rng.random() < 0.5:
        left, top, right, bottom = (int(value) for value in rng.integers(0, 8, 4))
        return image.crop((left, top, image.width - right, image.height - bottom))
    return _scaled(image, float(rng.uniform(0.7, 1.0)), _filter(rng))


def _touched_up(image: Image.Image, rng: Generator) -> Image.Image:
    """Rarely: blur, sharpening, colour, grey, noise."""
    kind = rng.random()
    if kind < 0.06:
        return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
    if kind < 0.12:
        return image.filter(ImageFilter.UnsharpMask(2, int(rng.integers(30, 120)), 2))
    if kind < 0.24:
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = change(image).enhance(float(rng.uniform(0.7, 1.35)))
        return image
    if kind < 0.27:
        return image.convert("L").convert("RGB")
    if kind < 0.30:
        noise = rng.normal(0, rng.uniform(1, 6), (image.height, image.width, 3))
        return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    return image
