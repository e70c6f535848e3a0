"""The synthetic fraction of an audit: what evidence decides, plus what a model's flags say of the rest. Pure.

    known evidence ──┐
    flags of the rest ──▶ error rates of this mix of conditions ──▶ controls ──▶ melded estimate ──▶ whole dataset

The operating point is chosen from the calibration alone, before the dataset's flags are seen (operating.py).
"""

from __future__ import annotations

from functools import lru_cache, partial

from auditor.estimate import controls
from auditor.estimate.calibration import Calibration
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.design import Validity
from auditor.estimate.intervals import Interval
from auditor.estimate.rogan_gladen import CONFIDENCE, ConfirmedCounts, FlagCounts, Rates, melded
from auditor.estimate.threshold import operating_point, rates_at
from auditor.images.conditions import NAMES
from auditor.results import Control, Estimate, FprScenario

FACTORS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0)
METHOD = "melded Rogan-Gladen, error rates predicted for new sources"
ASSUMPTIONS = (
    "the error rates of the undecided images are those of new sources like the calibration's: of one source of real "
    "images, and of one to four generators",
    "the shipped scores are of heads fitted without the group of sources that an image belongs to",
    "mixtures of held-out sources were in the interval in 95 of 100 cases where it was a number: docs/estimate.md",
    "images that declared or matched evidence decides are what it says, and count as they are",
)


@lru_cache(maxsize=16)
def threshold(calibration: Calibration) -> float:
    """The logit from which an image is flagged: best for counting over all conditions alike."""
    known = [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
    return operating_point(calibration, {name: 1 / len(known) for name in known})


def estimated(
    evidence: EvidenceCounts,
    flags: Flags,
    calibration: Calibration,
    *,
    seed: int,
    threshold_score: float | None = None,
) -> Estimate | None:
    """The fraction of all readable images; None where there is a rest and the model could look at none of it.

    Images of the rest that the model could not look at may all be real, or all synthetic: they widen both ends.
    cutoff_score: the score from which images were flagged, where it is not on the calibration's own line.
    """
    import numpy as np

    looked, design = flags.looked, evidence.design
    if not looked.total:
        nothing = flags.unseen.total or design.is_partial or not evidence.readable.total
        return None if nothing else _all_decided(evidence, calibration)
    rates, checks = _rates(flags, calibration, seed)

    def whole(factor: float, validity: Validity = design.validity) -> Interval:
        scaled = Rates(np.minimum(rates.fpr * factor, 1.0), rates.tpr)
        return _whole(evidence, flags, scaled, checks, seed, validity)

    found = whole(1.0)
    ends = ((factor, whole(factor)) for factor in FACTORS)
    asymptotic = whole(1.0, Validity.ASYMPTOTIC) if design.is_partial else None
    return Estimate(
        point=found.point,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=f"{METHOD}, valid at every moment" if design.anytime_valid else METHOD,
        n=looked.rows,
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
    """The estimate's interval alone. Raises ValueError where the model looked at nothing."""
    return _whole(evidence, flags, *_rates(flags, calibration, seed), seed, evidence.design.validity)


def _rates(flags: Flags, calibration: Calibration, seed: int) -> tuple[Rates, tuple[Control, Control]]:
    """Error rates that the dataset may have, and what its controls say of them."""
    rates = rates_at(calibration, threshold(calibration), _condition_shares(flags, calibration), seed=seed)
    checks = (
        controls.check("real beyond doubt", *flags.real, rates.fpr),
        controls.check("declared synthetic", *flags.synthetic, rates.tpr),
    )
    return rates, checks


def _all_decided(evidence: EvidenceCounts, calibration: Calibration) -> Estimate:
    """Declared and matched evidence decides every readable image: the share is a fact."""
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
    """The fraction of all readable images at these error rates."""
    design, confirmed, sampled = evidence.design, evidence.confirmed_in_sample, evidence.sampled
    looked = flags.looked.total
    counts = FlagCounts(min(flags.flagged.total, looked), looked, flags.n_eff)
    n_eff = design.n_eff(confirmed, sampled)
    decided = ConfirmedCounts(confirmed.total, sampled.total, n_eff) if design.is_partial else None
    estimate = partial(melded, counts, decided=decided, validity=validity, seed=seed)
    low, high = (estimate(side) for side in controls.inflate_for_shift(rates, *checks, seed=seed))
    point = estimate(rates).point
    part = 1.0 if decided else looked / sampled.total
    ends = (min(max(point, low.low), high.high), low.low, high.high)
    of_undetermined = Interval(*(share * part for share in ends))
    unseen = flags.unseen.total / sampled.total
    high_end = min(1.0, of_undetermined.high + unseen)
    return evidence.whole(Interval(of_undetermined.point, of_undetermined.low, high_end))


def _condition_shares(flags: Flags, calibration: Calibration) -> dict[str, float]:
    """The share of each condition that the calibration knows; images in another count as the nearest, clean."""
    known = {name: sums.total for name, sums in flags.by_condition.items() if name in calibration.conditions}
    strange = flags.looked.total - sum(known.values())
    if strange:
        fallback = "clean" if "clean" in calibration.conditions else next(iter(calibration.conditions))
        known[fallback] = known.get(fallback, 0) + strange
    total = sum(known.values())
    return {name: n / total for name, n in known.items()}
