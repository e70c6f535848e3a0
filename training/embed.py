"""An encoder's vectors, the teacher's above all: of packed views, and of the evaluation's images by condition.

The teacher's INT8 graph is run one image at a time, where its activations' scales are the image's own: about three
times faster on a CPU than the dequantised tower, no dependence on the batch, cosine 0.976 to it (see LOG.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
import pandas as pd
import torch

from training import reference
from training.launder import decode
from training.pack import WHOLE
from training.store import Views, evaluation_files
from training.student import frozen_features, new_student
from training.teacher import MEAN, STD


class Encoder(Protocol):
    """uint8 (224, 224, 3) to a vector of this width, made for views of this kind."""

    width: int
    kind: int

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The image's vector."""


class Int8Teacher:
    """The unit vector of the INT8 graph, one image at a time."""

    width, kind = 512, WHOLE

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
        unit: np.ndarray = vector / np.linalg.norm(vector)
        return unit


class FrozenTrunk:
    """The pooled features of the ImageNet trunk, untrained: a baseline."""

    width, kind = 1280, WHOLE

    def __init__(self, weights: Path) -> None:
        self._student = new_student(weights, traces=False).eval()

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The features before any head."""
        return self._student.pooled(torch.from_numpy(image[None].copy()))[0].numpy()


class FrozenFeatures:
    """What the bystander's part of the logit is a linear function of (student.py)."""

    width, kind = 2208, WHOLE

    def __init__(self, weights: Path) -> None:
        self._student = new_student(weights, traces=False).eval()

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Every stage's statistics."""
        return frozen_features(self._student.maps(torch.from_numpy(image[None].copy())))[0].numpy()


def embed_views(pack: Path, folder: Path, encoder: Encoder, *, turn: int, paths: set[str], name: str) -> None:
    """The `turn`-th view (of the encoder's kind) of each of these images, one file a shard with NaN in all other rows.

    In turns and by name, so that what is cut short has seen every source before it sees any image twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(pack.glob("views-*.npy")):
        out = folder / f"{path.stem}-{turn}-{name}.npy"
        if out.exists():
            continue
        views = np.load(path, mmap_mode="r")
        index = pd.read_parquet(pack / f"{path.stem.replace('views', 'index')}.parquet")
        vectors = np.full((len(views), encoder.width), np.nan, np.float16)
        wanted = _rows_of_turn(index[index["path"].isin(paths) & (index["kind"] == encoder.kind)], turn)
        for row in wanted:
            vectors[row] = encoder(views[row])
        np.save(out, vectors)
        print(out.name, len(wanted), flush=True)


def _rows_of_turn(index: pd.DataFrame, turn: int) -> np.ndarray:
    found: np.ndarray = index.index[index.groupby("path").cumcount() == turn].to_numpy()
    return found


def load_view_vectors(folder: Path, views: Views, *, width: int = 512) -> np.ndarray:
    """The teacher's vectors in the order of the views, NaN where there are none."""
    vectors = np.full((len(views.table), width), np.nan, np.float16)
    start = 0
    for number, shard in enumerate(views.shards):
        part = vectors[start : start + len(shard)]
        for path in sorted(folder.glob(f"views-{number:04d}-*.npy")):
            turn = np.load(path)
            known = np.isfinite(turn[:, 0])
            part[known] = turn[known]
        start += len(shard)
    return vectors


def embed_condition(pack: Path, folder: Path, condition: str, paths: set[str], encoder: Encoder) -> None:
    """Vectors of these images under a condition, with their paths."""
    out = folder / f"{condition}.npz"
    if out.exists():
        return
    done, view = folder / f"{condition}.part.npz", reference.whole if encoder.kind == WHOLE else reference.centre
    known = dict(zip(*load_condition_vectors(done), strict=True)) if done.exists() else {}
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in evaluation_files(pack, condition, paths - known.keys()):
        known[path] = encoder(np.asarray(view(reference.canonical(decode(data)))))
        if len(known) % 500 == 0:
            _save(done, known)
            print(condition, len(known), flush=True)
    _save(done, known)
    done.rename(out)


def load_condition_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Paths and vectors that embed_condition wrote."""
    with np.load(path) as saved:
        return [str(name) for name in saved["paths"]], saved["vectors"].astype(np.float32)


def _save(path: Path, known: dict[str, np.ndarray]) -> None:
    fresh = path.with_suffix(".tmp.npz")
    np.savez(fresh, paths=np.array(list(known)), vectors=np.array(list(known.values()), np.float16))
    fresh.rename(path)
