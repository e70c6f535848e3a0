"""Distribution shift and diversity of vectors relative to a reference, each metric with its null band. Pure.

| metric | meaning | source |
|---|---|---|
| precision, recall | share inside the reference's manifold; of it inside theirs | Kynkäänniemi et al., NeurIPS 2019 |
| density, coverage | images per reference neighbourhood; share of these with an image | Naeem et al., ICML 2020 |
| nearest | mean distance to the nearest reference image | |
| spacing | mean distance to the nearest image of the same set | |
| vendi | effective number of different images | Friedman & Dieng, TMLR 2023 |
| cmmd | distance between the whole distributions | Jayasumana et al., CVPR 2024 |
| trace, log_determinant | spread: total variance, and volume | |
| dimension | effective dimension: trace² / trace of the square | |

Contraction raises density and lowers recall and nearest; an excess of a few kinds lowers vendi; an artefact shared by
all images raises cmmd. No metric is the synthetic fraction, and most cannot detect fractions below 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auditor.results import Metric, MetricComparison

NEIGHBOURS = 5
MIN_IMAGES, MAX_IMAGES = 100, 1000  # per side and draw: fewer images give only noise, and the cost is quadratic
_DRAWS, _NULL_DRAWS = 10, 40  # draws of the studied images, and of the reference compared with itself
_BAND = 2.6  # standard deviations: 99 % of the null distribution
_SIGMA, _SCALE = 10.0, 1000.0  # CMMD's published settings


def compare_metrics(name: str, reference: np.ndarray, studied: np.ndarray, *, seed: int) -> MetricComparison | None:
    """All metrics of unit vectors (n, dimension) relative to a reference; None if either has too few.

    Each value is the mean over draws of a fixed number of images from both. The null distribution comes from disjoint
    draws of the reference, with its spread widened because all draws come from one pool (see `_pool_sd_factor`).
    """
    n = min(MAX_IMAGES, len(reference) // 2, len(studied))
    if n < MIN_IMAGES:
        return None
    rng = np.random.default_rng(seed)
    null = []
    for _ in range(_NULL_DRAWS):
        both = rng.permutation(len(reference))[: 2 * n]
        null.append(metrics(reference[both[:n]], reference[both[n:]]))
    observed = [
        metrics(reference[rng.permutation(len(reference))[:n]], studied[rng.permutation(len(studied))[:n]])
        for _ in range(_DRAWS)
    ]
    factor = _pool_sd_factor(n, len(reference), len(studied))
    return MetricComparison(
        name=name, n=n, metrics=tuple(_metric(each, observed, null, factor) for each in observed[0])
    )


def _pool_sd_factor(n: int, reference: int, studied: int) -> float:
    """The standard deviation of the difference of two pools, relative to that of draws of n from the reference pool.

    A mean over n of N images drawn without replacement has the variance σ²(1/n - 1/N). The comparison is between two
    pools with errors of their own, σ²/N and σ²/M, and uses the mean of several draws from the second. At least 1.
    """
    within = 1 / n - 1 / reference
    between = 1 / reference + 1 / studied + (1 / n - 1 / studied) / _DRAWS
    return float(max(1.0, between / within) ** 0.5)


def _metric(name: str, observed: list[dict[str, float]], null: list[dict[str, float]], factor: float) -> Metric:
    value = float(np.mean([draw[name] for draw in observed]))
    expected = np.array([draw[name] for draw in null])
    mean, spread = float(expected.mean()), factor * float(expected.std(ddof=1))
    low, high = mean - _BAND * spread, mean + _BAND * spread
    z = (value - mean) / spread if spread > 0 else 0.0
    return Metric(
        name, round(value, 6), round(mean, 6), round(low, 6), round(high, 6), round(z, 2), not low <= value <= high
    )


def metrics(reference: np.ndarray, studied: np.ndarray) -> dict[str, float]:
    """Every metric by name, of float (n, dimension) vectors relative to as many of a reference."""
    pairwise = distances(reference, studied), distances(reference, reference), distances(studied, studied)
    values = _eigenvalues(studied)
    return {
        **_manifolds(*pairwise, NEIGHBOURS),
        "vendi": vendi(studied),
        "cmmd": _cmmd(*pairwise),
        "trace": float(values.sum()),
        "log_determinant": _log_determinant(values, studied.shape),
        "dimension": _effective_dimension(values, studied.shape),
    }


def _manifolds(
    across: np.ndarray, among_reference: np.ndarray, among_studied: np.ndarray, k: int
) -> Mapping[str, float]:
    """precision, recall, density, coverage, nearest and spacing, from pairwise distances. A manifold is the union of
    balls around the points that reach their k-th neighbours."""
    reference_radius = np.partition(among_reference, k, axis=1)[:, k]  # index 0 is the point itself
    studied = np.partition(among_studied, (1, k), axis=1)
    inside = across < reference_radius[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across < studied[:, k][None, :]).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float((across.min(axis=1) < reference_radius).mean()),
        "nearest": float(across.min(axis=0).mean()),
        "spacing": float(studied[:, 1].mean()),
    }


def distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Euclidean distances, float64 (len(left), len(right))."""
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    roots: np.ndarray = np.sqrt(np.maximum(squares, 0))
    if left is right:
        np.fill_diagonal(roots, 0)
    return roots


def vendi(vectors: np.ndarray) -> float:
    """exp of the entropy of the similarity matrix's eigenvalues: n for n orthogonal vectors, 1 for n equal ones.

    With the cosine kernel. The eigenvalues of X Xᵀ/n are those of the much smaller Xᵀ X/n.
    """
    unit = np.asarray(vectors, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    small = unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T
    share = np.linalg.eigvalsh(small / len(unit))
    share = share[share > 1e-12]
    return float(np.exp(-(share * np.log(share)).sum()))


def _cmmd(across: np.ndarray, among_reference: np.ndarray, among_studied: np.ndarray) -> float:
    """1000 times the squared maximum mean discrepancy with a Gaussian kernel of width 10, from pairwise distances; the
    biased estimator, as published."""
    kernels = [
        float(np.exp(-(pairwise**2) / (2 * _SIGMA**2)).mean()) for pairwise in (among_reference, among_studied, across)
    ]
    return _SCALE * (kernels[0] + kernels[1] - 2 * kernels[2])


def trace(vectors: np.ndarray) -> float:
    """The trace of the covariance: the total variance."""
    return float(vectors.var(axis=0, ddof=1).sum())


def _log_determinant(values: np.ndarray, shape: tuple[int, ...]) -> float:
    """The mean logarithm of the covariance's largest eigenvalues, half as many as there are vectors or dimensions.

    With fewer vectors than dimensions the logarithm of the whole determinant is -∞, and its last terms are noise.
    """
    return float(np.log(np.maximum(values[::-1][: max(1, min(shape) // 2)], 1e-300)).mean())


def effective_dimension(vectors: np.ndarray) -> float:
    """trace² / trace of the square, of the covariance: d for a ball in d dimensions, 1 for a line.

    For Gaussian samples tr(S²) exceeds tr(Σ²) by about (tr(Σ)² + tr(Σ²))/(n-1), which is subtracted.
    """
    return _effective_dimension(_eigenvalues(vectors), vectors.shape)


def _effective_dimension(values: np.ndarray, shape: tuple[int, ...]) -> float:
    n, total, squares = shape[0], float(values.sum()), float((values**2).sum())
    corrected = (squares - total**2 / (n - 1)) * (n - 1) / n
    return float(max(1.0, total**2 / max(corrected, total**2 / shape[1], 1e-300)))


def _eigenvalues(vectors: np.ndarray) -> np.ndarray:
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    small = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    values: np.ndarray = np.maximum(np.linalg.eigvalsh(small / (len(centred) - 1)), 0)
    return values


def trace_ratio(reference: np.ndarray, studied: np.ndarray, *, seed: int) -> tuple[float, float, float]:
    """The studied vectors' trace divided by the reference's, with a 95 % bootstrap interval: low, ratio, high."""
    rng = np.random.default_rng(seed)
    ratios = [
        trace(studied[rng.integers(0, len(studied), len(studied))])
        / trace(reference[rng.integers(0, len(reference), len(reference))])
        for _ in range(200)
    ]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return round(float(low), 4), round(trace(studied) / trace(reference), 4), round(float(high), 4)
