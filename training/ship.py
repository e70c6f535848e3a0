"""The shipped folder: weights, how to prepare an image, counts, parity vectors, card."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from training import reference
from training.calibration import calibration
from training.card import card
from training.export import TOLERANCE, example_images
from training.listing import File, write_files

NAME = "ouro-v1"


def ship(
    files: list[File],
    scores: pd.DataFrame,
    weights: Path,
    out: Path,
    records: Path,
    likeness: pd.DataFrame | None = None,
) -> None:
    """Fills the model's folder, and keeps beside the code the tables its numbers come from."""
    out.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    shutil.copyfile(weights, out / "model.onnx")
    (out / "preprocessing.json").write_text(json.dumps(preprocessing(), indent=1) + "\n")
    (out / "calibration.json").write_text(json.dumps(calibration(scores, NAME, digest)) + "\n")
    embedding, logit = reference.Model(weights).run(example_images())
    np.savez_compressed(
        out / "parity.npz", images=example_images(), embedding=embedding, logit=logit, tolerance=TOLERANCE
    )
    write_files(files, records / "files.csv")
    names = dict.fromkeys(("path", "source", "generator", "condition", "model"), "category")
    scores.astype(names).to_parquet(records / "oof.parquet", compression="zstd", index=False)
    (out / "CARD.md").write_text(card(scores, files, records / "baselines", weights, likeness))


def preprocessing() -> dict[str, object]:
    """Everything that a new implementation has to know; training/reference.py is one."""
    return {
        "input": {"name": "images", "dtype": "uint8", "layout": "NHWC", "channels": "RGB", "size": reference.SIZE},
        "before": "apply EXIF orientation; composite transparency on white; convert to RGB",
        "canonical": {"longest_side_at_most": reference.CANONICAL, "filter": "bicubic", "enlarge": False},
        "views": [
            {"name": "whole", "from": "canonical", "resize": "squash to size x size", "filter": "bicubic"},
            {
                "name": "centre",
                "from": "canonical",
                "enlarge_shorter_side_to": reference.SIZE,
                "filter": "bicubic",
                "crop": "centre, size x size, left and top rounded down",
            },
        ],
        "resampler": "Pillow's (support grows with the reduction: antialiased)",
        "normalisation": "inside the graph",
        "logit": "mean of the logits of both views; higher: synthetic",
        "embedding": "of the whole view; unit length",
    }
