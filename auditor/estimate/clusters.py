"""The effective sample size of a cluster sample: whole shards drawn at random. Pure.

Rows of one shard resemble each other, so n of them carry less information than n rows drawn one by one. The effective
sample size is n / design effect: the linearised variance of the ratio between shards, over the variance of as many
independent rows. A variance estimated from few shards is itself uncertain, so Korn & Graubard (Survey Methodology 24,
1998) multiply n_eff by (t_(n-1)/t_df)². Their df, the number of shards minus one, is too large if the positives lie in
a few shards. In simulation (benchmarks/sampling.py), the right df is the effective number of shards that contribute to
the variance, (Σe²)²/Σe⁴, minus one.

A shard counts as at least one row, because its rows cannot be more similar than identical. Without a positive, the
similarity within shards cannot be estimated, and each shard counts as one row.
"""

from __future__ import annotations

import numpy as np

from auditor.estimate.distributions import t_quantile
from auditor.results import EffectiveSampleSize

_TAIL = 0.975
_MIN_DF = 0.01


def effective_sample_size(positives: np.ndarray, rows: np.ndarray) -> EffectiveSampleSize:
    """For the positive share of shards that were drawn at random. positives, rows: (shards,).

    Raises ValueError for fewer than two shards, and if a shard has more positives than rows.
    """
    positives, rows = np.asarray(positives, float), np.asarray(rows, float)
    if len(rows) < 2:
        raise ValueError(f"there must be at least two shards, got {len(rows)}")
    if (positives > rows).any() or (positives < 0).any():
        raise ValueError("positives must be between 0 and the rows of their shard")
    n = int(rows.sum())
    if not n:
        return EffectiveSampleSize(0, 0.0, 1.0)
    share = positives.sum() / n
    min_n_eff = effective_shards(rows)
    deviations = (positives - share * rows) / n
    n_eff = max(min_n_eff, effective_rows(share, deviations, n)) if 0 < share < 1 else min_n_eff
    return EffectiveSampleSize(n, n_eff, n / n_eff)


def effective_shards(rows: np.ndarray) -> float:
    """The effective number of shards with these numbers of rows: the number of equal shards with the same variance
    (Kish, Survey Sampling, 1965)."""
    return float(rows.sum() ** 2 / (rows**2).sum())


def effective_rows(share: float, deviations: np.ndarray, n: int) -> float:
    """n_eff of n rows for a share between 0 and 1, at most n. deviations: each shard's linearised contribution to the
    share, (shards,), summing to 0."""
    if n < 2:
        return float(n)
    squares, df = deviations**2, len(deviations) - 1.0
    variance = len(deviations) / df * float(squares.sum())
    if not variance:
        return n * _df_correction(n, df)
    contributing = float(squares.sum() ** 2 / (squares**2).sum())
    df = min(df, max(contributing - 1, _MIN_DF))
    return min(n, min(n, share * (1 - share) / variance) * _df_correction(n, df))


def _df_correction(n: int, df: float) -> float:
    """(t_(n-1)/t_df)², at most 1."""
    return min(1.0, (t_quantile(_TAIL, n - 1) / t_quantile(_TAIL, df)) ** 2)
