"""The shipped folder: encoder, head, preparation, scores, parity vectors, the space of similarity."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from auditor.embeddings import preparation, whitening
from auditor.estimate.calibration import Calibration, Condition, dumps
from auditor.estimate.head import Head
from training.embed import Halves, session
from training.metrics import line

TOLERANCE = 0.06  # of a score, and the least cosine of a vector, between machines: see LOG.md
COSINE = 0.99
ORIGIN = (
    "{images:,} images of {real} real and {synthetic} synthetic sources under {conditions} conditions, each scored by "
    "a head fitted without its group of sources (one of {groups}); slope, intercept, thresholds chosen on these scores"
)
DIGITS = 4


def export(encoder: Path, head: Head, scores: pd.DataFrame, vectors: Halves, out: Path) -> str:
    """Fills the folder; returns the digest in calibration.json. vectors: (n, dimension), of development images."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(encoder, out / "encoder.onnx")
    np.savez(out / "head.npz", mean=head.mean, deviation=head.deviation, weights=head.weights, bias=head.bias)
    model = session(encoder)
    size = model.get_inputs()[0].shape[1]
    described = json.dumps(preparation.described(size), indent=1) + "\n"
    (out / "preprocessing.json").write_text(described)
    weights = hashlib.sha256(encoder.read_bytes()).hexdigest()
    digest = hashlib.sha256(f"{weights} {head.digest}".encode()).hexdigest()
    (out / "calibration.json").write_text(dumps(calibration(scores, out.name, digest)))
    pictures = example_pictures()
    answers = [model.run(None, {"pixels": preparation.squashed(Image.fromarray(one), size)}) for one in pictures]
    np.savez_compressed(
        out / "parity.npz",
        **{f"picture{number}": picture for number, picture in enumerate(pictures)},
        score=head.scores(np.stack([tokens.reshape(-1) for tokens, _ in answers])),
        vector=np.stack([vector for _, vector in answers]),
        tolerance=TOLERANCE,
        cosine=COSINE,
    )
    fingerprint = f"{out.name}:{weights[:16]}:{hashlib.sha256(described.encode()).hexdigest()[:8]}"
    whitening.write(out / "space.npz", fingerprint, whitening.fit(vectors.astype(np.float32)))
    return digest


def calibration(scores: pd.DataFrame, model: str, digest: str) -> Calibration:
    """scores: path, source, group, label (0 real, 1 synthetic), condition, score; one row an image and condition."""
    slope, intercept = line(scores)
    return Calibration(
        detector="classifier",
        model=model,
        sha256=digest,
        origin=_origin(scores),
        prior=0.5,
        slope=round(slope, 4),
        intercept=round(intercept, 4),
        conditions={
            str(name): Condition(_by_source(part, 0), _by_source(part, 1))
            for name, part in scores.groupby("condition", sort=False, observed=True)
        },
    )


def example_pictures(*, seed: int = 2026) -> list[np.ndarray]:
    """Made up of blotches of several scales: one picture to be reduced, one to be enlarged."""
    rng = np.random.default_rng(seed)
    return [_blotches(rng, *size) for size in ((520, 1000), (150, 210))]


def _blotches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3)."""
    picture = np.full((height, width, 3), 128.0)
    for side in (2, 7, 28, 112):
        rows, columns = (np.arange(length) * side // length for length in (height, width))
        picture += rng.normal(0, 40, (side, side, 3))[rows][:, columns]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _by_source(scores: pd.DataFrame, label: int) -> dict[str, tuple[float, ...]]:
    own = scores[scores["label"] == label]
    return {
        str(source): tuple(sorted(round(float(value), DIGITS) for value in group))
        for source, group in own.groupby("source", observed=True)["score"]
    }


def _origin(scores: pd.DataFrame) -> str:
    sources = scores.groupby("label")["source"].nunique()
    return ORIGIN.format(
        images=scores["path"].nunique(),
        real=sources[0],
        synthetic=sources[1],
        conditions=scores["condition"].nunique(),
        groups=scores["group"].nunique(),
    )
