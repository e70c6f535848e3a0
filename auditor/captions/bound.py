"""The lower bound of the share of model-generated captions, from their artefacts. Pure.

Few captions by people have an artefact: 16 of 206,057 in lists of 40 sources, 0.53 % in the worst source. MARGIN is
subtracted from the lower end of the interval for them. Without it, the bound would be above 0 in 74 % of datasets of
2,000 captions by people; with it, in none that was simulated (benchmarks/captions.py).

A bound of 0 means that nothing can be told: many captioning models leave no artefact.
"""

from __future__ import annotations

from auditor.estimate.intervals import CONFIDENCE, clopper_pearson

MARGIN = 0.005  # the share of captions by people that may have an artefact


def lower_bound(hits: float, n: float, *, captions_per_image: float = 1.0, comparisons: int = 1) -> tuple[float, float]:
    """The lower end of the 95 % Clopper-Pearson interval of hits among n images, and the lower bound.

    hits, n: may be effective counts. captions_per_image: each caption of an image may have an artefact, so the margin
    is that of one caption times their number. comparisons: the number of groups that are compared, by which the error
    probability is divided (Bonferroni). Raises ValueError as clopper_pearson does.
    """
    low, _ = clopper_pearson(hits, n, 1 - (1 - CONFIDENCE) / comparisons)
    return low, max(0.0, low - margin(captions_per_image))


def margin(captions_per_image: float) -> float:
    """The margin for images with several captions."""
    return min(1.0, MARGIN * max(1.0, captions_per_image))
