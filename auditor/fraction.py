"""The synthetic fraction of an audit: what is known, plus what a model's flags say of the rest. Pure.

    known evidence ──┐
    flags of the rest ──▶ error rates of this mix of conditions ──▶ controls ──▶ melded estimate ──▶ whole dataset

The operating point is chosen from the calibration alone, before the dataset's flags are seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor import controls
from auditor.calibration import Calibration, operating_point
from auditor.conditions import NAMES
from auditor.estimate import CONFIDENCE, Sample, melded, predicted_rates, with_known
from auditor.flags import Flags
from auditor.intervals import Interval
from auditor.types import Estimate, Floor

_MOST_SOURCES = 20  # beyond that the error rates' mean hardly varies; more would claim too much
METHOD = "melded Rogan-Gladen, error rates predicted for new sources"
ASSUMPTIONS = (
    "the error rates of the undecided images are those of a new mix of sources like the calibration's",
    "images that declared or matched evidence decides are synthetic, and count as they are",
    "images that are declared edited are not synthetic",
)


def cutoff(calibration: Calibration) -> float:
    """The logit from which an image is flagged: best for counting over all conditions alike."""
    known = [name for name in NAMES if name in calibration.conditions] or list(calibration.conditions)
    return operating_point(calibration, {name: 1 / len(known) for name in known})


def estimated(floor: Floor, flags: Flags, calibration: Calibration, *, seed: int) -> Estimate | None:
    """The fraction of all readable images; None where the model could look at none of the rest.

    Images of the rest that the model could not look at may all be real, or all synthetic: they widen both ends.
    """
    if not flags.n:
        return None
    threshold = cutoff(calibration)
    false, true = calibration.counts(threshold, _weights(flags.rest, calibration))
    sources = max(1, min(_MOST_SOURCES, int(flags.sources)))
    rates = predicted_rates(false, true, sources=sources, seed=seed)
    real = controls.check("real beyond doubt", *flags.real, rates.false)
    synthetic = controls.check("declared synthetic", *flags.synthetic, rates.true)
    for_low, for_high = controls.widened(rates, real, synthetic, seed=seed)
    sample = Sample(flags.flagged, flags.n, flags.n)
    low, high = (melded(sample, side, seed=seed) for side in (for_low, for_high))
    point = melded(sample, rates, seed=seed).point
    rest = Interval(min(max(point, low.low), high.high), low.low, high.high)
    whole = with_known(rest, floor.count, flags.n, floor.n)
    return Estimate(
        point=whole.point,
        low=whole.low,
        high=min(1.0, whole.high + flags.unseen / floor.n),
        confidence=CONFIDENCE,
        method=METHOD,
        n=flags.n,
        calibration=f"{calibration.model}: {calibration.origin}",
        assumptions=ASSUMPTIONS,
        flagged=flags.flagged,
        cutoff=calibration.probability(threshold),
        conditions=dict(flags.rest),
        sources=float(sources),
        controls=(real, synthetic),
    )


def _weights(rest: Mapping[str, int], calibration: Calibration) -> dict[str, float]:
    """The share of each condition that the calibration knows; images in another count as the nearest, clean."""
    known = {name: n for name, n in rest.items() if name in calibration.conditions}
    strange = sum(rest.values()) - sum(known.values())
    if strange:
        fallback = "clean" if "clean" in calibration.conditions else next(iter(calibration.conditions))
        known[fallback] = known.get(fallback, 0) + strange
    total = sum(known.values())
    return {name: n / total for name, n in known.items()}
