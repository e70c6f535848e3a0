"""The synthetic fraction (prevalence): the confirmed share, plus an estimate for the undecided images. Pure.

    flags of undecided images ──▶ error rates of this mix of conditions ──▶ controls ──▶ melded interval ──┐
    evidence counts ──────────────────────────────────────────────────────────────────────────────────────┴▶ fraction

The threshold is chosen from the calibration alone, before the dataset's flags are seen (threshold.py).
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from auditor.estimate import controls
from auditor.estimate.calibration import Calibration
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.design import Validity
from auditor.estimate.intervals import Interval
from auditor.estimate.rogan_gladen import CONFIDENCE, ConfirmedCounts, FlagCounts, Rates, melded_interval
from auditor.estimate.threshold import best_threshold, rates_at
from auditor.images.conditions import NAMES
from auditor.results import Control, Estimate, FprScenario

# Factors of the false-positive rate in the sensitivity analysis.
FACTORS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0)
METHOD = "melded Rogan-Gladen, error rates predicted for new sources"
ASSUMPTIONS = (
    "the error rates on the undecided images are those of new sources like the calibration's: one source of real "
    "images, and one to four generators",
    "the shipped error rates were measured by cross-validation: each score is from a head that was fitted without the "
    "image's group of sources",
    "in tests on held-out sources the 95 % interval covered the true fraction in 95 of 100 informative cases: "
    "docs/estimate.md",
    "declared and matched evidence is taken at face value",
)


@lru_cache(maxsize=16)
def threshold(calibration: Calibration) -> float:
    """The score from which an image is flagged: the best one for estimation, with equal weights of all conditions."""
    conditions = [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
    return best_threshold(calibration, {name: 1 / len(conditions) for name in conditions})


def estimate_prevalence(
    evidence: EvidenceCounts,
    flags: Flags,
    calibration: Calibration,
    *,
    seed: int,
    threshold_score: float | None = None,
) -> Estimate | None:
    """The synthetic fraction of all readable images; None if there are undecided images and none has a score.

    Undecided images without a score widen both ends. threshold_score: by default that of the calibration's threshold.
    """
    scored, design = flags.scored, evidence.design
    if not scored.total:
        is_undecided = flags.unseen.total or design.is_partial or not evidence.readable.total
        return None if is_undecided else _all_decided(evidence, calibration)
    rates, checks = _rates(flags, calibration, seed)

    def whole(factor: float, validity: Validity = design.validity) -> Interval:
        scaled = Rates(np.minimum(rates.fpr * factor, 1.0), rates.tpr)
        return _whole(evidence, flags, scaled, checks, seed, validity)

    fraction = whole(1.0)
    ends = ((factor, whole(factor)) for factor in FACTORS)
    asymptotic = whole(1.0, Validity.ASYMPTOTIC) if design.is_partial else None
    return Estimate(
        point=fraction.point,
        low=fraction.low,
        high=fraction.high,
        confidence=CONFIDENCE,
        method=f"{METHOD}, valid at every moment" if design.anytime_valid else METHOD,
        n=scored.rows,
        calibration=f"{calibration.model}: {calibration.origin}",
        assumptions=ASSUMPTIONS,
        detector=calibration.detector,
        flagged=flags.flagged.rows,
        threshold=calibration.probability(threshold(calibration)) if threshold_score is None else threshold_score,
        conditions={condition: sums.rows for condition, sums in flags.by_condition.items()},
        controls=checks,
        fpr_scenarios=tuple(FprScenario(factor, interval.low, interval.high) for factor, interval in ends),
        asymptotic=(asymptotic.low, asymptotic.high) if asymptotic else None,
    )


def interval(evidence: EvidenceCounts, flags: Flags, calibration: Calibration, *, seed: int) -> Interval:
    """The interval of `estimate_prevalence` alone. Raises ValueError if no undecided image has a score."""
    return _whole(evidence, flags, *_rates(flags, calibration, seed), seed, evidence.design.validity)


def _rates(flags: Flags, calibration: Calibration, seed: int) -> tuple[Rates, tuple[Control, Control]]:
    """Draws of the error rates on this dataset, and the checks of both controls against them."""
    rates = rates_at(calibration, threshold(calibration), _condition_shares(flags, calibration), seed=seed)
    checks = (
        controls.check("known real", *flags.real, rates.fpr),
        controls.check("declared synthetic", *flags.synthetic, rates.tpr),
    )
    return rates, checks


def _all_decided(evidence: EvidenceCounts, calibration: Calibration) -> Estimate:
    """The estimate if declared and matched evidence decides every readable image: the exact share."""
    share = evidence.confirmed.total / evidence.readable.total
    method = "counted: declared or matched evidence decides every image"
    return Estimate(share, share, share, CONFIDENCE, method, 0, calibration.model, detector=calibration.detector)


def _whole(
    evidence: EvidenceCounts,
    flags: Flags,
    rates: Rates,
    checks: tuple[Control, Control],
    seed: int,
    validity: Validity,
) -> Interval:
    """The synthetic fraction of all readable images at these error rates."""
    design, confirmed, sampled = evidence.design, evidence.confirmed_in_sample, evidence.sampled
    scored = flags.scored.total
    counts = FlagCounts(min(flags.flagged.total, scored), scored, flags.n_eff)
    n_eff = design.n_eff(confirmed, sampled)
    decided = ConfirmedCounts(confirmed.total, sampled.total, n_eff) if design.is_partial else None
    estimate = partial(melded_interval, counts, decided=decided, validity=validity, seed=seed)
    low, high = (estimate(side) for side in controls.inflate_for_shift(rates, *checks, seed=seed))
    point = estimate(rates).point
    scored_share = 1.0 if decided else scored / sampled.total
    ends = (min(max(point, low.low), high.high), low.low, high.high)
    of_undetermined = Interval(*(share * scored_share for share in ends))
    unseen = flags.unseen.total / sampled.total
    high_end = min(1.0, of_undetermined.high + unseen)
    return evidence.whole(Interval(of_undetermined.point, of_undetermined.low, high_end))


def _condition_shares(flags: Flags, calibration: Calibration) -> dict[str, float]:
    """The share of each of the calibration's conditions; images in any other condition count as clean."""
    weights = {name: sums.total for name, sums in flags.by_condition.items() if name in calibration.conditions}
    other = flags.scored.total - sum(weights.values())
    if other:
        fallback = "clean" if "clean" in calibration.conditions else next(iter(calibration.conditions))
        weights[fallback] = weights.get(fallback, 0) + other
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
