"""How good a score is: AUROC with every source weighing the same, error rates with intervals, the chance's line."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from auditor.estimate.calibration import platt

Floats = NDArray[np.float64]


def source_weights(frame: pd.DataFrame) -> Floats:
    """Each source weighs one, whatever its size; each class sums to one."""
    size = frame.groupby(["label", "source"])["path"].transform("size")
    sources = frame.groupby("label")["source"].transform("nunique")
    weights: Floats = (1.0 / (size * sources)).to_numpy(dtype=float)
    return weights


def auroc(label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Chance that a synthetic image scores above a real one, ties counting half, images weighted."""
    label, score = np.asarray(label, dtype=bool), np.asarray(score, dtype=float)
    weight = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=float)
    _, place = np.unique(score, return_inverse=True)
    positive = np.bincount(place, weight * label, place.max() + 1)
    negative = np.bincount(place, weight * ~label, place.max() + 1)
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def balanced_auroc(frame: pd.DataFrame, column: str = "score") -> float:
    """AUROC with sources weighing the same: the mean over all pairs of a synthetic and a real source."""
    return auroc(frame["label"], frame[column], source_weights(frame))


def bootstrap_auroc(
    frame: pd.DataFrame, *, draws: int = 1000, seed: int = 0, column: str = "score"
) -> tuple[float, float]:
    """95 % interval of balanced_auroc when the sources had been drawn anew (both classes, with replacement)."""
    pairs = pairwise_auroc(frame, column)
    rng = np.random.default_rng(seed)
    rows, columns = pairs.shape
    means = [
        pairs[np.ix_(rng.integers(rows, size=rows), rng.integers(columns, size=columns))].mean() for _ in range(draws)
    ]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def pairwise_auroc(frame: pd.DataFrame, column: str = "score") -> Floats:
    """AUROC of each synthetic source (rows) against each real source (columns)."""
    groups = {
        label: [np.sort(group[column].to_numpy()) for _, group in frame[frame["label"] == label].groupby("source")]
        for label in (0, 1)
    }
    return np.array([[_sorted_auroc(real, fake) for real in groups[0]] for fake in groups[1]])


def _sorted_auroc(real: Floats, fake: Floats) -> float:
    below, upto = np.searchsorted(real, fake, "left"), np.searchsorted(real, fake, "right")
    return float((below + upto).mean() / (2 * len(real)))


def tpr_at(frame: pd.DataFrame, fpr: float, column: str = "score") -> tuple[float, float]:
    """Source-balanced share of synthetic images above the threshold that this share of reals exceeds; the threshold."""
    weight = source_weights(frame)
    real = (frame["label"] == 0).to_numpy()
    score = frame[column].to_numpy(dtype=float)
    order = np.argsort(-score[real], kind="stable")
    mass = np.cumsum(weight[real][order])
    # The smallest threshold (score >= t) that no more than this share of the reals' weight reaches.
    passed = int(np.searchsorted(mass, fpr, "right"))
    threshold = float(np.nextafter(score[real][order][passed], np.inf)) if passed < len(order) else float("-inf")
    hits = (score[~real] >= threshold) * weight[~real]
    return float(hits.sum()), threshold


def wilson(count: int, total: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share, spread = count / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def expected_calibration_error(label: ArrayLike, chance: ArrayLike, weight: ArrayLike, *, bins: int = 15) -> float:
    """Mean distance between what was said and what came, over equally wide bins of what was said."""
    label, chance, weight = (np.asarray(values, dtype=float) for values in (label, chance, weight))
    place = np.minimum((chance * bins).astype(int), bins - 1)
    gap = np.bincount(place, weight * (label - chance), bins)
    return float(np.abs(gap).sum() / weight.sum())


def line(scores: pd.DataFrame) -> tuple[float, float]:
    """Slope and intercept of the chance's logit at even classes; sources weigh the same."""
    weight = _balanced(scores)
    return platt(scores["score"].to_numpy(), scores["label"].to_numpy(), weight, start=(3.0, 0.0))


def chances(scores: pd.DataFrame, *, folds: int = 5) -> Floats:
    """Each image's chance by a line that was fitted on other groups, for the calibration error."""
    found = np.zeros(len(scores))
    fold = pd.factorize(scores["group"])[0] % folds
    for number in range(folds):
        held = fold == number
        slope, intercept = line(scores[~held])
        found[held] = 1 / (1 + np.exp(-(slope * scores["score"].to_numpy()[held] + intercept)))
    return found


def _balanced(scores: pd.DataFrame) -> Floats:
    """Summing to 1: classes alike, sources of a class alike."""
    images = scores.groupby(["label", "source"])["path"].transform("size")
    sources = scores.groupby("label")["source"].transform("nunique")
    weights: Floats = (0.5 / (images * sources)).to_numpy(float)
    return weights
