"""Counts of a detector's scores on labelled images, source by source: what error rates are made of. Pure.

A calibration file holds, for each condition an image may be in (clean, JPEG 85, resized to 256 …) and for each source
of real and of synthetic images, how many images there were and how many scored at or above each of a row of thresholds.
It belongs to one model: counts of another model's scores say nothing. Scores are logits; `probability` turns them into
a chance at a stated prior (Platt 1999), the same for all conditions, so that it never changes their order.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from auditor.errors import CalibrationError
from auditor.estimate.rates import Counts
from auditor.estimate.zero import Zero

SCHEMA = "auditor-calibration/1"
FALSE_POSITIVES = 0.01  # of "likely synthetic", the mean over real sources, in the worst condition
FALSE_NEGATIVES = 0.05  # of "likely real", the mean over synthetic sources, in the worst condition
_CHANCE = 0.5
_NEAR = 0.5  # logits on either side of a threshold
_MOST = 2**53  # images that a source may have: counts are exact as floats


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """One source: n images, and how many scored at or above each threshold (falling)."""

    n: int
    above: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Counts of real and of synthetic sources in one condition."""

    real: Mapping[str, SourceCounts]
    synthetic: Mapping[str, SourceCounts]


@dataclass(frozen=True)
class Calibration:
    """See the module. origin: where the counts come from, in words. slope, intercept: of the logit's chance.

    zero: what scores on new sources have in common, model by model, where the counts are of other models than the one
    that runs (out of fold); None where they are of the same weights.
    """

    detector: str
    model: str
    sha256: str
    origin: str
    prior: float
    slope: float
    intercept: float
    thresholds: tuple[float, ...]
    conditions: Mapping[str, Condition]
    zero: Zero | None = None

    def __hash__(self) -> int:
        return hash((self.detector, self.model, self.sha256, self.thresholds))

    def probability(self, logit: float) -> float:
        """The chance of being synthetic, where a share `prior` of the images is."""
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, self.slope * logit + self.intercept))))

    def counts(self, threshold: float, weights: Mapping[str, float]) -> tuple[Counts, Counts]:
        """(false positives, true positives) a source at a threshold, in a mix of conditions (weights sum to 1)."""
        index = self.thresholds.index(threshold)
        return (
            _mixed([(self.conditions[name].real, weight) for name, weight in weights.items()], index),
            _mixed([(self.conditions[name].synthetic, weight) for name, weight in weights.items()], index),
        )

    def auroc(self, weights: Mapping[str, float]) -> float:
        """The chance that a synthetic image outscores a real one, sources weighing the same; trapezoids between
        thresholds."""
        from scipy.integrate import trapezoid

        sides = [self.counts(threshold, weights) for threshold in reversed(self.thresholds)]
        false, true = ([0.0, *(mean_rate(both[side]) for both in sides), 1.0] for side in (0, 1))
        return float(trapezoid(true, false))

    def steepness(self, threshold: float, weights: Mapping[str, float]) -> tuple[float, float]:
        """How fast the logits of the mean false- and true-positive rate fall around a threshold, per logit of score."""
        import numpy as np

        near = np.array(self.thresholds)
        low, high = (float(near[np.abs(near - (threshold + side)).argmin()]) for side in (-_NEAR, _NEAR))
        if low == high:
            return 0.0, 0.0
        sides = zip(self.counts(low, weights), self.counts(high, weights), strict=True)
        falls = [(_mean_logit(below) - _mean_logit(above)) / (high - low) for below, above in sides]
        return falls[0], falls[1]

    @cached_property
    def likely_synthetic(self) -> float:
        """The lowest threshold at which no condition has a false-positive rate above FALSE_POSITIVES; inf: none."""
        fits = (t for t in self.thresholds if self._worst("real", t) <= FALSE_POSITIVES)
        return next(fits, math.inf)

    @cached_property
    def likely_real(self) -> float:
        """The highest threshold below which no condition has more than FALSE_NEGATIVES of synthetic images."""
        fits = (t for t in reversed(self.thresholds) if 1 - self._worst("synthetic", t) <= FALSE_NEGATIVES)
        return min(next(fits, -math.inf), self.likely_synthetic)

    def _worst(self, side: str, threshold: float) -> float:
        """Of the conditions' mean rates over sources: the highest of real ones, the lowest of synthetic ones."""
        index = self.thresholds.index(threshold)
        means = []
        for condition in self.conditions.values():
            sources = list(getattr(condition, side).values())
            if sources:
                means.append(sum(counts.above[index] / counts.n for counts in sources) / len(sources))
        if not means:
            return 0.0
        worst: float = max(means) if side == "real" else min(means)
        return worst


def mean_rate(counts: Counts) -> float:
    """The mean over sources."""
    return sum(k / n for k, n in counts) / len(counts)


def _mean_logit(counts: Counts) -> float:
    rate = sum((k + 0.5) / (n + 1) for k, n in counts) / len(counts)
    return math.log(rate / (1 - rate))


def _mixed(parts: list[tuple[Mapping[str, SourceCounts], float]], index: int) -> Counts:
    """Counts of a mix of conditions: each source's rates averaged, at the smallest n it has in any of them."""
    found = []
    for source in sorted(set.intersection(*(set(counts) for counts, _ in parts))):
        n = min(counts[source].n for counts, _ in parts)
        rate = sum(weight * counts[source].above[index] / counts[source].n for counts, weight in parts)
        found.append((rate * n, n))
    return found


_PLAIN = ("detector", "model", "sha256", "origin", "prior", "slope", "intercept")


# ---- files ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Calibration:
    """A calibration from its JSON text. Raises CalibrationError, which names what is wrong."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise CalibrationError(f"not a calibration of schema {SCHEMA}")
    try:
        calibration = Calibration(
            detector=_text(content["detector"]),
            model=_text(content["model"]),
            sha256=_text(content["sha256"]),
            origin=_text(content["origin"]),
            prior=_number(content["prior"]),
            slope=_number(content["slope"]),
            intercept=_number(content["intercept"]),
            thresholds=tuple(map(_number, _listed(content["thresholds"]))),
            conditions={name: _condition(entry) for name, entry in content["conditions"].items()},
            zero=_zero(content["zero"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CalibrationError(f"not a calibration of schema {SCHEMA}: {type(error).__name__} {error}") from error
    _check(calibration)
    return calibration


def dumps(calibration: Calibration) -> str:
    """The JSON text; `parse` reads it back."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **{name: getattr(calibration, name) for name in _PLAIN},
        "zero": asdict(calibration.zero) if calibration.zero else None,
        "thresholds": calibration.thresholds,
        "conditions": {
            name: {
                side: {source: {"n": c.n, "above": c.above} for source, c in getattr(condition, side).items()}
                for side in ("real", "synthetic")
            }
            for name, condition in calibration.conditions.items()
        },
    }
    return json.dumps(content) + "\n"


def _condition(entry: Mapping[str, Any]) -> Condition:
    def side(name: str) -> dict[str, SourceCounts]:
        return {
            source: SourceCounts(_count(counts["n"]), tuple(map(_count, _listed(counts["above"]))))
            for source, counts in entry[name].items()
        }

    return Condition(side("real"), side("synthetic"))


def _zero(entry: Mapping[str, Any] | None) -> Zero | None:
    if entry is None:
        return None
    means, sources = map(_number, _listed(entry["means"])), map(_count, _listed(entry["sources"]))
    return Zero(tuple(means), tuple(sources), _number(entry["within"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} is no number")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MOST:
        raise TypeError(f"{value!r:.40} is no count")
    return value


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    return value


def digest(calibration: Calibration) -> str:
    """sha256 of its text."""
    return hashlib.sha256(dumps(calibration).encode()).hexdigest()


def _check(calibration: Calibration) -> None:
    thresholds = calibration.thresholds
    if not thresholds or list(thresholds) != sorted(set(thresholds)):
        raise CalibrationError("thresholds have to rise")
    if not calibration.slope > 0 or not 0 < calibration.prior < 1:
        raise CalibrationError("the slope has to be above 0, the prior between 0 and 1")
    if not calibration.conditions:
        raise CalibrationError("no condition in it")
    for side in ("real", "synthetic"):
        if len({frozenset(getattr(condition, side)) for condition in calibration.conditions.values()}) > 1:
            raise CalibrationError(f"its conditions have different {side} sources")
    for name, condition in calibration.conditions.items():
        if not condition.real:
            raise CalibrationError(f"condition {name} has no real source: no false-positive rate can be known")
        if not condition.synthetic:
            raise CalibrationError(f"condition {name} has no synthetic source: no true-positive rate can be known")
        for source, counts in (*condition.real.items(), *condition.synthetic.items()):
            falls = all(a >= b for a, b in pairwise(counts.above))
            if (
                counts.n < 1
                or len(counts.above) != len(thresholds)
                or not falls
                or not 0 <= counts.above[0] <= counts.n
            ):
                raise CalibrationError(f"condition {name}, source {source}: counts that cannot be")
    even = {name: 1 / len(calibration.conditions) for name in calibration.conditions}
    if (auroc := calibration.auroc(even)) <= _CHANCE:
        raise CalibrationError(
            f"it scores synthetic images no higher than real ones (AUROC {auroc:.2f}), so that no fraction can be told "
            "from it: were the folders mixed up?"
        )
