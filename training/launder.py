"""One random stream that both classes go through: what the web does to an image between its maker and a dataset."""

from __future__ import annotations

import io
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Image.MAX_IMAGE_PIXELS = None
FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
ASPECTS = (1.0, 1.0, 1.0, 4 / 3, 4 / 3, 3 / 4, 3 / 2, 3 / 2, 2 / 3, 16 / 9, 9 / 16)
LARGEST = 1536


def seeded(path: str, *salt: int) -> Generator:
    """A generator that depends on the image's path and the salt alone."""
    return np.random.default_rng([zlib.crc32(path.encode()), *salt])


def open_image(path: Path, frame: tuple[float, float, float, float] | None = None) -> Image.Image:
    """RGB or RGBA, upright, at most LARGEST pixels long; the part inside the frame (fractions) if one is given."""
    with Image.open(path) as stored:
        image = ImageOps.exif_transpose(stored)
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    if frame:
        left, top, right, bottom = (round(part * side) for part, side in zip(frame, image.size * 2, strict=True))
        image = image.crop((left, top, right, bottom))
    return shrink(image, LARGEST, Image.Resampling.LANCZOS)


def shrink(image: Image.Image, longest: int, resample: Image.Resampling) -> Image.Image:
    """The image with its longer side reduced to `longest`; never enlarged."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    width, height = image.size
    return image.resize((max(1, round(width * scale)), max(1, round(height * scale))), resample)


def flatten(image: Image.Image, rng: Generator) -> Image.Image:
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


def crop_aspect(image: Image.Image, rng: Generator, area: float = 1.0) -> Image.Image:
    """The largest rectangle of a random shape (times `area`), somewhere in the image: shape then tells no class."""
    width, height = image.size
    aspect = ASPECTS[int(rng.integers(len(ASPECTS)))]
    wide, high = (width, width / aspect) if width / aspect <= height else (height * aspect, height)
    wide, high = (max(1, round(side * math.sqrt(area))) for side in (wide, high))
    left, top = (round(float(rng.beta(2, 2)) * room) for room in (width - wide, height - high))
    return image.crop((left, top, left + wide, top + high))


def encode(image: Image.Image, kind: str, quality: int, *, chroma: int = 2) -> bytes:
    """The image as a JPEG (chroma 0: 4:4:4, 2: 4:2:0), WebP or PNG file."""
    options: dict[str, dict[str, int]] = {
        "JPEG": {"quality": quality, "subsampling": chroma},
        "WEBP": {"quality": quality, "method": 2},
        "PNG": {"compress_level": 1},
    }
    buffer = io.BytesIO()
    image.save(buffer, kind, **options[kind])
    return buffer.getvalue()


def decode(data: bytes) -> Image.Image:
    """The pixels of a file as RGB."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def pad_square(image: Image.Image, size: int) -> Image.Image:
    """White bars around, as img2dataset's default resize mode leaves them."""
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


def launder(image: Image.Image, rng: Generator) -> Image.Image:
    """A random life on the web: cropped, reduced, touched up now and then, re-encoded up to three times."""
    area = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.25, 1.0))
    image = flatten(crop_aspect(image, rng, area), rng)
    if rng.random() < 0.2:
        image = recode(shrink(image, 1024, _filter(rng)), rng)
    target = int(_target(rng))
    if max(image.size) > target:
        image = shrink(image, target, _filter(rng))
    elif rng.random() < 0.1:
        scale = float(rng.uniform(1.0, 1.5))
        image = image.resize((round(image.width * scale), round(image.height * scale)), _filter(rng))
    image = _touch_up(image, rng)
    if target == 256 and rng.random() < 0.3:
        image = pad_square(image, max(image.size))
    passes = rng.choice(3, p=(0.12, 0.68, 0.2))
    for index in range(passes):
        image = recode(image, rng)
        if index + 1 < passes:
            image = _shift(image, rng)
    return image


def recode(image: Image.Image, rng: Generator) -> Image.Image:
    """Through a JPEG, or sometimes a WebP, of random quality."""
    if rng.random() < 0.14:
        return decode(encode(image, "WEBP", int(rng.integers(50, 96))))
    chroma = 2 if rng.random() < 0.8 else 0
    return decode(encode(image, "JPEG", int(rng.integers(50, 99)), chroma=chroma))


def _target(rng: Generator) -> float:
    """Longest side after reduction."""
    kind = rng.random()
    if kind < 0.25:
        return 256
    return 512 if kind < 0.5 else math.exp(rng.uniform(math.log(224), math.log(640)))


def _filter(rng: Generator) -> Image.Resampling:
    return FILTERS[int(rng.integers(len(FILTERS)))]


def _shift(image: Image.Image, rng: Generator) -> Image.Image:
    """What lies between two encodings: a few pixels cut off, or a small change of size."""
    if rng.random() < 0.5:
        left, top, right, bottom = (int(value) for value in rng.integers(0, 8, 4))
        return image.crop((left, top, image.width - right, image.height - bottom))
    scale = float(rng.uniform(0.7, 1.0))
    return image.resize((round(image.width * scale), round(image.height * scale)), _filter(rng))


def _touch_up(image: Image.Image, rng: Generator) -> Image.Image:
    """Rarely: mirrored is left to training; blur, sharpening, colour, grey, noise."""
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
