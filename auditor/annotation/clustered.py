"""The interval of labels under cluster sampling: adds the variance between shards. Pure.

Each shard's contribution to the estimate is linearised: the sum over strata of the contribution of its labels and the
contribution of its rows to the stratum's size (as for double sampling: Särndal, Swensson & Wretman, Model Assisted
Survey Sampling, 9.7). The variance of these contributions between shards is the variance of the estimate. The effective
sample size follows as in estimate/clusters.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auditor.annotation.strata import LabelledStratum
from auditor.estimate import clusters
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import Interval, effective_interval

Strata = Sequence[LabelledStratum]


def add_between_cluster_variance(
    interval: Interval, by_shard: Sequence[Strata], design: ClusterSample, *, unsure_as_synthetic: bool
) -> Interval:
    """The interval for all shards, given the interval for the rows that were read. by_shard: each shard's part of every
    stratum. Neither end gets closer to the point.
    """
    counts = [[(s.size, s.labelled, s.positives(unsure_as_synthetic)) for s in strata] for strata in by_shard]
    sizes, labelled, positives = np.moveaxis(np.array(counts, float), 2, 0)
    has_labels = labelled.any(axis=0)
    sizes, labelled, positives = sizes[:, has_labels], labelled[:, has_labels], positives[:, has_labels]
    n_eff = min(clusters.effective_shards(sizes.sum(axis=1)), float((labelled.sum(axis=1) > 0).sum()))
    point = interval.point
    if 0 < point < 1:
        deviations = _deviations(sizes, labelled, positives, point)
        n_eff = max(n_eff, clusters.effective_rows(point, deviations, int(labelled.sum())))
    low, high = effective_interval(point, n_eff)
    unread = 1 - design.sampling_fraction
    return Interval(
        point,
        max(0.0, point - _combine_distances(point - interval.low, point - low, unread)),
        min(1.0, point + _combine_distances(interval.high - point, high - point, unread)),
    )


def _deviations(sizes: np.ndarray, labelled: np.ndarray, positives: np.ndarray, point: float) -> np.ndarray:
    """Each shard's linearised contribution to the estimate, (shards,). sizes, labelled, positives: (shards, strata)."""
    shares = positives.sum(axis=0) / labelled.sum(axis=0)
    weights = sizes.sum(axis=0) / sizes.sum() / labelled.sum(axis=0)
    contributions = (positives - shares * labelled) * weights + (shares - point) * sizes / sizes.sum()
    deviations: np.ndarray = contributions.sum(axis=1)
    return deviations


def _combine_distances(of_labels: float, of_shards: float, unread: float) -> float:
    """The distance of an end from the point: labels are a sample of all rows, shards are a sample of the unread ones.
    unread: the share of the dataset's shards that was not read."""
    return math.sqrt(unread * max(of_labels, of_shards) ** 2 + (1 - unread) * of_labels**2)
