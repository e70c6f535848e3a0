"""The synthetic fraction from labels of the dataset's own images: two-phase (double) sampling. Pure.

Phase one is the audit: it puts every audited row into a stratum, by the classifier's verdict. Phase two is a random
sample of each stratum, which people label. The method uses no calibration: stratification only lowers the variance
(Cochran, Sampling Techniques, 3rd ed., 12.2; Korn & Graubard, Survey Methodology 24, 1998, for the interval of a share
under such a design).

People make errors and are not always sure. An unsure label counts as real for the lower end and as synthetic for the
upper end, and disagreements on double-annotated images bound the annotators' error rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auditor.annotation.clustered import add_between_cluster_variance
from auditor.annotation.strata import LabelledStratum
from auditor.errors import LabelError
from auditor.estimate.design import FULL_SCAN, ClusterSample, SamplingDesign
from auditor.estimate.intervals import Interval, clopper_pearson
from auditor.estimate.rogan_gladen import CONFIDENCE

_MAX_UNLABELLED = 0.05  # share of the weight in strata without labels
_MAX_DESIGN_EFFECT = 2.0  # above it, the interval is not computed from effective counts
_DRAWS = 20_000
_SLACK = 1e-6  # margin of the root search against rounding


def two_phase(
    strata: Sequence[LabelledStratum],
    *,
    design: SamplingDesign = FULL_SCAN,
    by_shard: Sequence[Sequence[LabelledStratum]] = (),
    confidence: float = CONFIDENCE,
) -> Interval:
    """The synthetic share of the population from which the audited rows were sampled. design: of phase one.

    by_shard: for a ClusterSample, each shard's part of every stratum. Raises LabelError without labels, and if strata
    with more than 5 % of the weight have none. The share of smaller strata without labels is 0 for the lower end and 1
    for the upper end.
    """
    weight = sum(stratum.total_weight for stratum in strata)
    labelled = [stratum for stratum in strata if stratum.labelled]
    if not labelled:
        raise LabelError("no row of the audit has a label: label some rows (auditor label)")
    unlabelled = (weight - sum(stratum.total_weight for stratum in labelled)) / weight
    if unlabelled > _MAX_UNLABELLED:
        raise LabelError(
            f"strata with {100 * unlabelled:.0f} % of the rows have no label (at most 5 % are allowed): label rows of "
            "each stratum"
        )
    sampled = design.row_sampling_fraction(sum(stratum.size for stratum in strata))
    low, high = (_interval(labelled, sampled, as_synthetic, confidence) for as_synthetic in (False, True))
    if isinstance(design, ClusterSample):
        parts = [[part for part, s in zip(shard, strata, strict=True) if s.labelled] for shard in by_shard]
        low = add_between_cluster_variance(low, parts, design, unsure_as_synthetic=False)
        high = add_between_cluster_variance(high, parts, design, unsure_as_synthetic=True)
    covered = 1 - unlabelled
    point = (low.point + high.point) / 2 * covered
    return Interval(point, low.low * covered, min(1.0, high.high * covered + unlabelled))


def _interval(
    strata: Sequence[LabelledStratum], sampled: float, unsure_as_synthetic: bool, confidence: float
) -> Interval:
    size, weight = sum(s.size for s in strata), sum(s.total_weight for s in strata)
    weights = [stratum.total_weight / weight for stratum in strata]
    counts = [(s.positives(unsure_as_synthetic) / s.design_effect, s.n_eff) for s in strata]
    shares = [positives / n for positives, n in counts]
    point = sum(weight * share for weight, share in zip(weights, shares, strict=True))
    if not 0 < point < 1:
        bound = zero_positive_upper_bound(strata, sampled, (1 - confidence) / 2)
        return Interval(0.0, 0.0, bound) if point <= 0 else Interval(1.0, 1 - bound, 1.0)
    between = sum(weight * (share - point) ** 2 for weight, share in zip(weights, shares, strict=True)) / size

    def n_eff(sampled: float) -> float:
        within = sum(
            weight**2 * stratum.unknown(sampled) * _variance(positives, n)
            for weight, stratum, (positives, n) in zip(weights, strata, counts, strict=True)
        )
        variance = between * (1 - sampled) + within
        return point * (1 - point) / variance if variance > 0 else math.inf

    if math.isinf(n_eff(sampled)):
        return Interval(point, point, point)  # everything is labelled
    # The method depends on the design alone: with the finite-population correction, a larger population could change
    # it and narrow the interval.
    if n_eff(0.0) < sum(n for _, n in counts) / _MAX_DESIGN_EFFECT:
        return _melded(strata, counts, weights, between * (1 - sampled), sampled=sampled, confidence=confidence)
    low, high = clopper_pearson(point * n_eff(sampled), n_eff(sampled), confidence)
    return Interval(point, min(low, point), max(high, point))  # rounding may put an end on the wrong side


def _melded(
    strata: Sequence[LabelledStratum],
    counts: Sequence[tuple[float, float]],
    weights: Sequence[float],
    between: float,
    *,
    sampled: float,
    confidence: float,
) -> Interval:
    """The interval from the sum of each stratum's confidence distributions (Fay, Proschan & Brittain, Biometrics 71,
    2015).

    It is wider than the interval of effective counts if those work well, and narrower if a large stratum has no or few
    positives, so that the effective count is tiny. between: the variance of phase one.
    """
    rng = np.random.default_rng(0)
    noise = math.sqrt(between) * rng.standard_normal(_DRAWS)
    lower, upper = noise.copy(), noise
    point = 0.0
    for stratum, (positives, n), weight in zip(strata, counts, weights, strict=True):
        share, fpc = positives / n, math.sqrt(stratum.unknown(sampled))
        point += weight * share
        low = rng.beta(positives, n - positives + 1, _DRAWS) if positives else 0.0
        high = rng.beta(positives + 1, n - positives, _DRAWS) if positives < n else 1.0
        lower = lower + weight * (share + fpc * (low - share))
        upper = upper + weight * (share + fpc * (high - share))
    tail = (1 - confidence) / 2
    return Interval(point, max(0.0, float(np.quantile(lower, tail))), min(1.0, float(np.quantile(upper, 1 - tail))))


def _variance(positives: float, n: float) -> float:
    """The variance of a stratum's share. Half a positive and half a negative are added, so that it is above 0 if all
    labels are the same."""
    smoothed = (positives + 0.5) / (n + 1)
    return smoothed * (1 - smoothed) / max(n - 1, 1)


def zero_positive_upper_bound(strata: Sequence[LabelledStratum], sampled: float, level: float) -> float:
    """The exact upper bound if no label in any stratum is positive: the largest Σ W p with Π (1-p)^n >= level.

    By Lagrange, 1-p = min(1, λ n / W) in strata that are not fully labelled. With one stratum it is the Clopper-Pearson
    bound.
    """
    from scipy.optimize import brentq

    weight = sum(stratum.total_weight for stratum in strata)
    open_ = [(s.n_eff, s.total_weight / weight) for s in strata if not s.is_whole(sampled)]
    if not open_:
        return 0.0

    def excess(log_scale: float) -> float:
        return sum(n * min(0.0, log_scale + math.log(n / w)) for n, w in open_) - math.log(level)

    highest = max(math.log(w / n) for n, w in open_)
    lowest = math.log(level) / max(n for n, _ in open_) + min(math.log(w / n) for n, w in open_) - _SLACK
    scale = math.exp(brentq(excess, lowest, highest, xtol=1e-14))
    return float(sum(w * (1 - min(1.0, scale * n / w)) for n, w in open_))


def labeller_error(disagreements: int, pairs: int, *, confidence: float = CONFIDENCE) -> float:
    """The upper bound of an annotator's error rate, from pairs of labels by two people on the same images; 0 without
    pairs.

    Two people who each err with probability e, independently and in both directions, disagree with probability 2e(1-e).
    Raises LabelError if e may be 0.5, because such labels carry no information.
    """
    if not pairs:
        return 0.0
    _, max_rate = clopper_pearson(disagreements, pairs, confidence)
    if max_rate >= 0.5:
        raise LabelError(
            f"labellers disagree on {disagreements} of {pairs} images, which is too many for an estimate: agree on "
            "criteria, and label again"
        )
    return (1 - math.sqrt(1 - 2 * max_rate)) / 2


def with_labeller_error(interval: Interval, error: float) -> Interval:
    """The interval widened for the annotators' error rate, by Rogan-Gladen: (p-e)/(1-2e).

    False "synthetic" labels may have raised the lower end, and false "real" labels may have lowered the upper end.
    Neither end gets closer to the point.
    """

    def correct(share: float) -> float:
        return min(1.0, max(0.0, (share - error) / (1 - 2 * error)))

    low, high = min(interval.low, correct(interval.low)), max(interval.high, correct(interval.high))
    return Interval(interval.point, low, high)
