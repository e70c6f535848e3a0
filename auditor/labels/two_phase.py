"""The synthetic fraction from labels on the target itself: two-phase stratified sampling. Pure.

Phase one is the audit: every audited row falls into a stratum, by the detector's verdict. Phase two is a random sample
of each stratum that people labelled. No calibration is trusted: the detector only says where to look, which makes
labels go further (Cochran, Sampling Techniques, 3rd ed., 12.2; Korn & Graubard, Survey Methodology 24, 1998, for the
interval of a share under such a design).

People err, and cannot always tell: "unsure" is taken as real for the lower end and as synthetic for the upper one, and
the share of pairs of labels that disagree gives the labellers' own error rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.errors import LabelError
from auditor.estimate.intervals import Interval, clopper_pearson, effective_clopper_pearson
from auditor.estimate.melded import CONFIDENCE
from auditor.labels.clustered import widened

_MOST_SILENT = 0.05  # of the rows, in strata that nobody labelled
_MOST_DESIGN_EFFECT = 2.0  # with which an effective count is trusted
_DRAWS = 20_000
_SLACK = 1e-6  # of a logarithm, so that the root lies between the ends in spite of rounding


@dataclass(frozen=True, slots=True)
class LabelledStratum:
    """size: audited rows in it. synthetic, real, unsure: rows drawn from it at random, by label.

    is_decided: evidence says what its rows are, beyond the sample too. mass: what its rows weigh together, where rows
    do not count the same: synthetic, real and unsure then divide the drawn rows as their weights do, which are worth
    that many divided by design_effect.
    """

    size: float
    synthetic: float
    real: float
    unsure: float = 0
    is_decided: bool = False
    mass: float | None = None
    design_effect: float = 1.0

    @property
    def labelled(self) -> float:
        """All that were looked at."""
        return self.synthetic + self.real + self.unsure

    @property
    def weight(self) -> float:
        """Of the stratum, for which it counts among others."""
        return self.size if self.mass is None else self.mass

    @property
    def worth(self) -> float:
        """How many equal rows the drawn ones tell as much as."""
        return self.labelled / self.design_effect

    def unknown(self, sampled: float) -> float:
        """The share of its rows that are not known, where the audited ones are a share `sampled` of the population's:
        the finite-population correction."""
        return 0.0 if self.is_decided else max(0.0, 1 - self.labelled * sampled / self.size)


def two_phase(
    strata: Sequence[LabelledStratum],
    *,
    population: int | None = None,
    by_shard: Sequence[Sequence[LabelledStratum]] = (),
    unread: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The synthetic share of a population of which the strata's rows are a uniform sample (default: all of it).

    by_shard: where they are the rows of shards drawn at random, each shard's part of every stratum, and unread, the
    part of all shards that was not drawn.
    Raises LabelError without labels, or where strata of more than a twentieth of the rows have none: nothing would
    speak for them. Smaller ones may be anything: 0 at the lower end, 1 at the upper.
    """
    total, weight = (sum(of) for of in zip(*((s.size, s.weight) for s in strata), strict=True))
    labelled = [stratum for stratum in strata if stratum.labelled]
    if not labelled:
        raise LabelError("no row of the audit is labelled: draw some and label them (auditor label)")
    silent = (weight - sum(stratum.weight for stratum in labelled)) / weight
    if silent > _MOST_SILENT:
        raise LabelError(f"{100 * silent:.0f} % of the rows are in strata without a label: label some of each")
    sampled = 1.0 if population is None else total / population
    low, high = (_interval(labelled, sampled, unsure_is, confidence) for unsure_is in (0, 1))
    if by_shard:
        spoken_for = [[part for part, s in zip(parts, strata, strict=True) if s.labelled] for parts in by_shard]
        low, high = (
            widened(found, spoken_for, unsure_is=unsure_is, unread=unread) for unsure_is, found in ((0, low), (1, high))
        )
    known = 1 - silent
    return Interval((low.point + high.point) / 2 * known, low.low * known, min(1.0, high.high * known + silent))


def _interval(strata: Sequence[LabelledStratum], sampled: float, unsure_is: int, confidence: float) -> Interval:
    total, weight = (sum(of) for of in zip(*((s.size, s.weight) for s in strata), strict=True))
    weights = [stratum.weight / weight for stratum in strata]
    counts = [((s.synthetic + unsure_is * s.unsure) / s.design_effect, s.worth) for s in strata]
    shares = [positives / n for positives, n in counts]
    point = sum(weight * share for weight, share in zip(weights, shares, strict=True))
    if not 0 < point < 1:
        bound = _extreme(strata, sampled, (1 - confidence) / 2)
        return Interval(0.0, 0.0, bound) if point <= 0 else Interval(1.0, 1 - bound, 1.0)
    between = sum(weight * (share - point) ** 2 for weight, share in zip(weights, shares, strict=True))
    between *= (1 - sampled) / total
    variance = between + sum(
        weight**2 * stratum.unknown(sampled) * _variance(positives, n)
        for weight, stratum, (positives, n) in zip(weights, strata, counts, strict=True)
    )
    if variance <= 0:
        return Interval(point, point, point)  # everything is labelled
    effective = point * (1 - point) / variance
    if effective < sum(n for _, n in counts) / _MOST_DESIGN_EFFECT:
        return _melded(strata, counts, weights, between, sampled=sampled, confidence=confidence)
    low, high = effective_clopper_pearson(point * effective, effective, confidence)
    return Interval(point, min(low, point), max(high, point))  # of next to no variance the ends are rounded past it


def _melded(
    strata: Sequence[LabelledStratum],
    counts: Sequence[tuple[float, float]],
    weights: Sequence[float],
    between: float,
    *,
    sampled: float,
    confidence: float,
) -> Interval:
    """From the sum of each stratum's own confidence distributions (Fay, Proschan & Brittain, Biometrics 71, 2015).

    Wider than an effective count's where that works, and narrower where a handful of positives in a large stratum,
    or none, leave it next to nothing to count. between: variance of phase one.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    noise = math.sqrt(between) * rng.standard_normal(_DRAWS)
    lower, upper = noise.copy(), noise
    point = 0.0
    for stratum, (positives, n), weight in zip(strata, counts, weights, strict=True):
        share, left_over = positives / n, math.sqrt(stratum.unknown(sampled))
        point += weight * share
        low = rng.beta(positives, n - positives + 1, _DRAWS) if positives else 0.0
        high = rng.beta(positives + 1, n - positives, _DRAWS) if positives < n else 1.0
        lower = lower + weight * (share + left_over * (low - share))
        upper = upper + weight * (share + left_over * (high - share))
    tail = (1 - confidence) / 2
    return Interval(point, max(0.0, float(np.quantile(lower, tail))), min(1.0, float(np.quantile(upper, 1 - tail))))


def _variance(positives: float, n: float) -> float:
    """Of a large stratum's share; labels that are all alike prove nothing of the rest, so half a label is added."""
    smoothed = (positives + 0.5) / (n + 1)
    return smoothed * (1 - smoothed) / max(n - 1, 1)


def _extreme(strata: Sequence[LabelledStratum], sampled: float, level: float) -> float:
    """The exact upper bound where no label in any stratum is positive: the largest Σ W p with Π (1-p)^n >= level.

    By Lagrange 1-p = λ n / W, at most 1, in strata that are not known whole. With one stratum it is Clopper and
    Pearson's.
    """
    from scipy.optimize import brentq

    total = sum(stratum.weight for stratum in strata)
    open_ = [(s.worth, s.weight / total) for s in strata if s.labelled * sampled < s.size]
    if not open_:
        return 0.0

    def excess(log_scale: float) -> float:
        return sum(n * min(0.0, log_scale + math.log(n / w)) for n, w in open_) - math.log(level)

    highest = max(math.log(w / n) for n, w in open_)
    lowest = math.log(level) / max(n for n, _ in open_) + min(math.log(w / n) for n, w in open_) - _SLACK
    scale = math.exp(brentq(excess, lowest, highest, xtol=1e-14))
    return float(sum(w * (1 - min(1.0, scale * n / w)) for n, w in open_))


def labeller_error(disagreements: int, pairs: int, *, confidence: float = CONFIDENCE) -> float:
    """The most that a labeller may err, from pairs of labels by two people on the same images; 0 without pairs.

    Two people who each err with probability e, independently and either way, disagree with probability 2e(1-e).
    Raises LabelError where e may be a half: such labels say nothing.
    """
    if not pairs:
        return 0.0
    _, most = clopper_pearson(disagreements, pairs, confidence)
    if most >= 0.5:
        raise LabelError(
            f"labellers disagree on {disagreements} of {pairs} images: their labels say too little; "
            "agree on how to tell, and label again"
        )
    return (1 - math.sqrt(1 - 2 * most)) / 2


def with_labeller_error(found: Interval, error: float) -> Interval:
    """The interval with the labellers' error taken in, by Rogan and Gladen's (p-e)/(1-2e).

    Errors blur: the lower end falls by what false "synthetic" may have added, the upper end rises by what false "real"
    may have hidden. Neither end comes closer to the point than it was.
    """

    def corrected(share: float) -> float:
        return min(1.0, max(0.0, (share - error) / (1 - 2 * error)))

    return Interval(found.point, min(found.low, corrected(found.low)), max(found.high, corrected(found.high)))
