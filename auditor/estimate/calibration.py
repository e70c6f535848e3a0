"""A detector's scores of labelled images, source by source: what error rates are made of. Pure.

A calibration file holds, for each condition that an image may be in (clean, JPEG 85, resized to 256 …) and for each
source of real and of synthetic images, the scores of its images. It belongs to one model: scores of another one say
nothing. `probability` turns a score into a chance at a stated prior (Platt 1999), by one line for all conditions, so
that it never changes their order.

A calibration may hold a head too (head.py), where the classifier was adapted to images of one's own: its scores are
then of that head.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auditor.errors import CalibrationError
from auditor.estimate.error_rates import Counts
from auditor.estimate.head import Head

if TYPE_CHECKING:
    import numpy as np

SCHEMA = "auditor-calibration/2"
FALSE_POSITIVES = 0.01  # of "likely synthetic", the mean over real sources, in the worst condition
FALSE_NEGATIVES = 0.05  # of "likely real", the mean over synthetic sources, in the worst condition
_CHANCE = 0.5
_EXTREME = 500.0  # logits that a chance tells apart from none
Scores = Mapping[str, tuple[float, ...]]  # source -> rising


@dataclass(frozen=True, slots=True)
class Condition:
    """Scores of real and of synthetic sources in one condition."""

    real: Scores
    synthetic: Scores


@dataclass(frozen=True)
class Calibration:
    """See the module. origin: where the scores come from, in words. slope, intercept: of the chance's logit.

    sha256: of the weights that gave the scores; of encoder and head together where there is a head.
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

    def probability(self, score: float) -> float:
        """The chance of being synthetic, where a share `prior` of the images is."""
        return 1 / (1 + math.exp(-max(-_EXTREME, min(_EXTREME, self.slope * score + self.intercept))))

    def counts(self, threshold: float, weights: Mapping[str, float]) -> tuple[Counts, Counts]:
        """(false positives, true positives) a source at a threshold, in a mix of conditions (weights sum to 1)."""
        parts = [(self.conditions[name], weight) for name, weight in weights.items()]
        return (
            _mixed([(condition.real, weight) for condition, weight in parts], threshold),
            _mixed([(condition.synthetic, weight) for condition, weight in parts], threshold),
        )

    def threshold(self, rate: float, weights: Mapping[str, float]) -> float:
        """The lowest score from which a share `rate` of real images at most is flagged, in the mean over sources."""
        return _lowest([self.conditions[name].real for name in weights], list(weights.values()), rate)

    def auroc(self, weights: Mapping[str, float]) -> float:
        """The chance that a synthetic image outscores a real one, sources weighing the same; ties count half."""
        import numpy as np

        names, shares = list(weights), list(weights.values())
        real, mass = _pooled([self.conditions[name].real for name in names], shares)
        synthetic, own = _pooled([self.conditions[name].synthetic for name in names], shares)
        below = np.concatenate([[0.0], np.cumsum(mass)])
        ranks = (below[np.searchsorted(real, synthetic, side)] for side in ("left", "right"))
        return float((own * sum(ranks)).sum() / 2)

    @cached_property
    def likely_synthetic(self) -> float:
        """The lowest score from which no condition has a false-positive rate above FALSE_POSITIVES; inf: there is none
        that a synthetic image reaches."""
        found = max(_lowest([one.real], [1.0], FALSE_POSITIVES) for one in self.conditions.values())
        reached = any(scores[-1] >= found for one in self.conditions.values() for scores in one.synthetic.values())
        return found if reached else math.inf

    @cached_property
    def likely_real(self) -> float:
        """The highest score below which no condition has more than FALSE_NEGATIVES of its synthetic images; -inf: there
        is none that a real image lies below."""
        found = min(-_lowest([_mirrored(one.synthetic)], [1.0], FALSE_NEGATIVES) for one in self.conditions.values())
        found = min(math.nextafter(found, math.inf), self.likely_synthetic)
        reached = any(scores[0] < found for one in self.conditions.values() for scores in one.real.values())
        return found if reached else -math.inf


def mean_rate(counts: Counts) -> float:
    """The mean over sources."""
    return sum(k / n for k, n in counts) / len(counts)


def platt(
    scores: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, start: tuple[float, float]
) -> tuple[float, float]:
    """Slope and intercept of the chance's logit by weighted maximum likelihood (Platt 1999): float (n,), 0 or 1 (n,),
    float (n,) summing to 1. start: where the search begins. The slope is shrunk a little: classes may not overlap."""
    import numpy as np
    from scipy.optimize import minimize

    def loss(line: np.ndarray) -> float:
        z = line[0] * scores + line[1]
        return float((weights * (np.logaddexp(0, z) - labels * z)).sum() + 1e-4 * line[0] ** 2)

    slope, intercept = minimize(loss, np.array(start)).x
    return float(slope), float(intercept)


def _mirrored(scores: Scores) -> Scores:
    return {source: tuple(-value for value in reversed(values)) for source, values in scores.items()}


def _pooled(sides: list[Scores], shares: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """All scores of some conditions, rising, and their weights, which sum to 1: sources alike, conditions by shares."""
    import numpy as np

    scores, weights = [], []
    for side, share in zip(sides, shares, strict=True):
        for values in side.values():
            scores.append(np.array(values))
            weights.append(np.full(len(values), share / len(side) / len(values)))
    every, mass = np.concatenate(scores), np.concatenate(weights)
    order = np.argsort(every, kind="stable")
    return every[order], mass[order]


def _lowest(sides: list[Scores], shares: Iterable[float], rate: float) -> float:
    """The lowest value that at most a share `rate` of the scores reaches; just above a score."""
    import numpy as np

    scores, mass = _pooled(sides, shares)
    reached = np.cumsum(mass[::-1])[::-1]  # the share at or above each
    over = np.flatnonzero(reached > rate + 1e-9)
    return float(np.nextafter(scores[over[-1]], np.inf)) if len(over) else float(scores[0])


def _mixed(parts: list[tuple[Scores, float]], threshold: float) -> Counts:
    """Counts of a mix of conditions: each source's rates averaged, at the smallest n it has in any of them."""
    import numpy as np

    found = []
    for source in parts[0][0]:
        rows = [(side[source], weight) for side, weight in parts]
        n = min(len(scores) for scores, _ in rows)
        rate = sum(w * (len(scores) - int(np.searchsorted(scores, threshold))) / len(scores) for scores, w in rows)
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
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        older = (
            " (made by an earlier version: calibrate again)" if str(found).startswith("auditor-calibration/") else ""
        )
        raise CalibrationError(f"not a calibration of schema {SCHEMA}{older}")
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
        raise CalibrationError(f"not a calibration of schema {SCHEMA}: {type(error).__name__} {error}") from error
    _check(calibration)
    return calibration


def dumps(calibration: Calibration) -> str:
    """The JSON text; `parse` reads it back."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        **{name: getattr(calibration, name) for name in _PLAIN},
        "conditions": {
            name: {"real": dict(condition.real), "synthetic": dict(condition.synthetic)}
            for name, condition in calibration.conditions.items()
        },
        "head": calibration.head.dumps() if calibration.head else None,
    }
    return json.dumps(content) + "\n"


def digest(calibration: Calibration) -> str:
    """sha256 of its text."""
    return hashlib.sha256(dumps(calibration).encode()).hexdigest()


def _condition(entry: Mapping[str, Any]) -> Condition:
    def side(name: str) -> Scores:
        return {source: tuple(map(_number, _listed(scores))) for source, scores in entry[name].items()}

    return Condition(side("real"), side("synthetic"))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} is no number")
    return float(value)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.40} is no list")
    return value


def _check(calibration: Calibration) -> None:
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
        for source, scores in (*condition.real.items(), *condition.synthetic.items()):
            if not scores or list(scores) != sorted(scores):
                raise CalibrationError(f"condition {name}, source {source}: scores have to rise; one at least")
    even = {name: 1 / len(calibration.conditions) for name in calibration.conditions}
    if (auroc := calibration.auroc(even)) <= _CHANCE:
        raise CalibrationError(
            f"it scores synthetic images no higher than real ones (AUROC {auroc:.2f}), so that no fraction can be told "
            "from it: were the folders mixed up?"
        )
