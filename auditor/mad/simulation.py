"""Self-consuming loops in the Gaussian model of the MAD paper: closed forms and Monte Carlo simulation. Pure.

One generation fits a Gaussian to n samples: n_r real ones from N(0, I) in d dimensions and n_s drawn from the
generation before, N(μ, λΣ), where λ is the sampling bias (1: unbiased; smaller: truncated, quality over diversity).
Three loops (Alemohammad et al. 2023, arXiv 2307.01850, section 3):

    fresh         new real samples in every generation
    augmentation  the same real samples in every generation, with synthetic ones added
    synthetic     no real samples after the first generation

The closed forms are derived for this project; tests/mad/test_simulation.py compares them with the simulation. p =
n_s/n, q = 1-p; σ² is the mean variance per dimension, m the squared error of the mean per dimension, V the summed
squared error of the covariance's entries; ' marks the generation before.

    fresh         σ² = q + pλσ²' + pq m',  m = (q + pλσ²')/n + p²m',  V = d(d+1)(q + pλ²σ⁴')/n + p²λ²V'
    synthetic     the same with p = 1
    augmentation  σ² = q + pλσ²' (the covariance of the real samples keeps its weight), noise as above with q = 0 in
                  the numerator; m = 1/n_r + noise, V = σ⁴d(d+1)/n_r + noise

The expected squared Wasserstein-2 distance from reality is W ≈ d m + d(1-σ)² + V/(4σ³), to second order in the noise:
accurate to a few per cent for n well above d, and 20 to 30 % too small for n near d.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LOOP_TYPES = ("fresh", "augmentation", "synthetic")


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation: the synthetic fraction of its training data, the diversity lost, and the distance from reality.

    distance: expected squared Wasserstein-2 distance. effective_n: number of real samples with the same distance.
    """

    number: int
    fraction: float
    diversity_lost: float
    distance: float
    effective_n: float


def effective_n(distance: float, d: float) -> float:
    """The number of real samples that give this expected distance."""
    return d * (d + 5) / (4 * distance) if distance > 0 else float("inf")


def diversity_lost(p: float, lambda_: float, generations: float = float("inf")) -> float:
    """The fresh loop's loss of variance after t generations at a constant p: p(1-λ)/(1-pλ) · (1-(pλ)^t)."""
    if p >= 1:
        return 1 - math.pow(lambda_, generations)
    limit = p * (1 - lambda_) / (1 - p * lambda_)
    return limit * (1 - math.pow(p * lambda_, generations))


@dataclass(frozen=True, slots=True)
class _State:
    """A generation: mean variance; squared error of mean and covariance from fresh noise and from fixed samples."""

    variance: float
    mean: float
    scatter: float
    fixed_mean: float = 0.0
    fixed_scatter: float = 0.0


def trajectory(loop: str, fractions: Sequence[float], *, n: float, d: float, lambda_: float) -> list[Generation]:
    """Closed forms, generation by generation: `fractions` of n samples are synthetic from the first generation on.

    Generation 0 is trained on reality alone; in the augmentation loop on the real part of n, to which synthetic samples
    are then added. Raises ValueError for an unknown loop, or fractions outside [0, 1].
    """
    _check_arguments(loop, fractions)
    if loop == "augmentation":
        real = n * (1 - fractions[0]) if fractions else n
        state = _State(1.0, 0.0, 0.0, 1 / real, d * (d + 1) / real)
    else:
        real = n
        state = _State(1.0, 1 / n, d * (d + 1) / n)
    generations = [_generation(0, 0.0, state, d)]
    for number, share in enumerate(fractions, start=1):
        p = 1.0 if loop == "synthetic" else share
        state = (
            _augmentation_step(state, p, real, d, lambda_)
            if loop == "augmentation"
            else _fresh_step(state, p, n, d, lambda_)
        )
        generations.append(_generation(number, p, state, d))
    return generations


def _fresh_step(before: _State, p: float, n: float, d: float, lambda_: float) -> _State:
    q, kept = 1 - p, lambda_ * before.variance
    return _State(
        variance=q + p * kept + p * q * before.mean,
        mean=(q + p * kept) / n + p**2 * before.mean,
        scatter=d * (d + 1) * (q + p * kept**2) / n + (p * lambda_) ** 2 * before.scatter,
    )


def _augmentation_step(before: _State, p: float, real: float, d: float, lambda_: float) -> _State:
    q, kept = 1 - p, lambda_ * before.variance
    n = real / q
    variance = q + p * kept
    return _State(
        variance=variance,
        mean=p * kept / n + p**2 * before.mean,
        scatter=d * (d + 1) * p * kept**2 / n + (p * lambda_) ** 2 * before.scatter,
        fixed_mean=before.fixed_mean,
        fixed_scatter=variance**2 * d * (d + 1) / real,
    )


def _generation(number: int, p: float, state: _State, d: float) -> Generation:
    sigma = state.variance**0.5
    mean, scatter = state.mean + state.fixed_mean, state.scatter + state.fixed_scatter
    spread = scatter / (4 * sigma**3) if sigma**3 > 0 else 0.0  # no variance left: no scatter
    distance = d * mean + d * (1 - sigma) ** 2 + spread
    return Generation(number, p, 1 - state.variance, distance, effective_n(distance, d))


def simulate_runs(
    loop: str, fractions: Sequence[float], *, n: int, d: int, lambda_: float, runs: int, seed: int
) -> list[Generation]:
    """The same by Monte Carlo: the mean over `runs` of loops that draw samples and fit Gaussians."""
    import numpy as np

    _check_arguments(loop, fractions)
    rng = np.random.default_rng(seed)
    lost = np.zeros((runs, len(fractions) + 1))
    distance = np.zeros_like(lost)
    for run in range(runs):
        for number, (mean, covariance) in enumerate(_run(loop, fractions, n, d, lambda_, rng)):
            values = np.clip(np.linalg.eigvalsh(covariance), 0, None)
            lost[run, number] = 1 - values.mean()
            distance[run, number] = mean @ mean + ((1 - np.sqrt(values)) ** 2).sum()
    shares = [0.0, *(1.0 if loop == "synthetic" else p for p in fractions)]
    return [
        Generation(number, p, float(loss), float(mean_distance), effective_n(float(mean_distance), d))
        for number, (p, loss, mean_distance) in enumerate(
            zip(shares, lost.mean(axis=0), distance.mean(axis=0), strict=True)
        )
    ]


def _run(
    loop: str, fractions: Sequence[float], n: int, d: int, lambda_: float, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    import numpy as np

    fixed = rng.standard_normal((round(n * (1 - fractions[0])) if fractions else n, d))
    mean, covariance = _fit_gaussian(fixed if loop == "augmentation" else rng.standard_normal((n, d)))
    yield mean, covariance
    for p in fractions:
        if loop == "synthetic":
            real = np.empty((0, d))
        else:
            real = fixed if loop == "augmentation" else rng.standard_normal((round(n * (1 - p)), d))
        count = round(len(real) * p / (1 - p)) if loop == "augmentation" else n - len(real)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.clip(values, 0, None) * lambda_)
        mean, covariance = _fit_gaussian(np.concatenate([real, mean + rng.standard_normal((count, d)) @ root.T]))
        yield mean, covariance


def _fit_gaussian(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    if len(samples) < 2:
        raise ValueError("fewer than two samples in a generation of this loop: use more images, or a smaller fraction")
    return samples.mean(axis=0), np.atleast_2d(np.cov(samples, rowvar=False))


def _check_arguments(loop: str, fractions: Sequence[float]) -> None:
    if loop not in LOOP_TYPES:
        raise ValueError(f"loop must be one of {', '.join(LOOP_TYPES)}, got '{loop}'")
    is_augmentation = loop == "augmentation"
    if not all(0 <= p <= 1 for p in fractions) or (is_augmentation and any(p == 1 for p in fractions)):
        allowed = "at least 0 and below 1" if is_augmentation else "from 0 to 1"
        raise ValueError(f"fractions of the {loop} loop must be {allowed}, got {list(fractions)}")
