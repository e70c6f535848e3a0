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

from auditor.annotation.clustered import add_between_cluster_variance
from auditor.errors import LabelError
from auditor.estimate.design import FULL_SCAN, ClusterSample, SamplingDesign
from auditor.estimate.intervals import Interval, clopper_pearson
from auditor.estimate.rogan_gladen import CONFIDENCE

_MAX_UNLABELLED = 0.05  # of the weight, in strata that nobody labelled
_MAX_DESIGN_EFFECT = 2.0  # with which an effective count is trusted
_DRAWS = 20_000
_ROUNDING = 1e-12  # of rows that are divided by weight
_SLACK = 1e-6  # of a logarithm, so that the root lies between the ends in spite of rounding


@dataclass(frozen=True, slots=True)
class LabelledStratum:
    """size: audited rows in it. synthetic, real, unsure: rows drawn from it at random, by label.

    is_decided: evidence says what its rows are, of the unsampled ones too. mean_weight: of its rows; synthetic, real
    and unsure divide the drawn rows as their weights do. design_effect: drawn rows over n_eff, where weights differ.
    """

    size: float
    synthetic: float
    real: float
    unsure: float = 0
    is_decided: bool = False
    mean_weight: float = 1.0
    design_effect: float = 1.0

    @property
    def labelled(self) -> float:
        """All that were looked at."""
        return self.synthetic + self.real + self.unsure

    @property
    def total_weight(self) -> float:
        """Of its rows, for which it counts among others."""
        return self.size * self.mean_weight

    @property
    def n_eff(self) -> float:
        """The effective sample size of the drawn rows."""
        return self.labelled / self.design_effect

    def positives(self, unsure_as_synthetic: bool) -> float:
        """Drawn rows that are synthetic, and with unsure_as_synthetic those that may be."""
        return self.synthetic + unsure_as_synthetic * self.unsure

    def is_whole(self, sampled: float) -> bool:
        """Whether all its rows are labelled, where the audited ones are a share `sampled` of the population's."""
        return self.labelled * sampled >= self.size * (1 - _ROUNDING)

    def unknown(self, sampled: float) -> float:
        """The share of its rows that are not known, where the audited ones are a share `sampled` of the population's:
        the squared finite-population correction."""
        return 0.0 if self.is_decided or self.is_whole(sampled) else 1 - self.labelled * sampled / self.size


def two_phase(
    strata: Sequence[LabelledStratum],
    *,
    design: SamplingDesign = FULL_SCAN,
    by_shard: Sequence[Sequence[LabelledStratum]] = (),
    confidence: float = CONFIDENCE,
) -> Interval:
    """The synthetic share of the rows that the audited ones were chosen from. design: how they were, phase one.

    by_shard: of a ClusterSample, each shard's part of every stratum. Raises LabelError without labels, or where strata
    with more than a twentieth of the weight have none: nothing would speak for them. Smaller ones may be anything: 0 at
    the lower end, 1 at the upper.
    """
    weight = sum(stratum.total_weight for stratum in strata)
    labelled = [stratum for stratum in strata if stratum.labelled]
    if not labelled:
        raise LabelError("no row of the audit is labelled: draw some and label them (auditor label)")
    unlabelled = (weight - sum(stratum.total_weight for stratum in labelled)) / weight
    if unlabelled > _MAX_UNLABELLED:
        raise LabelError(f"{100 * unlabelled:.0f} % of the rows are in strata without a label: label some of each")
    sampled = design.row_sampling_fraction(sum(stratum.size for stratum in strata))
    low, high = (_interval(labelled, sampled, as_synthetic, confidence) for as_synthetic in (False, True))
    if isinstance(design, ClusterSample):
        parts = [[part for part, s in zip(shard, strata, strict=True) if s.labelled] for shard in by_shard]
        low = add_between_cluster_variance(low, parts, design, unsure_as_synthetic=False)
        high = add_between_cluster_variance(high, parts, design, unsure_as_synthetic=True)
    known = 1 - unlabelled
    return Interval((low.point + high.point) / 2 * known, low.low * known, min(1.0, high.high * known + unlabelled))


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
    between = sum(weight * (share - point) ** 2 for weight, share in zip(weights, shares, strict=True))
    between *= (1 - sampled) / size
    variance = between + sum(
        weight**2 * stratum.unknown(sampled) * _variance(positives, n)
        for weight, stratum, (positives, n) in zip(weights, strata, counts, strict=True)
    )
    if variance <= 0:
        return Interval(point, point, point)  # everything is labelled
    n_eff = point * (1 - point) / variance
    if n_eff < sum(n for _, n in counts) / _MAX_DESIGN_EFFECT:
        return _melded(strata, counts, weights, between, sampled=sampled, confidence=confidence)
    low, high = clopper_pearson(point * n_eff, n_eff, confidence)
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


def zero_positive_upper_bound(strata: Sequence[LabelledStratum], sampled: float, level: float) -> float:
    """The exact upper bound where no label in any stratum is positive: the largest Σ W p with Π (1-p)^n >= level.

    By Lagrange 1-p = λ n / W, at most 1, in strata that are not known whole. With one stratum it is Clopper and
    Pearson's.
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
