"""Drift and diversity of vectors against a reference, each measure held against real-against-real chance. Pure.

| measure | says | source |
|---|---|---|
| precision, recall | share inside the reference's manifold; of it inside theirs | Kynkäänniemi et al., NeurIPS 2019 |
| density, coverage | how crowded the reference's surroundings are, how many visited | Naeem et al., ICML 2020 |
| nearest | mean distance to the nearest image of the reference | |
| spacing | mean distance to the nearest image among themselves | |
| vendi | effective number of different images | Friedman & Dieng, TMLR 2023 |
| cmmd | distance of the distributions as a whole | Jayasumana et al., CVPR 2024 |
| trace, log_determinant | spread, in sum and in volume | |
| dimension | effective dimension: trace² / trace of the square | |

Contraction raises density and lowers recall and nearest; too much of a few kinds lowers vendi; an artefact that all
share raises cmmd. None of them is the synthetic fraction, and below 5 % most are blind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.results import Metric, MetricComparison

if TYPE_CHECKING:
    import numpy as np

NEIGHBOURS = 5
LEAST, MOST = 100, 1000  # images of either side in one draw: with fewer chance hides all, more cost their square
_DRAWS, _CHANCE = 10, 40  # draws of the studied images, and of the reference against itself
_BAND = 2.6  # standard deviations: 99 % of what chance does
_SIGMA, _SCALE = 10.0, 1000.0  # of CMMD, as published


def compare_metrics(name: str, reference: np.ndarray, studied: np.ndarray, *, seed: int) -> MetricComparison | None:
    """The panel of unit vectors (n, dimension) against a reference; None with too few of either.

    Draws of a fixed number from both are averaged; chance is disjoint draws of the reference against each other, its
    spread widened for what draws of one pool have in common (see `_pool_sd_factor`).
    """
    import numpy as np

    n = min(MOST, len(reference) // 2, len(studied))
    if n < LEAST:
        return None
    rng = np.random.default_rng(seed)
    chance = []
    for _ in range(_CHANCE):
        both = rng.permutation(len(reference))[: 2 * n]
        chance.append(metrics(reference[both[:n]], reference[both[n:]]))
    seen = [
        metrics(reference[rng.permutation(len(reference))[:n]], studied[rng.permutation(len(studied))[:n]])
        for _ in range(_DRAWS)
    ]
    wider = _pool_sd_factor(n, len(reference), len(studied))
    return MetricComparison(name=name, n=n, metrics=tuple(_metric(each, seen, chance, wider) for each in seen[0]))


def _pool_sd_factor(n: int, reference: int, studied: int) -> float:
    """By how much the difference of two pools spreads more than draws of n from the reference's pool do.

    A mean over n of N drawn without replacement has the variance σ²(1/n - 1/N); what is compared are two pools, each
    with an error of its own, σ²/N and σ²/M, and the mean of some draws from the second. At least 1.
    """
    within = 1 / n - 1 / reference
    between = 1 / reference + 1 / studied + (1 / n - 1 / studied) / _DRAWS
    return float(max(1.0, between / within) ** 0.5)


def _metric(name: str, seen: list[dict[str, float]], chance: list[dict[str, float]], wider: float) -> Metric:
    import numpy as np

    value = float(np.mean([one[name] for one in seen]))
    expected = np.array([one[name] for one in chance])
    mean, spread = float(expected.mean()), wider * float(expected.std(ddof=1))
    low, high = mean - _BAND * spread, mean + _BAND * spread
    z = (value - mean) / spread if spread > 0 else 0.0
    return Metric(
        name, round(value, 6), round(mean, 6), round(low, 6), round(high, 6), round(z, 2), not low <= value <= high
    )


def metrics(reference: np.ndarray, studied: np.ndarray) -> dict[str, float]:
    """Every measure by name, of float (n, dimension) vectors against as many of a reference."""
    apart = distances(reference, studied), distances(reference, reference), distances(studied, studied)
    values = _eigenvalues(studied)
    return {
        **_manifolds(*apart, NEIGHBOURS),
        "vendi": vendi(studied),
        "cmmd": _cmmd(*apart),
        "trace": float(values.sum()),
        "log_determinant": _log_determinant(values, studied.shape),
        "dimension": _effective_dimension(values, studied.shape),
    }


def manifolds(reference: np.ndarray, studied: np.ndarray, k: int = NEIGHBOURS) -> Mapping[str, float]:
    """precision, recall, density, coverage, nearest and spacing; a manifold is the balls that reach each point's k-th
    neighbour."""
    apart = distances(reference, studied), distances(reference, reference), distances(studied, studied)
    return _manifolds(*apart, k)


def _manifolds(
    across: np.ndarray, among_reference: np.ndarray, among_studied: np.ndarray, k: int
) -> Mapping[str, float]:
    import numpy as np

    real = np.partition(among_reference, k, axis=1)[:, k]  # the nearest of all is the point itself
    other = np.partition(among_studied, (1, k), axis=1)
    inside = across < real[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across < other[:, k][None, :]).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float((across.min(axis=1) < real).mean()),
        "nearest": float(across.min(axis=0).mean()),
        "spacing": float(other[:, 1].mean()),
    }


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Euclidean, float64 (len(one), len(other))."""
    import numpy as np

    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    found: np.ndarray = np.sqrt(np.maximum(squares, 0))
    if one is other:
        np.fill_diagonal(found, 0)
    return found


def vendi(vectors: np.ndarray) -> float:
    """exp of the entropy of the similarity matrix's eigenvalues: n for n that share nothing, 1 for n that are the same.

    By the cosine kernel; the eigenvalues of X Xᵀ/n are those of the much smaller Xᵀ X/n.
    """
    import numpy as np

    unit = np.asarray(vectors, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    small = unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T
    share = np.linalg.eigvalsh(small / len(unit))
    share = share[share > 1e-12]
    return float(np.exp(-(share * np.log(share)).sum()))


def cmmd(reference: np.ndarray, studied: np.ndarray) -> float:
    """1000 times the squared maximum mean discrepancy with a Gaussian kernel of width 10, biased, as published."""
    return _cmmd(distances(reference, studied), distances(reference, reference), distances(studied, studied))


def _cmmd(across: np.ndarray, among_reference: np.ndarray, among_studied: np.ndarray) -> float:
    import numpy as np

    kernels = [
        float(np.exp(-(apart**2) / (2 * _SIGMA**2)).mean()) for apart in (among_reference, among_studied, across)
    ]
    return _SCALE * (kernels[0] + kernels[1] - 2 * kernels[2])


def trace(vectors: np.ndarray) -> float:
    """Of the covariance: the variance in all directions together."""
    return float(vectors.var(axis=0, ddof=1).sum())


def log_determinant(vectors: np.ndarray) -> float:
    """The mean logarithm of the covariance's largest eigenvalues, half as many as there are vectors or dimensions.

    The logarithm of the whole determinant is -∞ with fewer vectors than dimensions; and its last terms are noise.
    """
    return _log_determinant(_eigenvalues(vectors), vectors.shape)


def _log_determinant(values: np.ndarray, shape: tuple[int, ...]) -> float:
    import numpy as np

    return float(np.log(np.maximum(values[::-1][: max(1, min(shape) // 2)], 1e-300)).mean())


def effective_dimension(vectors: np.ndarray) -> float:
    """trace² / trace of the square, of the covariance: d for a ball in d dimensions, 1 for a line.

    Of Gaussian samples tr(S²) exceeds tr(Σ²) by about (tr(Σ)² + tr(Σ²))/(n-1), which is taken away.
    """
    return _effective_dimension(_eigenvalues(vectors), vectors.shape)


def _effective_dimension(values: np.ndarray, shape: tuple[int, ...]) -> float:
    n, total, squares = shape[0], float(values.sum()), float((values**2).sum())
    corrected = (squares - total**2 / (n - 1)) * (n - 1) / n
    return float(max(1.0, total**2 / max(corrected, total**2 / shape[1], 1e-300)))


def _eigenvalues(vectors: np.ndarray) -> np.ndarray:
    import numpy as np

    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    small = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    found: np.ndarray = np.maximum(np.linalg.eigvalsh(small / (len(centred) - 1)), 0)
    return found


def trace_ratio(reference: np.ndarray, studied: np.ndarray, *, seed: int) -> tuple[float, float, float]:
    """The studied vectors' trace over the reference's, with a 95 % bootstrap interval: low, ratio, high."""
    import numpy as np

    rng = np.random.default_rng(seed)
    ratios = [
        trace(studied[rng.integers(0, len(studied), len(studied))])
        / trace(reference[rng.integers(0, len(reference), len(reference))])
        for _ in range(200)
    ]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return round(float(low), 4), round(trace(studied) / trace(reference), 4), round(float(high), 4)
