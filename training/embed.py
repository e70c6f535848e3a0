"""The teacher's vectors: of the packed whole views, and of the evaluation's images under each condition.

The INT8 graph is run one image at a time, where its activations' scales are the image's own: about three times
faster on a CPU than the dequantised tower, no dependence on the batch, cosine 0.976 to it (see LOG.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd

from training import reference
from training.launder import decode
from training.pack import WHOLE
from training.store import Views, evaluation_files
from training.teacher import MEAN, STD


class Int8Teacher:
    """uint8 (224, 224, 3) to a unit vector, one image at a time."""

    def __init__(self, path: Path, *, threads: int = 2) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._mean = np.array(MEAN, np.float32) * 255
        self._std = np.array(STD, np.float32) * 255

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The embedding."""
        pixels = ((image.astype(np.float32) - self._mean) / self._std).transpose(2, 0, 1)[None]
        vector: np.ndarray = self._session.run(["image_embeds"], {"pixel_values": pixels})[0][0]
        return vector / np.linalg.norm(vector)

    def all(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Embeddings of many, as float16 rows."""
        return np.array([self(image) for image in images], np.float16).reshape(-1, 512)


def embed_views(pack: Path, folder: Path, teacher: Int8Teacher, *, kinds: tuple[int, ...] = (WHOLE,)) -> None:
    """One file a shard of views, rows of NaN for kinds not asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(pack.glob("views-*.npy")):
        out = folder / path.name
        if out.exists():
            continue
        views = np.load(path, mmap_mode="r")
        kind = pd.read_parquet(pack / path.name.replace("views", "index").replace(".npy", ".parquet"))["kind"].to_numpy()
        vectors = np.full((len(views), 512), np.nan, np.float16)
        wanted = np.flatnonzero(np.isin(kind, kinds))
        vectors[wanted] = teacher.all(views[row] for row in wanted)
        np.save(out, vectors)
        print(out.name, len(wanted), flush=True)


def load_view_vectors(folder: Path, views: Views) -> np.ndarray:
    """The teacher's vectors in the order of the views, NaN where there are none."""
    vectors = np.full((len(views.table), 512), np.nan, np.float16)
    start = 0
    for number, shard in enumerate(views.shards):
        path = folder / f"views-{number:04d}.npy"
        if path.exists():
            vectors[start : start + len(shard)] = np.load(path)
        start += len(shard)
    return vectors


def embed_condition(pack: Path, folder: Path, condition: str, paths: set[str], teacher: Int8Teacher) -> None:
    """Vectors of the whole views of these images under a condition, with their paths."""
    out = folder / f"{condition}.npz"
    if out.exists():
        return
    names, vectors = [], []
    for path, data in evaluation_files(pack, condition, paths):
        names.append(path)
        vectors.append(teacher(np.asarray(reference.whole(reference.canonical(decode(data))))))
        if len(names) % 1000 == 0:
            print(condition, len(names), flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(out, paths=np.array(names), vectors=np.array(vectors, np.float16))
