"""Labels of rows of whole shards: how much more their estimate varies because shards were drawn and not rows. Pure.

By how much each shard moves the estimate is the sum over strata of what its labels add and what its rows add to the
stratum's size (linearised, as for double sampling: Särndal, Swensson & Wretman, Model Assisted Survey Sampling, 9.7);
their variance between shards is the estimate's. The effective sample size that follows: estimate/shards.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.estimate import clusters
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import Interval, effective_interval

if TYPE_CHECKING:
    import numpy as np

    from auditor.annotation.two_phase import LabelledStratum

Strata = Sequence["LabelledStratum"]


def add_between_cluster_variance(
    found: Interval, by_shard: Sequence[Strata], design: ClusterSample, *, unsure_as_synthetic: bool
) -> Interval:
    """The interval of the rows that were read, made that of all shards. by_shard: each shard's part of every stratum.

    Neither end comes closer to the point.
    """
    import numpy as np

    counts = [[(s.size, s.labelled, s.positives(unsure_as_synthetic)) for s in strata] for strata in by_shard]
    sizes, labelled, positives = np.moveaxis(np.array(counts, float), 2, 0)
    least = min(clusters.effective_shards(sizes.sum(axis=1)), float((labelled.sum(axis=1) > 0).sum()))
    n_eff = least
    if 0 < found.point < 1:
        moves = _moves(sizes, labelled, positives, found.point)
        n_eff = max(least, clusters.effective_rows(found.point, moves, int(labelled.sum())))
    low, high = effective_interval(found.point, n_eff)
    unread = 1 - design.sampling_fraction
    return Interval(
        found.point,
        max(0.0, found.point - _combined(found.point - found.low, found.point - low, unread)),
        min(1.0, found.point + _combined(found.high - found.point, high - found.point, unread)),
    )


def _moves(sizes: np.ndarray, labelled: np.ndarray, positives: np.ndarray, point: float) -> np.ndarray:
    """By how much each shard moves the estimate, (shards,); all arguments but the last (shards, strata)."""
    shares = positives.sum(axis=0) / labelled.sum(axis=0)
    weights = sizes.sum(axis=0) / sizes.sum() / labelled.sum(axis=0)
    moves: np.ndarray = ((positives - shares * labelled) * weights + (shares - point) * sizes / sizes.sum()).sum(axis=1)
    return moves


def _combined(of_labels: float, of_shards: float, unread: float) -> float:
    """The distance of an end: what the labels leave open of all rows, what drawing shards does of those not read.
    unread: the part of the dataset's shards that was not read."""
    return math.sqrt(unread * max(of_labels, of_shards) ** 2 + (1 - unread) * of_labels**2)
