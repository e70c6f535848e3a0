"""Reconstructions of human-made images, as fakes: same picture, size and codec, with the traces of a neural decoder.

Each is kept beside its original, both laundered by the same random stream; now and then it is mixed with the original,
in pixels or by taking its low frequencies from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from PIL import Image
from scipy import fft

from training.config import Places
from training.decoder import Decoder
from training.drops import FRAMED
from training.launder import flatten, open_image, seeded, shrink
from training.listing import File
from training.pack import training_view
from training.panel import panel

PREFIX = "rebuilt"
SALT, VIEW_SALT = 31, 32
PER_SOURCE, VARIANTS, SHARD = 12, 3, 100
LONGEST = 512
SCALES = 2, 3, 4
MIXED = 0.2


def rebuild(files: list[File], places: Places, decoders: Path) -> None:
    """Every shard that is not there yet."""
    chosen = panel([file for file in files if not file.label], PER_SOURCE)
    by_scale = {scale: Decoder(decoders, scale) for scale in SCALES}
    for number, start in enumerate(range(0, len(chosen), SHARD)):
        done = places.cache / "pack" / f"{PREFIX}-index-{number:04d}.parquet"
        if not done.exists():
            pairs = [_pairs(file, places, by_scale) for file in chosen[start : start + SHARD]]
            np.save(done.with_name(f"{PREFIX}-{number:04d}.npy"), np.concatenate([views for views, _ in pairs]))
            pd.concat([table for _, table in pairs], ignore_index=True).to_parquet(done)
            print(done.name, flush=True)


def _pairs(file: File, places: Places, decoders: dict[int, Decoder]) -> tuple[np.ndarray, pd.DataFrame]:
    """Views of the original and of its reconstruction, in turns."""
    rng = seeded(file.path, SALT)
    image = flatten(open_image(places.locate(file.path), FRAMED.get(file.source)), rng)
    image = shrink(image, LONGEST, Image.Resampling.LANCZOS)
    again = mixed(image, reconstruction(image, decoders[int(rng.choice(SCALES))]), rng)
    views, rows = [], []
    for variant in range(VARIANTS):
        kind = int(seeded(file.path, VIEW_SALT, variant).integers(2))
        for label, version in enumerate((image, again)):
            views.append(training_view(version, kind, seeded(file.path, VIEW_SALT, variant, kind)))
            rows.append((file.path, variant, kind, label))
    return np.stack(views), pd.DataFrame(rows, columns=["path", "variant", "kind", "label"])


def reconstruction(image: Image.Image, decoder: Decoder) -> Image.Image:
    """Reduced, and enlarged by the decoder to the size it had."""
    small = image.resize([max(8, round(side / decoder.scale)) for side in image.size], Image.Resampling.BICUBIC)
    large = decoder(small)
    return large if large.size == image.size else large.resize(image.size, Image.Resampling.BICUBIC)


def mixed(image: Image.Image, again: Image.Image, rng: Generator) -> Image.Image:
    """The reconstruction, or with chance MIXED each a blend with the original, or its high frequencies alone."""
    kind = rng.random()
    if kind < MIXED:
        return Image.blend(image, again, float(rng.uniform(0.4, 0.9)))
    if kind < 2 * MIXED:
        own, new = (fft.dctn(np.asarray(part, np.float32), axes=(0, 1)) for part in (image, again))
        high, wide = (max(1, round(side * rng.uniform(0.1, 0.4))) for side in own.shape[:2])
        new[:high, :wide] = own[:high, :wide]
        return Image.fromarray(np.clip(fft.idctn(new, axes=(0, 1)).round(), 0, 255).astype(np.uint8))
    return again
