"""The synthetic fraction (prevalence): the confirmed share, plus an estimate for the undecided images. Pure.

The calibration predicts how scores are distributed on new sources (score_distributions.py). Two methods estimate the
fraction of the undecided images from that: a mixture of the whole distributions (score_mixture.py), which is better if
the classifier is weak, and the number of likely synthetic images, corrected for error rates (rogan_gladen.py), which is
better if it is strong. The interval is the intersection. Controls check the prediction on the dataset itself and may
widen the interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auditor.estimate import controls, partial_pooling, score_distributions, score_mixture
from auditor.estimate.calibration import Calibration
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.intervals import CONFIDENCE, Interval
from auditor.estimate.rogan_gladen import melded_fractions
from auditor.estimate.score_distributions import Bins, BinShares
from auditor.estimate.score_mixture import Posterior
from auditor.results import Control, Estimate, FprScenario

# Factors of the false-positive rate in the sensitivity analysis.
FACTORS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0)
METHOD = "mixture of score distributions and melded Rogan-Gladen, both predicted for new sources"
_AT_FACE_VALUE = "metadata, watermarks and known-image matches are taken at face value"
ASSUMPTIONS = (
    "the shipped scores were measured by cross-validation: each score is from a head that was fitted without the "
    "image's group of sources",
    "in tests on held-out sources the 95 % interval covered the true fraction in 97 of 100 cases: "
    "docs/explanation/estimate.md",
    _AT_FACE_VALUE,
)
_OWN_ASSUMPTIONS = (
    "the error rates are those of your own images (calibration), which are a fair sample of images like the dataset's; "
    "how well the interval covers the true fraction then is not known from tests",
    _AT_FACE_VALUE,
)
# Each of the two methods has this confidence. Their intersection covers in 97 % of tests on held-out sources.
_CONFIDENCE_OF_EACH = 0.96
_CONFIRMED_DRAWS = 20_000
_ENDLESS = 1e9  # effective sample size of an infinite sample


@dataclass(frozen=True, slots=True)
class Stated:
    """Assumptions that a user states. They narrow the interval, and it is wrong where they are false.

    many_generators: the synthetic images are of four to sixteen generators. representative_anchors: the images of known
    origin (the controls) are like the others of their class.
    """

    many_generators: bool = False
    representative_anchors: bool = False

    def assumptions(self, *, has_own_images: bool = False) -> tuple[str, ...]:
        """As sentences of the estimate."""
        generators = (
            "four to sixteen generators (stated by the user)" if self.many_generators else "one to four generators"
        )
        anchors = (
            "images that are synthetic by their metadata, and those known to be real, are representative of the others "
            "(stated by the user)"
        )
        return (
            "the scores of the undecided images are distributed like those of new sources like the calibration's: one "
            f"to eight sources of real images, and {generators}",
            *([anchors] if self.representative_anchors else []),
            *(_OWN_ASSUMPTIONS if has_own_images else ASSUMPTIONS),
        )


@dataclass(frozen=True)
class Scored:
    """The scores of a dataset with their calibration: everything that an estimate needs besides the evidence counts."""

    counts: ScoreCounts
    calibration: Calibration
    bins: Bins
    seed: int
    stated: Stated = Stated()

    @cached_property
    def predicted(self) -> BinShares:
        """The score distributions of this dataset: those that the calibration predicts, and given representative
        anchors, those of them that agree with the anchors."""
        if not self.stated.representative_anchors:
            return self._predicted
        real, synthetic = (np.array(counts or np.zeros(len(self.bins))) for counts in self.counts.anchors)
        return self._predicted.given(real, synthetic, self.seed)

    @cached_property
    def _predicted(self) -> BinShares:
        """The score distributions that the calibration predicts for this dataset's mix of conditions."""
        many = score_distributions.MANY_SYNTHETIC_SOURCES
        synthetic = many if self.stated.many_generators else score_distributions.SYNTHETIC_SOURCES
        return score_distributions.predict(
            self.calibration,
            self.bins,
            self._condition_shares(),
            seed=self.seed,
            sources=(score_distributions.REAL_SOURCES, synthetic),
        )

    @cached_property
    def predicted_for_group(self) -> BinShares:
        """The score distributions that the calibration predicts for a part of this dataset."""
        return score_distributions.predict(
            self.calibration,
            self.bins,
            self._condition_shares(),
            seed=self.seed,
            sources=partial_pooling.GROUP_SOURCES,
            draws=partial_pooling.GROUP_DRAWS,
        )

    def posterior(self, shares: BinShares, n_eff: float) -> Posterior:
        """The posterior if the counts were of n_eff independent rows."""
        counts = np.array(self.counts.bins)
        return score_mixture.posterior(counts * (n_eff / counts.sum()), shares)

    def fractions(self, shares: BinShares, n_eff: float) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Draws of the scored images' fraction for the lower and for the upper end, by both methods."""
        mixture = self.posterior(shares, n_eff)
        return (mixture.fractions, mixture.fractions), melded_fractions(self.flagged, n_eff, shares)

    @property
    def flagged(self) -> float:
        """The share of the scored images that is likely synthetic."""
        bins = self.counts.bins
        return min(1.0, sum(bins[self.bins.likely_synthetic :]) / sum(bins))

    def checks(self, shares: BinShares) -> tuple[Control, Control]:
        """The checks of both controls against these error rates."""
        return (
            controls.check("known real", *self.counts.real, shares.fpr),
            controls.check("synthetic by metadata", *self.counts.synthetic, shares.tpr),
        )

    def _condition_shares(self) -> dict[str, float]:
        """The share of each of the calibration's conditions; images in any other condition count as clean."""
        conditions = self.calibration.conditions
        weights = {name: sums.total for name, sums in self.counts.by_condition.items() if name in conditions}
        other = self.counts.scored.total - sum(weights.values())
        if other > 0:
            fallback = "clean" if "clean" in conditions else next(iter(conditions))
            weights[fallback] = weights.get(fallback, 0) + other
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}


def estimate_prevalence(evidence: EvidenceCounts, scored: Scored, threshold: float | None = None) -> Estimate | None:
    """The synthetic fraction of all readable images; None if there are undecided images and none has a score.

    Undecided images without a score widen both ends. threshold: the probability from which an image is likely
    synthetic, for reports.
    """
    counts, calibration, design = scored.counts, scored.calibration, evidence.design
    if not counts.scored.total:
        is_undecided = counts.unseen.total or design.is_partial or not evidence.readable.total
        return None if is_undecided else _all_decided(evidence, calibration)
    shares = scored.predicted
    checks = scored.checks(shares)
    fraction = _whole(evidence, scored, shares, checks)
    asymptotic = _whole(evidence, scored, shares, checks, is_asymptotic=True) if design.is_partial else None
    scenarios = (
        (factor, _whole(evidence, scored, shares.with_rates(np.minimum(shares.fpr * factor, 1.0), shares.tpr), checks))
        for factor in FACTORS
    )
    return Estimate(
        point=fraction.point,
        low=fraction.low,
        high=fraction.high,
        confidence=CONFIDENCE,
        method=f"{METHOD}, valid at every sample size" if design.anytime_valid else METHOD,
        n=counts.scored.rows,
        calibration=f"{calibration.model}: {calibration.origin}",
        assumptions=scored.stated.assumptions(has_own_images=scored.calibration.has_own_images),
        detector=calibration.detector,
        flagged=counts.flagged.rows,
        threshold=threshold,
        conditions={condition: sums.rows for condition, sums in counts.by_condition.items()},
        controls=checks,
        fpr_scenarios=tuple(FprScenario(factor, interval.low, interval.high) for factor, interval in scenarios),
        asymptotic=(asymptotic.low, asymptotic.high) if asymptotic else None,
    )


def posterior(evidence: EvidenceCounts, scored: Scored) -> Posterior | None:
    """The posterior of the scored images' fraction and score distributions, as a prediction for labels; None if no
    undecided image has a score."""
    if not scored.counts.scored.total:
        return None
    return scored.posterior(scored.predicted, _n_eff(evidence, scored))


def interval(evidence: EvidenceCounts, scored: Scored, shares: BinShares | None = None) -> Interval:
    """The interval of `estimate_prevalence` alone. shares: the predicted score distributions, if they are known
    already. Raises ValueError if no undecided image has a score."""
    if not scored.counts.scored.total:
        raise ValueError("at least one undecided image must have a score, got none")
    shares = shares or scored.predicted
    return _whole(evidence, scored, shares, scored.checks(shares))


def _all_decided(evidence: EvidenceCounts, calibration: Calibration) -> Estimate:
    """The estimate if declared and matched evidence decides every readable image: the exact share."""
    share = evidence.confirmed.total / evidence.readable.total
    method = "counted: every image has metadata, watermark or known-image evidence"
    return Estimate(share, share, share, CONFIDENCE, method, 0, calibration.model, detector=calibration.detector)


def _whole(
    evidence: EvidenceCounts,
    scored: Scored,
    shares: BinShares,
    checks: tuple[Control, Control],
    *,
    is_asymptotic: bool = False,
) -> Interval:
    """The synthetic fraction of all readable images with these score distributions. is_asymptotic: in an infinite
    sample."""
    counts, sampled = scored.counts, evidence.sampled
    n_eff = _ENDLESS if is_asymptotic else _n_eff(evidence, scored)
    mixture, melded = scored.fractions(shares, n_eff)
    ends = [mixture, melded]
    if any(check.is_shift for check in checks):
        lower, upper = (
            scored.fractions(side, n_eff) for side in controls.inflate_for_shift(shares, *checks, seed=scored.seed)
        )
        ends = [(low, high) for (low, _), (_, high) in zip(lower, upper, strict=True)]
    scored_share = counts.scored.total / max(sampled.total - evidence.confirmed_in_sample.total, counts.scored.total)
    confirmed_low, confirmed, confirmed_high = _confirmed(evidence, is_asymptotic=is_asymptotic)

    def quantile(fractions: np.ndarray, confirmed: np.ndarray, level: float) -> float:
        share = np.resize(confirmed, len(fractions))
        return float(np.quantile(share + (1 - share) * scored_share * fractions, level))

    tail = (1 - _CONFIDENCE_OF_EACH) / 2
    lows = [quantile(low, confirmed_low, tail) for low, _ in ends]
    highs = [quantile(high, confirmed_high, 1 - tail) for _, high in ends]
    low, high = max(lows), min(highs)
    if low > high:  # the two methods contradict each other: either may be right
        low, high = min(lows), max(highs)
    point = confirmed + (1 - confirmed) * scored_share * float(np.median(mixture[0]))
    high = min(1.0, high + counts.unseen.total / sampled.total)
    return evidence.whole(Interval(min(max(point, low), high), low, high))


def _n_eff(evidence: EvidenceCounts, scored: Scored) -> float:
    """The effective number of scored images that the interval is computed from."""
    return evidence.design.interval_n_eff(scored.flagged, scored.counts.n_eff)


def _confirmed(evidence: EvidenceCounts, *, is_asymptotic: bool) -> tuple[np.ndarray, float, np.ndarray]:
    """The confirmed share of the undetermined rows: draws from its lower confidence distribution, the share itself, and
    draws from its upper one (Clopper and Pearson's), float64 (draws,)."""
    design, positive, sampled = evidence.design, evidence.confirmed_in_sample, evidence.sampled
    share = positive.total / sampled.total
    if not design.is_partial or is_asymptotic:
        return np.array([share]), share, np.array([share])
    n = design.interval_n_eff(share, design.n_eff(positive, sampled))
    count, rng = share * n, np.random.default_rng(0)
    low = rng.beta(count, n - count + 1, _CONFIRMED_DRAWS) if count > 0 else np.zeros(1)
    high = rng.beta(count + 1, n - count, _CONFIRMED_DRAWS) if count < n else np.ones(1)
    return low, share, high
