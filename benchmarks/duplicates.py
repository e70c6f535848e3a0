"""Recall and false positives of the near-duplicate search.

    python benchmarks/duplicates.py FOLDER [--images 300] [--others FOLDER --most 4000] [--encoder NAME]
        [--each 8 --least 256]

Each image of FOLDER is changed in every way of CHANGES (--each: at most this number of images per subfolder; --least:
minimum side in pixels). Recall is the share of changed images that match their original. Two perceptual hashes are
compared on the same pairs: a 64-bit DCT hash with the median as its threshold, as in imagehash and imagededup, with at
most 10 different bits (imagededup's default), and the same hash with the mirror image too. False positives are matches
between different files of FOLDER and --others, among the eight nearest neighbours of each. Such a pair may be a true
duplicate, so the pairs are listed for inspection. --encoder: an open_clip model instead of the embedded one, with a
whitening that is fitted on the images of both folders.
"""

from __future__ import annotations

import argparse
import io
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from scipy.fft import dctn

from auditor.embeddings import whitening
from auditor.embeddings.vector_source import VectorSource
from auditor.images.thumbnail_match import thumbnail
from auditor.similarity.near_duplicates import COSINE_CROP, copies
from auditor.similarity.neighbours import self_join
from auditor.storage.names import is_image

_MAX_SIDE_PIXELS = 1600  # larger originals are reduced first, to save time
_MAX_DIFFERENT_BITS = 10


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def cropped(image: Image.Image, area: float, *, seed: int = 0) -> Image.Image:
    rng, side = random.Random(f"{seed} {image.size}"), area**0.5
    width, height = max(8, round(image.width * side)), max(8, round(image.height * side))
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def resized(image: Image.Image) -> Image.Image:
    return ImageOps.contain(image, (256, 256)) if max(image.size) > 256 else image


def written_on(image: Image.Image) -> Image.Image:
    image = image.copy()
    font = ImageFont.load_default(size=max(10, image.height // 10))
    place = image.width * 0.05, image.height * 0.8
    ImageDraw.Draw(image).text(place, "SAMPLE TEXT", "white", font, stroke_width=2, stroke_fill="black")
    return image


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "crop, 90 % of the area": partial(cropped, area=0.9),
    "crop, 80 %": partial(cropped, area=0.8),
    "crop, 60 %": partial(cropped, area=0.6),
    "resized to 256": resized,
    "centre square of 256, JPEG 95": lambda image: recompressed(ImageOps.fit(image, (256, 256)), 95),
    "JPEG 30": partial(recompressed, quality=30),
    "mirrored": ImageOps.mirror,
    "brightness 1.4": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "text written on it": written_on,
}
Seen = tuple[str, np.ndarray, np.ndarray, np.ndarray]


def opened(path: Path) -> Image.Image | None:
    """On white where it is transparent, as in scans."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(path).convert("RGBA")
    except OSError:
        return None
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def seen(path: Path, *, with_changes: bool, encoder: str | None) -> Seen | None:
    """Vectors, thumbnails and hashes of an image and its changes."""
    image = opened(path)
    if image is None:
        return None
    if max(image.size) > _MAX_SIDE_PIXELS:
        image = ImageOps.contain(image, (_MAX_SIDE_PIXELS, _MAX_SIDE_PIXELS))
    images = [image, *(change(image) for change in CHANGES.values() if with_changes)]
    arrays = [np.asarray(one) for one in images]
    vectors = np.stack([one.vector for one in VectorSource(encoder).encoder_of_images().encode(arrays)])
    hashes = np.stack([dct_hash(one) for one in images])
    return str(path), vectors, np.stack([thumbnail(one) for one in arrays]), hashes


def dct_hash(image: Image.Image) -> np.ndarray:
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), float)
    low = dctn(grey)[:8, :8].ravel()
    return np.asarray(low > np.median(low))


def images_in(folder: Path, most: int, *, each: int | None = None, least: int = 0) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if is_image(path.name) and path.is_file())
    random.Random(1).shuffle(found)
    taken: Counter[Path] = Counter()
    chosen: list[Path] = []
    for path in found:
        if len(chosen) < most and taken[path.parent] < (each or most) and (not least or is_large(path, least)):
            taken[path.parent] += 1
            chosen.append(path)
    return chosen


def is_large(path: Path, least: int) -> bool:
    try:
        return min(Image.open(path).size) >= least
    except OSError:
        return False


def all_seen(paths: Sequence[Path], *, with_changes: bool, encoder: str | None = None) -> Iterator[Seen]:
    with ProcessPoolExecutor(2) as pool:
        each = pool.map(partial(seen, with_changes=with_changes, encoder=encoder), paths, chunksize=8)
        yield from (one for one in each if one)


def are_copies(cosine: np.ndarray, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    return copies(cosine, lambda pairs: (ones[pairs], others[pairs]))[0]


def recall(rows: list[Seen], own: whitening.PcaWhitening) -> None:
    vectors = np.stack([own.transform(row[1]) for row in rows])
    thumbs, hashes = np.stack([row[2] for row in rows]), np.stack([row[3] for row in rows])
    print(f"\n{len(rows)} images; found again, per cent\n")
    print(
        f"| change | cosine and thumbnails | cosine of {COSINE_CROP} alone | hash | hash, mirrored too |\n"
        "|---|---|---|---|---|"
    )
    mirrored = np.stack([np.stack([flipped(each) for each in row]) for row in hashes])
    for at, name in enumerate(CHANGES, 1):
        cosine = (vectors[:, 0] * vectors[:, at]).sum(1)
        both = are_copies(cosine, thumbs[:, 0], thumbs[:, at])
        apart = (hashes[:, 0] != hashes[:, at]).sum(1)
        either = np.minimum(apart, (mirrored[:, 0] != hashes[:, at]).sum(1))
        cells = (both, cosine >= COSINE_CROP, apart <= _MAX_DIFFERENT_BITS, either <= _MAX_DIFFERENT_BITS)
        print(f"| {name} | " + " | ".join(f"{100 * cell.mean():.1f}" for cell in cells) + " |")


def flipped(bits: np.ndarray) -> np.ndarray:
    """The hash of the mirror image, all but for the median: odd waves across change their sign."""
    grid = bits.reshape(8, 8).copy()
    grid[:, 1::2] ^= True
    return grid.ravel()


def false_positives(rows: list[Seen], own: whitening.PcaWhitening) -> None:
    vectors = own.transform(np.stack([row[1][0] for row in rows]))
    thumbs, hashes = np.stack([row[2][0] for row in rows]), np.stack([row[3][0] for row in rows])
    total = len(rows) * (len(rows) - 1) // 2
    found = list(self_join(vectors, 8, -1.0))
    query, other = (np.concatenate([getattr(block, side) for block in found]) for side in ("query", "found"))
    cosine = np.concatenate([block.cosine for block in found])
    once = query < other
    query, other, cosine = query[once], other[once], cosine[once]
    start = time.perf_counter()
    both = are_copies(cosine, thumbs[query], thumbs[other])
    took = time.perf_counter() - start
    apart = np.array([(hashes[one] != hashes[two]).sum() for one, two in zip(query, other, strict=True)])
    raw = np.stack([row[1][0] for row in rows])
    raw_mean, mean = ((every.sum(0) @ every.sum(0) - len(rows)) / (2 * total) for every in (raw, vectors))
    print(f"\nmean cosine of different files: {raw_mean:.2f}, whitened {mean:.2f}")
    print(f"\n{len(rows):,} files, {total:,} pairs, {len(query):,} of them neighbours ({took:.0f} s to compare)")
    print(
        f"pairs that count as copies: {both.sum():,} by both measures, {(cosine >= COSINE_CROP).sum():,} by the cosine,"
    )
    print(f"{(apart <= _MAX_DIFFERENT_BITS).sum():,} by the hash among neighbours. Those by both, to be looked at:")
    for pair in np.flatnonzero(both)[np.argsort(cosine[both])]:
        print(f"  {cosine[pair]:.2f}  {rows[query[pair]][0]}  {rows[other[pair]][0]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--most", type=int, default=4000)
    parser.add_argument("--each", type=int)
    parser.add_argument("--least", type=int, default=0)
    parser.add_argument("--encoder")
    given = parser.parse_args()
    encode = partial(all_seen, encoder=given.encoder)
    fingerprint = VectorSource(given.encoder).fingerprint()
    others = list(encode(images_in(given.others, given.most), with_changes=False)) if given.others else []
    chosen = images_in(given.folder, given.images, each=given.each, least=given.least)
    rows = list(encode(chosen, with_changes=True))
    everything = list(chain(rows, others))
    own = whitening.space_for(fingerprint, np.stack([row[1][0] for row in everything]))
    recall(rows, own)
    false_positives(everything, own)


if __name__ == "__main__":
    main()
