"""Scores of the user's labelled images: `auditor calibrate` makes them for `auditor scan --calibration`.

labelled inputs -> every image in every condition -> the classifier's scores by source (or the tokens, to adapt its
head)

An image's source is its domain or folder, as in audits. Keep images of different origin in different folders: error
rates differ between sources, and their variance determines the width of an estimate's interval.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from auditor import readers, registry
from auditor.calibration.adapt import Adaptation, adapt_head
from auditor.classifier import ClassifierDetector, refusal
from auditor.config import Limits, ScanConfig
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import CalibrationError, SampleError
from auditor.estimate.calibration import OWN, Calibration, Condition, platt
from auditor.images.view import View
from auditor.plugin import Engine, Shard, ShardTask
from auditor.readers import Inputs, choose
from auditor.sentences import counted
from auditor.similarity.match import ReferenceIndexes
from auditor.types import Sample

_BATCH = 16
_MAX_SIDE = 1024  # pixels on the longer side before an image is re-encoded, as on the web
_PRIOR = 0.5
MIN_IMAGES = 10  # of each side, without copies; a few images that happen to be well separated look certain
Scores = Mapping[tuple[str, str], Sequence[Any]]  # (condition, source) -> one score, or one array of tokens, per image


@dataclass(frozen=True, slots=True)
class ShardScores:
    """The scores of a shard's images, the number of its rows, how many of them could not be read or scored, and the
    digests of the pixels of the others. Copies of an image count once."""

    rows: int
    unread: int
    scores: Scores
    images: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class ShardScoring(ShardTask[ShardScores]):
    """Reads a shard and scores each image in each condition. is_adapting: tokens instead of scores. Picklable."""

    detector: str
    conditions: tuple[str, ...]
    limits: Limits
    indexes: ReferenceIndexes = ReferenceIndexes()
    vectors: VectorSource = VectorSource()
    is_adapting: bool = False

    def __call__(self, shard: Shard) -> ShardScores:
        """The scores of a whole shard."""
        score = _tokens if self.is_adapting else _calibratable(self.detector, self.indexes, self.vectors).logits
        scores: dict[tuple[str, str], list[Any]] = defaultdict(list)
        batch: list[tuple[str, str, np.ndarray]] = []
        rows = unread = 0
        images: set[bytes] = set()

        def score_batch() -> None:
            if not batch:
                return
            for (condition, source, _), value in zip(batch, score([image for *_, image in batch]), strict=True):
                if not isinstance(value, float) or math.isfinite(value):
                    scores[condition, source].append(value)
            batch.clear()

        for item in readers.read(shard):
            rows += 1
            try:
                upright = _pixels(item, self.limits)
            except SampleError:
                unread += 1
                continue
            digest = hashlib.sha256(str(upright.shape).encode() + upright.tobytes()).digest()
            if digest in images:
                continue
            images.add(digest)
            batch += [(name, item.source, apply_condition(upright, name)) for name in self.conditions]
            if len(batch) >= _BATCH:
                score_batch()
        score_batch()
        return ShardScores(rows, unread, dict(scores), frozenset(images))

    def excluding_crash(self, shard: Shard, reason: str) -> ShardScoring:
        """Raises CalibrationError: an image that crashes a worker ends a calibration."""
        raise CalibrationError(f"{shard.file or shard.start}: an image in this part of the dataset {reason}")


def calibrate(
    real: Inputs,
    synthetic: Inputs | None,
    engine: Engine,
    *,
    detector: str,
    config: ScanConfig,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Calibration:
    """A calibration from the scores of these images, in the conditions of the detector's shipped calibration, if any.

    Without synthetic images the shipped scores of synthetic images are kept: real images alone determine the
    false-positive rate. Raises CalibrationError if no image can be read, the detector cannot be calibrated, or it has
    no shipped scores and no synthetic images are given.
    """
    indexes, vectors = ReferenceIndexes(config.indexes), VectorSource(config.encoder)
    model = _calibratable(detector, indexes, vectors)
    shipped = model.calibration()
    if shipped is None and synthetic is None:
        raise CalibrationError(f"{detector} has no shipped scores of synthetic images: give --synthetic too")
    model.check()
    scoring = ShardScoring(detector, _conditions(shipped), config.limits, indexes, vectors)
    given = {"real": real} if synthetic is None else {"real": real, "synthetic": synthetic}
    collected = _collected(given, engine, scoring, config, on_rows)
    sides = {side: found.scores for side, found in collected.items()}
    base = shipped or Calibration(model.id, model.id, model.weights(), "", _PRIOR, 1.0, 0.0, {})
    origin = describe_origin(sides, {side: found.unread for side, found in collected.items()}, base)
    conditions = {}
    for name in scoring.conditions:
        scores_of = {side: by_source(name, scores) for side, scores in sides.items()}
        conditions[name] = Condition(scores_of["real"], scores_of.get("synthetic") or base.conditions[name].synthetic)
    calibration = replace(base, origin=origin, conditions=conditions)
    return refit_platt(calibration) if synthetic is not None else calibration


def adapt(
    real: Inputs,
    synthetic: Inputs,
    engine: Engine,
    *,
    config: ScanConfig,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> tuple[Calibration, Adaptation]:
    """The classifier with its head adapted to these images (adapt.py), and the adaptation. The calibration contains the
    head, or none if the shipped one is better on held-out folders. Raises CalibrationError."""
    from auditor.embeddings.embedded_encoder import embedded, shipped_calibration

    shipped = shipped_calibration()
    embedded()  # raises an error before the images are read
    scoring = ShardScoring(shipped.detector, _conditions(shipped), config.limits, is_adapting=True)
    given = {"real": real, "synthetic": synthetic}
    collected = _collected(given, engine, scoring, config, on_rows)
    sides = {side: found.scores for side, found in collected.items()}
    adaptation = adapt_head(sides["real"], sides["synthetic"], embedded().head)
    origin = describe_origin(sides, {side: found.unread for side, found in collected.items()}, shipped)
    conditions = {
        name: Condition(by_source(name, adaptation.real), by_source(name, adaptation.synthetic))
        for name in scoring.conditions
    }
    if adaptation.head:
        origin += "; head adapted to them, scores from cross-validation over folders"
        shipped = replace(shipped, head=adaptation.head, sha256=embedded().sha256(adaptation.head))
    return refit_platt(replace(shipped, origin=origin, conditions=conditions)), adaptation


def _calibratable(detector: str, indexes: ReferenceIndexes, vectors: VectorSource) -> ClassifierDetector:
    kind = registry.load("detectors", detector)
    if not issubclass(kind, ClassifierDetector):
        raise CalibrationError(f"{detector} gives no scores: only classifiers can be calibrated")
    if kind.uses_indexes and not indexes:
        raise CalibrationError(f"{detector} needs the indexes that audits will search: give --index")
    classifier: ClassifierDetector = kind.made(indexes=indexes, vectors=vectors)
    return classifier


def _conditions(shipped: Calibration | None) -> tuple[str, ...]:
    return tuple(name for name in CHANGES if shipped is None or name in shipped.conditions)


def _tokens(images: Sequence[np.ndarray]) -> list[Any]:
    from auditor.embeddings.embedded_encoder import embedded

    return [encoding.tokens for encoding in embedded().encode(images)]


def _pixels(item: object, limits: Limits) -> np.ndarray:
    """The pixels of an image that a scan would score. Raises SampleError for any other item."""
    if not isinstance(item, Sample) or item.content is None:
        raise SampleError("no image")
    view = View(item, limits)
    if reason := refusal(view):
        raise SampleError(reason)
    return view.upright


def apply_condition(image: np.ndarray, condition: str) -> np.ndarray:
    """The image after compression or processing in a condition."""
    return np.asarray(CHANGES[condition](Image.fromarray(image)).convert("RGB"))


def _encoded(format: str, quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        from PIL import Image as Pillow

        image.thumbnail((_MAX_SIDE, _MAX_SIDE), Pillow.Resampling.BICUBIC)
        out = io.BytesIO()
        image.save(out, format, quality=quality)
        return Pillow.open(out)

    return change


def _img2dataset(image: Image.Image) -> Image.Image:
    """img2dataset's defaults: the longer side 256 pixels by area, white bars to a square, JPEG 95."""
    from PIL import Image as Pillow

    return _encoded("JPEG", 95)(ImageOps.pad(image, (256, 256), Pillow.Resampling.BOX, color="white"))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "clean": lambda image: image,
    **{f"jpeg{quality}": _encoded("JPEG", quality) for quality in (95, 85, 75, 60)},
    "webp80": _encoded("WEBP", 80),
    "img2dataset256": _img2dataset,
}


def _collected(
    given: Mapping[str, Inputs],
    engine: Engine,
    scoring: ShardScoring,
    config: ScanConfig,
    on_rows: Callable[[int], None],
) -> dict[str, ShardScores]:
    """The scores of each side. Raises CalibrationError if one has too few images, or both have the same."""
    found = {side: collect_scores(inputs, engine, scoring, config, on_rows) for side, inputs in given.items()}
    for side, scores in found.items():
        if len(scores.images) < MIN_IMAGES:
            raise CalibrationError(
                f"{len(scores.images)} different {side} images: at least {MIN_IMAGES} are needed, and hundreds from "
                "several sources for a narrow interval"
            )
    if "synthetic" in found and (both := found["real"].images & found["synthetic"].images):
        raise CalibrationError(f"{len(both):,} images are given as real and as synthetic: remove them from one side")
    return found


def collect_scores(
    inputs: Inputs, engine: Engine, scoring: ShardScoring, config: ScanConfig, on_rows: Callable[[int], None]
) -> ShardScores:
    """The scores by condition and source of all shards, and what else ShardScores has. Raises CalibrationError if no
    image is left."""
    shards = [shard for input, reader in choose(inputs, config.read) for shard in reader.shards(input)]
    scores: dict[tuple[str, str], list[Any]] = defaultdict(list)
    rows = unread = 0
    images: set[bytes] = set()
    for result in engine.run(shards, scoring):
        rows += result.rows
        unread += result.unread
        images |= result.images
        on_rows(result.rows)
        for key, values in result.scores.items():
            scores[key] += values
    if not scores:
        named = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
        raise CalibrationError(
            f"{', '.join(map(str, named))}: none of {rows:,} rows is an image that can be read and scored "
            "(images below 64 × 200 pixels, blank ones and pages of text are not scored)"
        )
    return ShardScores(rows, unread, {key: scores[key] for key in sorted(scores)}, frozenset(images))


def by_source(condition: str, scores: Scores) -> dict[str, tuple[float, ...]]:
    """The scores in a condition, ascending; rounded to keep files small."""
    return {
        source: tuple(sorted(round(float(value), 4) for value in values))
        for (name, source), values in scores.items()
        if name == condition
    }


def describe_origin(sides: Mapping[str, Scores], left_out: Mapping[str, int], shipped: Calibration) -> str:
    """The origin of the scores, in words."""
    parts = []
    for side, scores in sides.items():
        sources = {source for _, source in scores}
        images = sum(len(values) for (name, _), values in scores.items() if name == "clean")
        without = f" ({left_out[side]:,} more not read or not scored)" if left_out[side] else ""
        parts.append(f"{counted(images, f'{side} image')} of {counted(len(sources), 'source')}{without}")
    kept = "" if "synthetic" in sides else f"; synthetic scores from: {shipped.origin}"
    return f"{OWN}: {', '.join(parts)}{kept}"


def refit_platt(calibration: Calibration) -> Calibration:
    """The calibration with slope and intercept of Platt scaling fitted again, at a prior of 0.5, over all conditions,
    with equal weights of sources. Raises CalibrationError if synthetic images do not score higher than real ones."""
    scores: list[float] = []
    labels: list[int] = []
    weights: list[float] = []
    for condition in calibration.conditions.values():
        for label, side in enumerate((condition.real, condition.synthetic)):
            for values in side.values():
                scores += values
                labels += [label] * len(values)
                weights += [1 / (len(calibration.conditions) * len(side) * len(values))] * len(values)
    x, y, w = (np.array(values) for values in (scores, labels, weights))
    slope, intercept = platt(x, y, w, start=(calibration.slope, calibration.intercept))
    if slope <= 0:
        raise CalibrationError("synthetic images do not score higher than real ones: were the folders mixed up?")
    return replace(calibration, slope=slope, intercept=intercept)
