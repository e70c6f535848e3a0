"""CLS tokens of every image under every condition, kept in files: each is computed once, and a stop loses one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from auditor.embeddings.preparation import squashed
from training.data import FRAMED, Picture
from training.degrade import degrade, opened, rendered, seeded

SHARD = 96
DEGRADED = ("degraded-0", "degraded-1")
Halves = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Some pictures and what is to be seen of them."""

    encoder: Path
    pictures: tuple[Picture, ...]
    targets: tuple[tuple[str, Path], ...]  # stream, file


def embed(pictures: Sequence[Picture], streams: Sequence[str], encoder: Path, cache: Path, *, workers: int) -> None:
    """Fills the cache with whatever is missing of these streams."""
    works = []
    for start in range(0, len(pictures), SHARD):
        shard = tuple(pictures[start : start + SHARD])
        targets = tuple((stream, _place(cache, encoder, stream, shard)) for stream in streams)
        missing = tuple((stream, path) for stream, path in targets if not path.exists())
        if missing:
            works.append(ShardTask(encoder, shard, missing))
    with get_context("spawn").Pool(workers) as pool:
        for number, _ in enumerate(pool.imap_unordered(_run, works), 1):
            print(f"embedded {number} of {len(works)} shards", flush=True)


def load(pictures: Sequence[Picture], stream: str, encoder: Path, cache: Path) -> Halves:
    """float16 (pictures, numbers): the encoder's tokens one after the other, its vector last."""
    shards = [tuple(pictures[start : start + SHARD]) for start in range(0, len(pictures), SHARD)]
    return np.concatenate([np.load(_place(cache, encoder, stream, shard)) for shard in shards])


def view(picture: Picture, image: Image.Image, stream: str, size: int) -> NDArray[np.uint8]:
    """What the encoder sees of the picture in a stream: uint8 (1, size, size, 3)."""
    if stream in DEGRADED:
        image = degrade(image, seeded(picture.name, 4, DEGRADED.index(stream)))
    else:
        image = rendered(image, picture.name, stream)
    return squashed(image, size)


def session(model: Path | bytes, *, threads: int = 1) -> ort.InferenceSession:
    """An encoder, on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(work: ShardTask) -> None:
    encoder = _session(work.encoder)
    size = encoder.get_inputs()[0].shape[1]
    rows: dict[Path, list[Halves]] = {path: [] for _, path in work.targets}
    for picture in work.pictures:
        image = opened(picture.path, picture.name, FRAMED.get(picture.source))
        for stream, path in work.targets:
            found = encoder.run(None, {"pixels": view(picture, image, stream, size)})
            rows[path].append(np.concatenate([part.ravel() for part in found]).astype(np.float16))
    for path, own in rows.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npy")
        np.save(part, np.stack(own))
        part.rename(path)


@cache
def _session(path: Path) -> ort.InferenceSession:
    return session(path)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _place(cache: Path, encoder: Path, stream: str, shard: Sequence[Picture]) -> Path:
    names = hashlib.sha256("\n".join(picture.name for picture in shard).encode()).hexdigest()[:16]
    return cache / _digest(encoder) / stream / f"{names}.npy"
