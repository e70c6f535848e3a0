"""Decodes each image once and keeps all that later stages read: laundered training views and the evaluation's files.

Shards of the file table, one numpy file of views and one blob of encoded images a condition each; a finished shard
is not done again.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from training import reference
from training.conditions import BASE_SALT, CONDITIONS, base, matched_sizes
from training.config import Places
from training.drops import FRAMED
from training.launder import LARGEST, crop_aspect, launder, open_image, seeded
from training.listing import File
from training.weights import image_weights

SHARD = 300
VIEW_SALT, EVAL_SALT = 21, 22
VIEWS = {0: 44_000, 1: 36_000}
FEWEST, MOST = 2, 30
WHOLE, CROP = 0, 1


@dataclass(frozen=True, slots=True)
class Task:
    """One image's share of the work."""

    file: File
    where: Path
    views: int
    longest: int


def pack(files: list[File], places: Places, *, workers: int = 2) -> None:
    """Every shard that is not there yet."""
    tasks = plan(files, places)
    shards = [
        (tasks[start : start + SHARD], places.cache / "pack", start // SHARD) for start in range(0, len(tasks), SHARD)
    ]
    (places.cache / "pack").mkdir(parents=True, exist_ok=True)
    with Pool(workers) as pool:
        for name in pool.imap(_pack_shard, shards):
            print(name, flush=True)


def plan(files: list[File], places: Places) -> list[Task]:
    """How many views each image gets (breadth over bulk), and the size of its base."""
    kept = [file for file in files if not file.dropped]
    counts = view_counts(kept)
    sizes = base_sizes(kept)
    return [Task(file, places.locate(file.path), counts[file.path], sizes[file.path]) for file in kept]


def view_counts(files: list[File]) -> dict[str, int]:
    """Views an image, between FEWEST and MOST."""
    weights = image_weights(files)
    return {file.path: int(np.clip(round(VIEWS[file.label] * weights[file.path]), FEWEST, MOST)) for file in files}


def base_sizes(files: list[File]) -> dict[str, int]:
    """The matched longest sides of the evaluation's images."""
    weights = image_weights(files)
    own = {file.path: _side_after_crop(file) for file in files}
    real, synthetic = ({file.path: own[file.path] for file in files if file.label == label} for label in (0, 1))
    return matched_sizes(real, synthetic, weights)


def _side_after_crop(file: File) -> int:
    scale = min(1.0, LARGEST / max(file.width, file.height))
    empty = Image.new("1", (max(1, round(file.width * scale)), max(1, round(file.height * scale))))
    return max(crop_aspect(empty, seeded(file.path, BASE_SALT)).size)


def _pack_shard(job: tuple[list[Task], Path, int]) -> str:
    tasks, folder, number = job
    done = folder / f"index-{number:04d}.parquet"
    if done.exists():
        return done.name
    views: list[np.ndarray] = []
    rows: list[tuple[str, int, int]] = []
    blobs: dict[str, list[bytes]] = {condition: [] for condition in CONDITIONS}
    for task in tasks:
        image = open_image(task.where, FRAMED.get(task.file.source))
        for variant in range(task.views):
            rng = seeded(task.file.path, VIEW_SALT, variant)
            kind = int(rng.integers(2))
            views.append(training_view(image, kind, rng))
            rows.append((task.file.path, variant, kind))
        plain = base(image, task.file.path, task.longest)
        for condition, change in CONDITIONS.items():
            blobs[condition].append(change(plain, seeded(task.file.path, EVAL_SALT)))
    np.save(folder / f"views-{number:04d}.npy", np.stack(views))
    for condition, encoded in blobs.items():
        (folder / f"{condition}-{number:04d}.bin").write_bytes(b"".join(encoded))
    lengths = pd.DataFrame({condition: [len(data) for data in encoded] for condition, encoded in blobs.items()})
    lengths.insert(0, "path", [task.file.path for task in tasks])
    lengths.to_parquet(folder / f"lengths-{number:04d}.parquet")
    pd.DataFrame(rows, columns=["path", "variant", "kind"]).to_parquet(done)
    return done.name


def training_view(image: Image.Image, kind: int, rng: np.random.Generator) -> np.ndarray:
    """One laundered copy of the image as the model sees it: the whole, or a square of it at its own scale."""
    copy = reference.canonical(launder(image, rng))
    if kind == WHOLE:
        return np.asarray(reference.whole(copy))
    copy = reference.enlarge_to_size(copy)
    left, top = (int(rng.integers(side - reference.SIZE + 1)) for side in copy.size)
    return np.asarray(copy.crop((left, top, left + reference.SIZE, top + reference.SIZE)))
