"""Error counts on labelled images of one's own: what `auditor calibrate` makes for `auditor scan --calibration`.

labelled inputs -> every image in every condition -> the model's logits -> counts by source

An image's source is its domain or folder, as in audits: keep images of different origin in different folders, because
error rates differ between sources, and how much they differ decides how wide an estimate has to be.
"""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor import registry
from auditor.audit import Inputs, choose
from auditor.config import Config
from auditor.embedding.sources import VectorSource
from auditor.errors import CalibrationError, Refused
from auditor.estimate.calibration import Calibration, Condition, SourceCounts
from auditor.images.decode import Limits
from auditor.plugin import Engine, Reader, Shard
from auditor.similarity.recognising import Banks
from auditor.statistical import StatisticalDetector, refusal
from auditor.types import Sample
from auditor.view import View

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

_BATCH = 16
_THRESHOLDS = 240  # of a detector that ships none
_LARGEST = 1024  # pixels on the longer side before an image is re-encoded, as on the web
Scores = Mapping[tuple[str, str], Sequence[float]]  # (condition, source) -> logits


@dataclass(frozen=True, slots=True)
class ShardScores:
    """Logits of a shard's images, and how many rows it had, of which some could not be read."""

    rows: int
    unread: int
    scores: Scores


@dataclass(frozen=True)
class ShardScoring:
    """Reads a shard and scores each image in each condition. Picklable."""

    detector: str
    conditions: tuple[str, ...]
    limits: Limits
    banks: Banks = Banks()
    vectors: VectorSource = VectorSource()

    def __call__(self, shard: Shard) -> ShardScores:
        """The whole shard."""
        reader: Reader = registry.load("readers", shard.reader)()
        model = _calibratable(self.detector, self.banks, self.vectors)
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        held: list[tuple[str, str, np.ndarray]] = []
        rows = unread = 0
        for item in reader.read(shard):
            rows += 1
            try:
                if not isinstance(item, Sample) or item.content is None:
                    raise Refused("no image")
                view = View(item, self.limits)
                if why := refusal(view):
                    raise Refused(why)
                upright = view.upright
            except Refused:
                unread += 1
                continue
            held += [(name, item.source, changed(upright, name)) for name in self.conditions]
            if len(held) >= _BATCH:
                _score(model, held, found)
        _score(model, held, found)
        return ShardScores(rows, unread, dict(found))

    def probing(self) -> ShardScoring:
        """The same."""
        return self

    def refusing(self, shard: Shard, reason: str) -> ShardScoring:
        """Raises CalibrationError: an image that kills a worker ends a calibration."""
        raise CalibrationError(f"{shard.file or shard.start}: an image in this part of the dataset {reason}")


def calibrate(
    real: Inputs,
    synthetic: Inputs | None,
    engine: Engine,
    *,
    detector: str,
    config: Config,
    told: Callable[[int], None] = lambda rows: None,
) -> Calibration:
    """Counts on these images, at the thresholds and in the conditions of the detector's own counts if it ships any.

    Without synthetic images the shipped counts of those are kept: real ones alone fix the false-positive rate. Raises
    CalibrationError where no image could be read, where the detector is none that can be calibrated, and without
    synthetic images for one that ships no counts.
    """
    model = _calibratable(detector, config.banks, config.vectors)
    shipped = model.calibration()
    if shipped is None and synthetic is None:
        raise CalibrationError(f"{detector} ships no counts of synthetic images: give --synthetic too")
    model.check()
    names = tuple(name for name in CHANGES if shipped is None or name in shipped.conditions)
    scoring = ShardScoring(detector, names, config.limits, config.banks, config.vectors)
    given = {"real": real} if synthetic is None else {"real": real, "synthetic": synthetic}
    found = {side: _scored(inputs, engine, scoring, config, told) for side, inputs in given.items()}
    sides = {side: scores for side, (scores, _) in found.items()}
    left_out = {side: unread for side, (_, unread) in found.items()}
    base = shipped or _unmeasured(model, sides)
    conditions = {}
    for name in scoring.conditions:
        counted = {side: _counts(name, scores, base.thresholds) for side, scores in sides.items()}
        kept = {} if "synthetic" in counted else base.conditions[name].synthetic
        conditions[name] = Condition(counted["real"], counted.get("synthetic", kept))
    zero = None if synthetic is not None else base.zero  # counts of these very weights need none
    made = replace(base, origin=_origin(sides, left_out, base), conditions=conditions, zero=zero)
    return _refitted(made, sides) if synthetic is not None else made


def _calibratable(detector: str, banks: Banks, vectors: VectorSource) -> StatisticalDetector:
    kind = registry.load("detectors", detector)
    if not issubclass(kind, StatisticalDetector):
        raise CalibrationError(f"{detector} gives no logits: only statistical detectors are calibrated")
    if kind.is_of_banks and not banks:
        raise CalibrationError(f"{detector} is calibrated with the banks that it is to look into: --bank")
    model: StatisticalDetector = kind(banks, vectors) if kind.is_of_banks else kind()
    return model


def _unmeasured(model: StatisticalDetector, sides: Mapping[str, Scores]) -> Calibration:
    """A calibration still without counts, its thresholds spread over these scores."""
    import numpy as np

    every = np.concatenate([logits for scores in sides.values() for logits in scores.values()])
    thresholds = np.unique(np.round(np.quantile(every, np.linspace(0, 1, _THRESHOLDS)), 4))
    return Calibration(model.id, model.id, model.weights(), "", 0.5, 1.0, 0.0, tuple(map(float, thresholds)), {})


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


def _score(
    model: StatisticalDetector, held: list[tuple[str, str, np.ndarray]], found: dict[tuple[str, str], list[float]]
) -> None:
    for (condition, source, _), logit in zip(held, model.logits([image for *_, image in held]), strict=True):
        if math.isfinite(logit):
            found[condition, source].append(logit)
    held.clear()


def _scored(
    inputs: Inputs, engine: Engine, scoring: ShardScoring, config: Config, told: Callable[[int], None]
) -> tuple[dict[tuple[str, str], list[float]], int]:
    """Logits by condition and source, and how many rows were not read, or are nothing that a scan would judge."""
    shards = [shard for input, reader in choose(inputs, config) for shard in reader.shards(input)]
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    rows = unread = 0
    for result in engine.run(shards, scoring):
        rows += result.rows
        unread += result.unread
        told(result.rows)
        for key, logits in result.scores.items():
            found[key] += logits
    if not found:
        raise CalibrationError(f"{inputs}: none of {rows:,} rows is an image that can be read")
    return {key: sorted(found[key]) for key in sorted(found)}, unread


def _counts(condition: str, scores: Scores, thresholds: Sequence[float]) -> dict[str, SourceCounts]:
    import numpy as np

    return {
        source: SourceCounts(len(logits), tuple(int(n) for n in len(logits) - np.searchsorted(logits, thresholds)))
        for (name, source), logits in scores.items()
        if name == condition
    }


def _origin(sides: Mapping[str, Scores], left_out: Mapping[str, int], shipped: Calibration) -> str:
    parts = []
    for side, scores in sides.items():
        sources = {source for _, source in scores}
        images = sum(len(logits) for (name, _), logits in scores.items() if name == "clean")
        without = f" ({left_out[side]:,} more not read or not judged)" if left_out[side] else ""
        parts.append(f"{images:,} {side} images of {len(sources)} sources{without}")
    kept = "" if "synthetic" in sides else f"; synthetic ones as in: {shipped.origin}"
    return f"own images: {', '.join(parts)}{kept}"


def _refitted(made: Calibration, sides: Mapping[str, Scores]) -> Calibration:
    """The line from logit to chance, fitted anew at even odds, every source weighing the same (Platt 1999)."""
    import numpy as np
    from scipy.optimize import minimize

    logits, labels, weights = [], [], []
    for label, side in enumerate(("real", "synthetic")):
        sources = {source for _, source in sides[side]}
        for source in sources:
            mine = [logit for (_, name), found in sides[side].items() if name == source for logit in found]
            logits += mine
            labels += [label] * len(mine)
            weights += [1 / (len(sources) * len(mine))] * len(mine)
    x, y, w = (np.array(values) for values in (logits, labels, weights))

    def loss(line: np.ndarray) -> float:
        z = line[0] * x + line[1]
        return float((w * (np.logaddexp(0, z) - y * z)).sum() + 1e-4 * line[0] ** 2)

    slope, intercept = minimize(loss, np.array([made.slope, made.intercept])).x
    if slope <= 0:
        raise CalibrationError("synthetic images score no higher than real ones: were the folders mixed up?")
    return replace(made, slope=float(slope), intercept=float(intercept))
