"""The synthetic fraction of an audit: what is known, plus what a model's flags say of the rest. Pure.

    known evidence ──┐
    flags of the rest ──▶ error rates of this mix of conditions ──▶ controls ──▶ melded estimate ──▶ whole dataset

The operating point is chosen from the calibration alone, before the dataset's flags are seen (operating.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

from auditor.estimate import controls
from auditor.estimate.calibration import Calibration
from auditor.estimate.flags import Flags
from auditor.estimate.intervals import Interval
from auditor.estimate.known import Known
from auditor.estimate.melded import CONFIDENCE, Decided, Looking, Rates, Sample, melded
from auditor.estimate.operating import operating_point, rates_at
from auditor.images.conditions import NAMES
from auditor.results import Control, Estimate, Sensitivity

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
def cutoff(calibration: Calibration) -> float:
    """The logit from which an image is flagged: best for counting over all conditions alike."""
    known = [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
    return operating_point(calibration, {name: 1 / len(known) for name in known})


def estimated(
    known: Known,
    flags: Flags,
    calibration: Calibration,
    *,
    seed: int,
    cutoff_score: float | None = None,
    looking: Looking = Looking.ONCE,
) -> Estimate | None:
    """The fraction of all readable images; None where there is a rest and the model could look at none of it.

    cutoff_score: the score from which images were flagged, where it is not on the calibration's own line.

    Images of the rest that the model could not look at may all be real, or all synthetic: they widen both ends.
    """
    import numpy as np

    if not flags.n:
        return None if flags.unseen or known.is_sample or not known.ok else _all_known(known, calibration)
    rates, checks = _rates(flags, calibration, seed)

    def whole(factor: float) -> Interval:
        moved = Rates(np.minimum(rates.false * factor, 1.0), rates.true)
        return _whole(known, flags, moved, checks, seed, looking)

    found, shown = whole(1.0), flags.shown
    ends = ((factor, whole(factor)) for factor in FACTORS)
    best = _whole(known, flags, rates, checks, seed, Looking.ENDLESSLY) if known.is_sample else None
    return Estimate(
        point=found.point,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=METHOD if looking is Looking.ONCE else f"{METHOD}, valid at every moment",
        n=int(shown.n),
        calibration=f"{calibration.model}: {calibration.origin}",
        assumptions=ASSUMPTIONS,
        detector=calibration.detector,
        flagged=int(shown.flagged),
        cutoff=calibration.probability(cutoff(calibration)) if cutoff_score is None else cutoff_score,
        conditions={condition: int(n) for condition, n in shown.rest.items()},
        controls=checks,
        sensitivity=tuple(Sensitivity(factor, interval.low, interval.high) for factor, interval in ends),
        at_best=(best.low, best.high) if best else None,
    )


def interval(known: Known, flags: Flags, calibration: Calibration, *, seed: int) -> Interval:
    """The estimate's interval alone. Raises ValueError where the model looked at nothing."""
    return _whole(known, flags, *_rates(flags, calibration, seed), seed)


def _rates(flags: Flags, calibration: Calibration, seed: int) -> tuple[Rates, tuple[Control, Control]]:
    """Error rates that the dataset may have, and what its controls say of them."""
    rates = rates_at(calibration, cutoff(calibration), _weights(flags.rest, calibration), seed=seed)
    checks = (
        controls.check("real beyond doubt", *flags.real, rates.false),
        controls.check("declared synthetic", *flags.synthetic, rates.true),
    )
    return rates, checks


def _all_known(known: Known, calibration: Calibration) -> Estimate:
    """Declared and matched evidence decides every readable image: the share is a fact."""
    share = known.synthetic / known.ok
    method = "counted: declared or matched evidence decides every image"
    return Estimate(share, share, share, CONFIDENCE, method, 0, calibration.model, detector=calibration.detector)


def _whole(
    known: Known,
    flags: Flags,
    rates: Rates,
    checks: tuple[Control, Control],
    seed: int,
    looking: Looking = Looking.ONCE,
) -> Interval:
    """The fraction of all readable images at these error rates."""
    sample = Sample(flags.flagged, flags.n, flags.effective)
    decided = Decided(known.found, known.drawn, known.effective) if known.is_sample else None
    estimate = partial(melded, sample, decided=decided, looking=looking, seed=seed)
    low, high = (estimate(side) for side in controls.widened(rates, *checks, seed=seed))
    point = estimate(rates).point
    looked = 1.0 if decided else flags.n / known.drawn
    ends = (min(max(point, low.low), high.high), low.low, high.high)
    of_rest = Interval(*(share * looked for share in ends))
    unseen = flags.unseen / known.drawn
    return known.whole(Interval(of_rest.point, of_rest.low, min(1.0, of_rest.high + unseen)))


def _weights(rest: Mapping[str, float], calibration: Calibration) -> dict[str, float]:
    """The share of each condition that the calibration knows; images in another count as the nearest, clean."""
    known = {name: n for name, n in rest.items() if name in calibration.conditions}
    strange = sum(rest.values()) - sum(known.values())
    if strange:
        fallback = "clean" if "clean" in calibration.conditions else next(iter(calibration.conditions))
        known[fallback] = known.get(fallback, 0) + strange
    total = sum(known.values())
    return {name: n / total for name, n in known.items()}
