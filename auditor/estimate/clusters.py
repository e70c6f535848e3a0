"""The effective sample size of rows of whole shards, where shards were drawn at random instead of rows. Pure.

Rows of one shard resemble each other, so that n of them tell less than n rows drawn one by one: as much as n divided by
the design effect, which is the variance of a ratio between shards (linearised) over that of as many single rows. A
variance that rests on few shards is uncertain itself, for which Korn & Graubard (Survey Methodology 24, 1998) multiply
by (t_(n-1)/t_df)². Their df, shards less one, is too large where the positives lie in a few shards: what simulation
asks for is the number of shards that the variance rests on, (Σe²)²/Σe⁴, less one (benchmarks/sampling.py).

A shard tells no less than one row, for its rows cannot be more alike than all of a kind. Without a positive nothing
says how alike they are, and it is taken for no more: the bound rests on the number of shards alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.results import EffectiveSampleSize

if TYPE_CHECKING:
    import numpy as np

_TAIL = 0.975
_LEAST_DF = 0.01  # next to no shard that the variance rests on


def effective_sample_size(positives: np.ndarray, rows: np.ndarray) -> EffectiveSampleSize:
    """Of shards that were drawn at random: positives among their rows, both (shards,).

    Raises ValueError for fewer than two shards, and where a shard has more positives than rows.
    """
    import numpy as np

    positives, rows = np.asarray(positives, float), np.asarray(rows, float)
    if len(rows) < 2 or (positives > rows).any() or (positives < 0).any():
        raise ValueError("shards need rows, no more positives than that, and another shard")
    n = int(rows.sum())
    if not n:
        return EffectiveSampleSize(0, 0.0, 1.0)
    share = positives.sum() / n
    least = shards_of_one_size(rows)
    deviations = (positives - share * rows) / n
    n_eff = max(least, effective_rows(share, deviations, n)) if 0 < share < 1 else least
    return EffectiveSampleSize(n, n_eff, n / n_eff)


def shards_of_one_size(rows: np.ndarray) -> float:
    """How many shards of the same size tell as much as these, of so many rows each (Kish)."""
    return float(rows.sum() ** 2 / (rows**2).sum())


def effective_rows(share: float, deviations: np.ndarray, n: int) -> float:
    """n_eff of n rows for a share between 0 and 1, at most n. deviations: by how much each shard moves the share,
    (shards,), summing to 0."""
    if n < 2:
        return float(n)
    squares, df = deviations**2, len(deviations) - 1.0
    variance = len(deviations) / df * float(squares.sum())
    if not variance:
        return n * _uncertain(n, df)
    carrying = float(squares.sum() ** 2 / (squares**2).sum())
    df = min(df, max(carrying - 1, _LEAST_DF))
    return min(n, min(n, share * (1 - share) / variance) * _uncertain(n, df))


def _uncertain(n: int, df: float) -> float:
    """(t_(n-1)/t_df)², at most 1."""
    from scipy.stats import t

    return min(1.0, float(t.ppf(_TAIL, n - 1) / t.ppf(_TAIL, df)) ** 2)
