"""The shipped folder: weights, how to prepare an image, counts, parity vectors, card."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from training import reference
from training.calibration import calibration
from training.card import card
from training.export import TOLERANCE, example_pictures
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
    np.savez_compressed(out / "parity.npz", **parity(reference.Model(weights)))  # type: ignore[arg-type]
    write_files(files, records / "files.csv")
    names = dict.fromkeys(("path", "source", "generator", "condition", "model"), "category")
    scores.astype(names).to_parquet(records / "oof.parquet", compression="zstd", index=False)
    (out / "CARD.md").write_text(card(scores, files, records / "baselines", weights, likeness))


def parity(model: reference.Model) -> dict[str, np.ndarray]:
    """Pictures as they are before any preparation, and what the model says to them."""
    pictures = example_pictures()
    embedding, logit = zip(*(model(Image.fromarray(picture)) for picture in pictures), strict=True)
    answers = {"embedding": np.stack(embedding), "logit": np.array(logit), "tolerance": np.array(TOLERANCE)}
    return {f"picture{number}": picture for number, picture in enumerate(pictures)} | answers


def preprocessing() -> dict[str, object]:
    """Everything that a new implementation has to know; training/reference.py is one."""
    return {
        "input": {
            "name": "views",
            "dtype": "uint8",
            "axes": ["image", "view", "row", "column", "channel (RGB)"],
            "size": reference.SIZE,
        },
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
        "outputs": {
            "embedding": "of the whole view; unit length",
            "logit": "of both views together; higher: synthetic",
        },
    }
