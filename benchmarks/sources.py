"""Mixtures of real images of held-out sources, with a calibration on the other folds.

Scores are the out-of-group scores of training/oof.parquet. Groups of sources are divided into five folds at random: a
mixture's images come from one fold and the calibration's scores from the others.

Most sources have only five images in the file, and a dataset has thousands. Drawing five images a thousand times over
would make a source of five scores, and its mean would vary more between sources than the mean of a real one. So a
source is smoothed: its mean is moved towards that of its class so that means vary as much as the random-effects model
says that true means do, and its scores are spread by a normal kernel that keeps their variance. `smoothed=False` draws
the images as they are, from sources of at least 20 images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.estimate.calibration import Calibration, Condition

OOF = Path(__file__).parents[1] / "training" / "oof.parquet"
FOLDS = 5
FRACTIONS = (0.0, 0.01, 0.05, 0.1, 0.3, 0.6)
LIMIT = 0.149  # the diversity limit of the default policy, rounded
_KERNEL = 0.5  # share of a source's standard deviation that comes from the kernel
_LEAST = {True: 5, False: 20}  # images of a source, smoothed or not
_MOST = (8, 4)  # real and synthetic sources of a mixture of few


@dataclass(frozen=True)
class Source:
    """Scores are mean + residuals."""

    mean: float
    residuals: np.ndarray
    kernel: float

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        spread = self.kernel * self.residuals.std()
        drawn = np.sqrt(1 - self.kernel**2) * rng.choice(self.residuals, count)
        return self.mean + drawn + spread * rng.standard_normal(count)


@dataclass(frozen=True)
class Fold:
    number: int
    calibration: Calibration
    real: list[Source]
    synthetic: list[Source]

    def mixture(
        self, fraction: float, images: int, *, few: bool, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores, and which images are synthetic. few: of 1 to 8 real and 1 to 4 synthetic sources in random
        proportions; otherwise of all in equal parts."""
        synthetic = round(fraction * images)
        scores = self.classes((images - synthetic, synthetic), few=few, rng=rng)
        return np.concatenate(scores), np.repeat([False, True], [len(side) for side in scores])

    def halves(self, rng: np.random.Generator) -> tuple[Fold, Fold]:
        """The fold with each half of its sources."""
        shuffled = [[side[index] for index in rng.permutation(len(side))] for side in (self.real, self.synthetic)]
        first, second = (Fold(self.number, self.calibration, *(side[n::2] for side in shuffled)) for n in (0, 1))
        return first, second

    def classes(self, counts: tuple[int, int], *, few: bool, rng: np.random.Generator) -> list[np.ndarray]:
        """Scores of so many real and synthetic images, in random order."""
        return [
            rng.permutation(_draw(side, count, most if few else 0, rng))
            for side, count, most in zip((self.real, self.synthetic), counts, _MOST, strict=True)
        ]


def folds(condition: str, *, smoothed: bool) -> list[Fold]:
    scores = pd.read_parquet(OOF)
    scores = scores[scores.condition == condition].astype({"group": str, "source": str})
    groups = np.random.default_rng(0).permutation(sorted(scores.group.unique()))
    number = scores.group.map({group: place % FOLDS for place, group in enumerate(groups)})
    sources = [_sources(scores[scores.label == label], smoothed) for label in (0, 1)]
    result = []
    for fold in range(FOLDS):
        held = [
            [source for name, source in side.items() if name in set(scores.source[number == fold])] for side in sources
        ]
        result.append(Fold(fold, _calibration(scores[number != fold]), *held))
    return result


def _sources(side: pd.DataFrame, smoothed: bool) -> dict[str, Source]:
    groups = {name: group.score.to_numpy(float) for name, group in side.groupby("source")}
    n = np.array([len(scores) for scores in groups.values()])
    mean = np.array([scores.mean() for scores in groups.values()])
    # Analysis of variance with unequal groups (Searle, Casella & McCulloch, Variance Components, 1992, 3.6).
    within = sum(((scores - scores.mean()) ** 2).sum() for scores in groups.values()) / (n - 1).sum()
    grand = (n * mean).sum() / n.sum()
    between = (n * (mean - grand) ** 2).sum() / (len(n) - 1)
    variance = max(0.0, (between - within) / ((n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)))
    result = {}
    for name, scores in groups.items():
        if len(scores) < _LEAST[smoothed]:
            continue
        shrink = np.sqrt(variance / (variance + within / len(scores))) if smoothed else 1.0
        residuals = (scores - scores.mean()) * (np.sqrt(len(scores) / (len(scores) - 1)) if smoothed else 1.0)
        result[name] = Source(grand + (scores.mean() - grand) * shrink, residuals, _KERNEL if smoothed else 0.0)
    return result


def _draw(sources: list[Source], count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    chosen = rng.permutation(len(sources))
    if most:
        chosen = chosen[: rng.integers(1, most + 1)]
    shares = rng.dirichlet(np.ones(len(chosen))) if most else np.full(len(chosen), 1 / len(chosen))
    counts = rng.multinomial(count, shares)
    return np.concatenate([sources[index].draw(n, rng) for index, n in zip(chosen, counts, strict=True)])


def _calibration(scores: pd.DataFrame) -> Calibration:
    sides = [
        {
            name: tuple(sorted(group.score.astype(float)))
            for name, group in scores[scores.label == label].groupby("source")
        }
        for label in (0, 1)
    ]
    return Calibration("classifier", "fold", "", "other folds", 0.5, 1.0, 0.0, {"clean": Condition(*sides)})
