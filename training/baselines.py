"""Every baseline's out-of-fold scores, under the model's folds and conditions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from training import attributes, probes
from training.conditions import CONDITIONS
from training.config import Places
from training.embed import FrozenTrunk, Int8Teacher, load_condition_vectors, load_view_vectors
from training.handmade import Handmade
from training.listing import File
from training.metrics import balanced_auroc, bootstrap_auroc, tpr_at
from training.panel import panel
from training.probes import Rows, out_of_fold
from training.store import Views

WIDTHS = {"teacher": Int8Teacher.width, "lite0": FrozenTrunk.width, "handmade": Handmade.width}
SHUFFLES = 6
Job = Callable[[list[File], Places], pd.DataFrame]


def file_attributes(files: list[File], places: Places) -> pd.DataFrame:
    """The null on matched files, each condition by itself, and on the files as found."""
    kept = [file for file in files if not file.dropped]
    paths, tested = {file.path for file in kept}, {file.path for file in panel(files)}
    frames = []
    for condition in ("clean", "jpeg75", "img2dataset256"):
        rows = attributes.matched(places.cache / "pack", condition, paths)
        frames.append(out_of_fold(files, rows, {condition: rows.of(tested)}, probes.trees, "file-attributes"))
    rows = attributes.original(kept, places)
    frames.append(out_of_fold(files, rows, {"as found": rows.of(tested)}, probes.trees, "file-attributes"))
    return pd.concat(frames, ignore_index=True)


def clip_probe(files: list[File], places: Places) -> pd.DataFrame:
    """A linear head on CLIP ViT-B/16, trained on laundered views."""
    return _on_vectors(files, places.cache, "teacher", probes.linear, "clip-b16-linear")


def clip_mlp(files: list[File], places: Places) -> pd.DataFrame:
    """A small MLP on CLIP ViT-B/16."""
    return _on_vectors(files, places.cache, "teacher", probes.mlp, "clip-b16-mlp")


def lite0_probe(files: list[File], places: Places) -> pd.DataFrame:
    """A linear head on the untrained ImageNet trunk."""
    return _on_vectors(files, places.cache, "lite0", probes.linear, "lite0-imagenet-linear")


def handmade(files: list[File], places: Places) -> pd.DataFrame:
    """Boosted trees on hand-made features of crops."""
    return _on_vectors(files, places.cache, "handmade", probes.trees, "handmade-trees")


def shuffled(files: list[File], places: Places) -> pd.DataFrame:
    """The CLIP probe after training on shuffled labels, several times: has to give 0.5 on average."""
    fits = {f"clip-b16-shuffled-{seed}": functools.partial(_shuffled_linear, seed=seed) for seed in range(SHUFFLES)}
    return pd.concat([_on_vectors(files, places.cache, "teacher", fit, name) for name, fit in fits.items()])


JOBS: dict[str, Job] = {
    "file-attributes": file_attributes,
    "clip-b16-linear": clip_probe,
    "clip-b16-mlp": clip_mlp,
    "clip-b16-shuffled": shuffled,
    "lite0-imagenet-linear": lite0_probe,
    "handmade-trees": handmade,
}


def run(files: list[File], places: Places, names: list[str], out: Path) -> None:
    """The named baselines, each to its parquet file unless it is there."""
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = out / f"{name}.parquet"
        if not path.exists():
            JOBS[name](files, places).to_parquet(path)
        print(summary(pd.read_parquet(path)).to_string(index=False), flush=True)


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """One line a condition: source-balanced AUROC with its interval, mean over folds, TPR at 1 % and 5 % FPR."""
    lines = []
    for (model, condition), group in scores.groupby(["model", "condition"], sort=False):
        low, high = bootstrap_auroc(group)
        folds = [balanced_auroc(part) for _, part in group.groupby("fold")]
        lines.append(
            {
                "model": str(model),
                "condition": condition,
                "n": len(group),
                "auroc": round(balanced_auroc(group), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "fold_mean": round(float(np.mean(folds)), 4),
                "folds": " ".join(f"{value:.3f}" for value in folds),
                "tpr_at_1": round(tpr_at(group, 0.01)[0], 3),
                "tpr_at_5": round(tpr_at(group, 0.05)[0], 3),
            }
        )
    return pd.DataFrame(lines)


def _on_vectors(files: list[File], cache: Path, folder: str, fit: probes.Fit, name: str) -> pd.DataFrame:
    views = Views(cache / "pack")
    vectors = load_view_vectors(cache / folder, views, width=WIDTHS[folder])
    known = np.isfinite(vectors[:, 0])
    train = Rows(views.table["path"][known].tolist(), vectors[known].astype(np.float32))
    stored = {condition: cache / folder / f"{condition}.npz" for condition in CONDITIONS}
    tests = {name: Rows(*load_condition_vectors(path)) for name, path in stored.items() if path.exists()}
    return out_of_fold(files, train, tests, fit, name)


def _shuffled_linear(features: np.ndarray, label: np.ndarray, weight: np.ndarray, *, seed: int) -> probes.Scorer:
    order = np.random.default_rng(seed).permutation(len(label))
    return probes.linear(features, label[order], weight[order])
