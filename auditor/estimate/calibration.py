"""A detector's scores on labelled images, by source: the data that its error rates are estimated from. Pure.

A calibration file holds the scores of labelled images for each condition (clean, JPEG 85, resized to 256 …) and each
source of real and of synthetic images. It belongs to one model; scores of another model are not comparable.
`probability` maps a score to a probability at a stated prior (Platt 1999). The map is the same for all conditions, so
it never changes the order of scores.

A calibration also holds a head (head.py) if the classifier was adapted to the user's own images. The scores are then
those of that head.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from auditor.errors import CalibrationError
from auditor.estimate.head import Head

SCHEMA = "auditor-calibration/2"
FALSE_POSITIVES = 0.01  # rate of "likely synthetic" among real images: mean over sources, worst condition
FALSE_NEGATIVES = 0.05  # rate of "likely real" among synthetic images: mean over sources, worst condition
_RANDOM_AUROC = 0.5
_MAX_LOGIT = 500.0  # exp overflows beyond about 700
Scores = Mapping[str, tuple[float, ...]]  # source -> scores in ascending order


OWN = "own images"  # with which the origin of scores of the user's images begins


@dataclass(frozen=True, slots=True)
class Condition:
    """Scores of the real and of the synthetic sources in one condition."""

    real: Scores
    synthetic: Scores


@dataclass(frozen=True)
class Calibration:
    """Labelled scores and the map from score to probability; see the module.

    origin: a text that says where the scores come from. slope, intercept: the logit of the probability is
    slope * score + intercept, at the prior `prior`. sha256: of the model's weights (of encoder and head together if
    there is a head).
    """

    detector: str
    model: str
    sha256: str
    origin: str
    prior: float
    slope: float
    intercept: float
    conditions: Mapping[str, Condition]
    head: Head | None = None

    def __hash__(self) -> int:
        return hash((self.detector, self.model, self.sha256, self.origin, self.slope, self.intercept))

    @property
    def has_own_images(self) -> bool:
        """Whether the scores are those of the user's images, of both sides or of the real one."""
        return self.origin.startswith(OWN)

    def probability(self, score: float) -> float:
        """The probability that an image is synthetic if a share `prior` of the images is."""
        return 1 / (1 + math.exp(-max(-_MAX_LOGIT, min(_MAX_LOGIT, self.slope * score + self.intercept))))

    def auroc(self, weights: Mapping[str, float]) -> float:
        """The probability that a synthetic image scores higher than a real one. All sources have the same weight; ties
        count half."""
        names, shares = list(weights), list(weights.values())
        real, real_weights = _pool_scores([self.conditions[name].real for name in names], shares)
        synthetic, synthetic_weights = _pool_scores([self.conditions[name].synthetic for name in names], shares)
        below = np.concatenate([[0.0], np.cumsum(real_weights)])
        ranks = (below[np.searchsorted(real, synthetic, side)] for side in ("left", "right"))
        return float((synthetic_weights * sum(ranks)).sum() / 2)

    @cached_property
    def likely_synthetic(self) -> float:
        """The lowest threshold at which no condition has a false-positive rate above FALSE_POSITIVES; inf if no
        synthetic image reaches it."""
        conditions = self.conditions.values()
        threshold = max(_lowest_threshold([condition.real], [1.0], FALSE_POSITIVES) for condition in conditions)
        highest = (scores[-1] for condition in conditions for scores in condition.synthetic.values())
        return threshold if any(score >= threshold for score in highest) else math.inf

    @cached_property
    def likely_real(self) -> float:
        """The highest threshold below which no condition has more than a share FALSE_NEGATIVES of its synthetic images;
        -inf if no real image is below it."""
        conditions = self.conditions.values()
        threshold = min(
            -_lowest_threshold([_negate(condition.synthetic)], [1.0], FALSE_NEGATIVES) for condition in conditions
        )
        threshold = min(math.nextafter(threshold, math.inf), self.likely_synthetic)
        lowest = (scores[0] for condition in conditions for scores in condition.real.values())
        return threshold if any(score < threshold for score in lowest) else -math.inf


def platt(
    scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, start: tuple[float, float]
) -> tuple[float, float]:
    """Slope and intercept of the logit of the probability, by weighted maximum likelihood (Platt 1999).

    scores: float (n,); labels: 0 or 1, (n,); weights: float (n,), summing to 1; start: initial slope and intercept. A
    small ridge penalty keeps the slope finite if the classes do not overlap.
    """
    from scipy.optimize import minimize

    def loss(line: np.ndarray) -> float:
        z = line[0] * scores + line[1]
        return float((weights * (np.logaddexp(0, z) - labels * z)).sum() + 1e-4 * line[0] ** 2)

    slope, intercept = minimize(loss, np.array(start)).x
    return float(slope), float(intercept)


def _negate(scores: Scores) -> Scores:
    return {source: tuple(-value for value in reversed(values)) for source, values in scores.items()}


def _pool_scores(sides: list[Scores], shares: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """All scores of some conditions in ascending order, and their weights, which sum to 1. Sources have the same
    weight; conditions have the weights `shares`."""
    scores, weights = [], []
    for side, share in zip(sides, shares, strict=True):
        for values in side.values():
            scores.append(np.array(values))
            weights.append(np.full(len(values), share / len(side) / len(values)))
    pooled, pooled_weights = np.concatenate(scores), np.concatenate(weights)
    order = np.argsort(pooled, kind="stable")
    return pooled[order], pooled_weights[order]


def _lowest_threshold(sides: list[Scores], shares: Iterable[float], rate: float) -> float:
    """The lowest threshold that at most a share `rate` of the scores reaches; it lies just above a score."""
    scores, weights = _pool_scores(sides, shares)
    at_or_above = np.cumsum(weights[::-1])[::-1]
    too_many = np.flatnonzero(at_or_above > rate + 1e-9)
    return float(np.nextafter(scores[too_many[-1]], np.inf)) if len(too_many) else float(scores[0])


_SCALAR_FIELDS = ("detector", "model", "sha256", "origin", "prior", "slope", "intercept")


# ---- files ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Calibration:
    """A calibration from its JSON text. Raises CalibrationError for any other text."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"not JSON: {error}") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        is_older = str(schema).startswith("auditor-calibration/")
        hint = " (made by an earlier version: calibrate again)" if is_older else ""
        raise CalibrationError(f"not a calibration of schema {SCHEMA}{hint}")
    try:
        calibration = Calibration(
            detector=_text(content["detector"]),
            model=_text(content["model"]),
            sha256=_text(content["sha256"]),
            origin=_text(content["origin"]),
            prior=_number(content["prior"]),
            slope=_number(content["slope"]),
            intercept=_number(content["intercept"]),
            conditions={name: _condition(entry) for name, entry in content["conditions"].items()},
            head=Head.parse(content["head"]) if content.get("head") is not None else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CalibrationError(f"not a calibration of schema {SCHEMA}: {type(error).__name__}: {error}") from error
    _check(calibration)
    return calibration


def dumps(calibration: Calibration) -> str:
    """The JSON text; `parse` reads it back."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **{name: getattr(calibration, name) for name in _SCALAR_FIELDS},
        "conditions": {
            name: {"real": dict(condition.real), "synthetic": dict(condition.synthetic)}
            for name, condition in calibration.conditions.items()
        },
        "head": calibration.head.dumps() if calibration.head else None,
    }
    return json.dumps(content) + "\n"


def digest(calibration: Calibration) -> str:
    """The sha256 of the calibration's JSON text."""
    return hashlib.sha256(dumps(calibration).encode()).hexdigest()


def _condition(entry: Mapping[str, Any]) -> Condition:
    def side(name: str) -> Scores:
        return {source: tuple(map(_number, _list(scores))) for source, scores in entry[name].items()}

    return Condition(side("real"), side("synthetic"))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a string, got {value!r:.40}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"must be a finite number, got {value!r:.40}")
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"must be a list, got {value!r:.40}")
    return value


def _check(calibration: Calibration) -> None:
    if not calibration.slope > 0:
        raise CalibrationError(f"the slope must be above 0, got {calibration.slope}")
    if not 0 < calibration.prior < 1:
        raise CalibrationError(f"the prior must be between 0 and 1, got {calibration.prior}")
    if not calibration.conditions:
        raise CalibrationError("it must have at least one condition, got none")
    for side in ("real", "synthetic"):
        if len({frozenset(getattr(condition, side)) for condition in calibration.conditions.values()}) > 1:
            raise CalibrationError(f"its conditions have different {side} sources")
    for name, condition in calibration.conditions.items():
        if not condition.real:
            raise CalibrationError(f"condition {name} has no real source: the false-positive rate cannot be estimated")
        if not condition.synthetic:
            raise CalibrationError(
                f"condition {name} has no synthetic source: the true-positive rate cannot be estimated"
            )
        for source, scores in (*condition.real.items(), *condition.synthetic.items()):
            if not scores or list(scores) != sorted(scores):
                raise CalibrationError(
                    f"condition {name}, source {source}: there must be at least one score, in ascending order"
                )
    equal_weights = {name: 1 / len(calibration.conditions) for name in calibration.conditions}
    if (auroc := calibration.auroc(equal_weights)) <= _RANDOM_AUROC:
        raise CalibrationError(
            f"synthetic images do not score higher than real ones (AUROC {auroc:.2f}), so the fraction cannot be "
            "estimated: check that the folders are not swapped"
        )
