"""Scores of labelled images of one's own: what `auditor calibrate` makes for `auditor scan --calibration`.

labelled inputs -> every image in every condition -> the model's scores by source (or, to adapt it, the head's tokens)

An image's source is its domain or folder, as in audits: keep images of different origin in different folders, because
error rates differ between sources, and how much they differ decides how wide an estimate has to be.
"""

from __future__ import annotations

import io
import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor import registry
from auditor.calibration.adapt import Adaptation
from auditor.calibration.adapt import adapted as adapted_head
from auditor.classifier import ClassifierDetector, refusal
from auditor.config import Limits, ScanConfig
from auditor.embeddings.vector_source import VectorSource
from auditor.errors import CalibrationError, SampleError
from auditor.estimate.calibration import Calibration, Condition, platt
from auditor.images.view import View
from auditor.plugin import Engine, Reader, Shard, ShardTask
from auditor.readers import Inputs, choose
from auditor.similarity.match import ReferenceIndexes
from auditor.types import Sample

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

_BATCH = 16
_LARGEST = 1024  # pixels on the longer side before an image is re-encoded, as on the web
_PRIOR = 0.5
Measured = Mapping[tuple[str, str], Sequence[Any]]  # (condition, source) -> a score, or tokens, an image


@dataclass(frozen=True, slots=True)
class ShardScores:
    """What was measured of a shard's images, and how many rows it had, of which some could not be read."""

    rows: int
    unread: int
    scores: Measured


@dataclass(frozen=True)
class ShardScoring(ShardTask[ShardScores]):
    """Reads a shard and measures each image in each condition. is_adapting: tokens instead of scores. Picklable."""

    detector: str
    conditions: tuple[str, ...]
    limits: Limits
    indexes: ReferenceIndexes = ReferenceIndexes()
    vectors: VectorSource = VectorSource()
    is_adapting: bool = False

    def __call__(self, shard: Shard) -> ShardScores:
        """The whole shard."""
        reader: Reader = registry.load("readers", shard.reader)()
        measure = _tokens if self.is_adapting else _calibratable(self.detector, self.indexes, self.vectors).logits
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        held: list[tuple[str, str, np.ndarray]] = []
        rows = unread = 0

        def clear() -> None:
            if not held:
                return
            for (condition, source, _), value in zip(held, measure([image for *_, image in held]), strict=True):
                if not isinstance(value, float) or math.isfinite(value):
                    found[condition, source].append(value)
            held.clear()

        for item in reader.read(shard):
            rows += 1
            try:
                upright = _seen(item, self.limits)
            except SampleError:
                unread += 1
                continue
            held += [(name, item.source, changed(upright, name)) for name in self.conditions]
            if len(held) >= _BATCH:
                clear()
        clear()
        return ShardScores(rows, unread, dict(found))

    def excluding_crash(self, shard: Shard, reason: str) -> ShardScoring:
        """Raises CalibrationError: an image that kills a worker ends a calibration."""
        raise CalibrationError(f"{shard.file or shard.start}: an image in this part of the dataset {reason}")


def calibrate(
    real: Inputs,
    synthetic: Inputs | None,
    engine: Engine,
    *,
    detector: str,
    config: ScanConfig,
    told: Callable[[int], None] = lambda rows: None,
) -> Calibration:
    """Scores of these images, in the conditions of the detector's own calibration if it ships one.

    Without synthetic images the shipped scores of those are kept: real ones alone fix the false-positive rate. Raises
    CalibrationError where no image could be read, where the detector is none that can be calibrated, and without
    synthetic images for one that ships no scores.
    """
    indexes, vectors = ReferenceIndexes(config.indexes), VectorSource(config.encoder)
    model = _calibratable(detector, indexes, vectors)
    shipped = model.calibration()
    if shipped is None and synthetic is None:
        raise CalibrationError(f"{detector} ships no scores of synthetic images: give --synthetic too")
    model.check()
    scoring = ShardScoring(detector, _conditions(shipped), config.limits, indexes, vectors)
    given = {"real": real} if synthetic is None else {"real": real, "synthetic": synthetic}
    found = {side: measured(inputs, engine, scoring, config, told) for side, inputs in given.items()}
    sides = {side: scores for side, (scores, _) in found.items()}
    base = shipped or Calibration(model.id, model.id, model.weights(), "", _PRIOR, 1.0, 0.0, {})
    origin = described(sides, {side: unread for side, (_, unread) in found.items()}, base)
    conditions = {}
    for name in scoring.conditions:
        own = {side: by_source(name, scores) for side, scores in sides.items()}
        conditions[name] = Condition(own["real"], own.get("synthetic") or base.conditions[name].synthetic)
    made = replace(base, origin=origin, conditions=conditions)
    return refitted(made) if synthetic is not None else made


def adapt(
    real: Inputs,
    synthetic: Inputs,
    engine: Engine,
    *,
    config: ScanConfig,
    told: Callable[[int], None] = lambda rows: None,
) -> tuple[Calibration, Adaptation]:
    """The classifier's head fitted anew to these images, and what that changed; see adapting. The calibration holds the
    head, or none where the shipped one was better out of folder. Raises CalibrationError."""
    from auditor.embeddings.embedded_encoder import embedded, shipped_calibration

    shipped = shipped_calibration()
    embedded()  # loads, or says why not, before the images are read
    scoring = ShardScoring(shipped.detector, _conditions(shipped), config.limits, is_adapting=True)
    given = {"real": real, "synthetic": synthetic}
    found = {side: measured(inputs, engine, scoring, config, told) for side, inputs in given.items()}
    sides = {side: tokens for side, (tokens, _) in found.items()}
    adapted = adapted_head(sides["real"], sides["synthetic"], embedded().head)
    origin = described(sides, {side: unread for side, (_, unread) in found.items()}, shipped)
    conditions = {
        name: Condition(by_source(name, adapted.real), by_source(name, adapted.synthetic))
        for name in scoring.conditions
    }
    if adapted.head:
        origin += "; head adapted to them, scores out of folder"
        shipped = replace(shipped, head=adapted.head, sha256=embedded().sha256(adapted.head))
    return refitted(replace(shipped, origin=origin, conditions=conditions)), adapted


def _calibratable(detector: str, indexes: ReferenceIndexes, vectors: VectorSource) -> ClassifierDetector:
    kind = registry.load("detectors", detector)
    if not issubclass(kind, ClassifierDetector):
        raise CalibrationError(f"{detector} gives no logits: only statistical detectors are calibrated")
    if kind.uses_indexes and not indexes:
        raise CalibrationError(f"{detector} is calibrated with the indexes that it is to look into: --index")
    made: ClassifierDetector = kind.made(indexes=indexes, vectors=vectors)
    return made


def _conditions(shipped: Calibration | None) -> tuple[str, ...]:
    return tuple(name for name in CHANGES if shipped is None or name in shipped.conditions)


def _tokens(images: Sequence[np.ndarray]) -> list[Any]:
    from auditor.embeddings.embedded_encoder import embedded

    return [encoding.tokens for encoding in embedded().encode(images)]


def _seen(item: object, limits: Limits) -> np.ndarray:
    """The pixels of what a scan would judge. Raises SampleError for anything else."""
    if not isinstance(item, Sample) or item.content is None:
        raise SampleError("no image")
    view = View(item, limits)
    if why := refusal(view):
        raise SampleError(why)
    return view.upright


def changed(image: np.ndarray, condition: str) -> np.ndarray:
    """An image as it is after one more encoding."""
    import numpy as np
    from PIL import Image

    return np.asarray(CHANGES[condition](Image.fromarray(image)).convert("RGB"))


def _encoded(format: str, quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        from PIL import Image as Pillow

        image.thumbnail((_LARGEST, _LARGEST), Pillow.Resampling.BICUBIC)
        out = io.BytesIO()
        image.save(out, format, quality=quality)
        return Pillow.open(out)

    return change


def _img2dataset(image: Image.Image) -> Image.Image:
    """Its defaults: the longer side 256 pixels by area, white bars to a square, JPEG 95."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    return _encoded("JPEG", 95)(ImageOps.pad(image, (256, 256), Pillow.Resampling.BOX, color="white"))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "clean": lambda image: image,
    **{f"jpeg{quality}": _encoded("JPEG", quality) for quality in (95, 85, 75, 60)},
    "webp80": _encoded("WEBP", 80),
    "img2dataset256": _img2dataset,
}


def measured(
    inputs: Inputs, engine: Engine, scoring: ShardScoring, config: ScanConfig, told: Callable[[int], None]
) -> tuple[dict[tuple[str, str], list[Any]], int]:
    """What was measured by condition and source, and how many rows were not read, or are nothing that a scan would
    judge. Raises CalibrationError where nothing is left."""
    shards = [shard for input, reader in choose(inputs, config.read) for shard in reader.shards(input)]
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    rows = unread = 0
    for result in engine.run(shards, scoring):
        rows += result.rows
        unread += result.unread
        told(result.rows)
        for key, values in result.scores.items():
            found[key] += values
    if not found:
        named = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
        raise CalibrationError(
            f"{', '.join(map(str, named))}: none of {rows:,} rows is an image that can be read and judged"
        )
    return {key: found[key] for key in sorted(found)}, unread


def by_source(condition: str, scores: Measured) -> dict[str, tuple[float, ...]]:
    """The scores in a condition, rising; rounded, so that files stay small."""
    return {
        source: tuple(sorted(round(float(value), 4) for value in values))
        for (name, source), values in scores.items()
        if name == condition
    }


def described(sides: Mapping[str, Measured], left_out: Mapping[str, int], shipped: Calibration) -> str:
    """Where scores come from, in words."""
    parts = []
    for side, scores in sides.items():
        sources = {source for _, source in scores}
        images = sum(len(values) for (name, _), values in scores.items() if name == "clean")
        without = f" ({left_out[side]:,} more not read or not judged)" if left_out[side] else ""
        parts.append(f"{images:,} {side} images of {len(sources)} sources{without}")
    kept = "" if "synthetic" in sides else f"; synthetic ones as in: {shipped.origin}"
    return f"own images: {', '.join(parts)}{kept}"


def refitted(made: Calibration) -> Calibration:
    """With the line from score to chance fitted anew at even odds, over all conditions, sources weighing the same.
    Raises CalibrationError where synthetic images score no higher than real ones."""
    import numpy as np

    scores: list[float] = []
    labels: list[int] = []
    weights: list[float] = []
    for condition in made.conditions.values():
        for label, side in enumerate((condition.real, condition.synthetic)):
            for values in side.values():
                scores += values
                labels += [label] * len(values)
                weights += [1 / (len(made.conditions) * len(side) * len(values))] * len(values)
    x, y, w = (np.array(values) for values in (scores, labels, weights))
    slope, intercept = platt(x, y, w, start=(made.slope, made.intercept))
    if slope <= 0:
        raise CalibrationError("synthetic images score no higher than real ones: were the folders mixed up?")
    return replace(made, slope=slope, intercept=intercept)
