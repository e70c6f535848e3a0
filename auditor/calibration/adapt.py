"""Fitting the classifier's head to images of one's own, without forgetting what it knows.

Ridge regression of what the shipped head gets wrong: with its scores s and the targets y = ±1, the change δ of its
weights minimises Σ w (y - s - x·δ)² + strength |δ|², so that a large strength gives the shipped head and a small one a
head of these images alone (biased regularisation; Schölkopf, Herbrich & Smola, "A Generalized Representer Theorem",
2001). In the dual form, with K = XXᵀ and A = (K + strength W⁻¹)⁻¹, the residuals of the rows S when all of S are left
out are A_SS⁻¹ (A r)_S, so that leaving folders out, alone and in pairs, costs one inverse a strength.

The strength is chosen by leaving folders out. The scores that errors are counted of leave out one folder for the head
and, for the choice of its strength, a second one in turn: nothing of a folder decides its own scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.errors import CalibrationError
from auditor.estimate.head import Head

if TYPE_CHECKING:
    import numpy as np

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # times the number of features, which are of deviation 1; a row weighs 1
_ROWS = 4096  # that a head is fitted on: as many as an inverse takes in seconds
_FOLDERS, _IMAGES = 2, 20  # a side, at least
_BY_ROW = ("x", "target", "shipped", "residual", "folder", "weight", "condition")
Tokens = Mapping[tuple[str, str], Sequence[Any]]  # (condition, source) -> float32 (numbers,) an image
Scores = Mapping[tuple[str, str], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """head: the adapted one; None where the shipped one is at least as good. real, synthetic: scores out of folder, of
    the head that is kept. before, after: AUROC out of folder with the shipped and with the adapted head, sources
    weighing the same, the mean over conditions. strength: chosen on all folders; None where no change is best."""

    head: Head | None
    real: Scores
    synthetic: Scores
    before: float
    after: float
    strength: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """One an image and condition. x: standardised, about `middle`, their mean: a constant would follow which class the
    folder left out is of. residual: what the shipped head leaves of the targets, about its mean. folder: its number,
    real and synthetic apart."""

    x: np.ndarray
    middle: np.ndarray
    target: np.ndarray
    shipped: np.ndarray
    residual: np.ndarray
    folder: np.ndarray
    weight: np.ndarray
    condition: np.ndarray


def adapted(real: Tokens, synthetic: Tokens, shipped: Head) -> Adaptation:
    """See the module. Raises CalibrationError for too few folders or images."""
    import numpy as np

    for side, tokens in (("real", real), ("synthetic", synthetic)):
        _check(side, tokens)
    keys = [*((0, key) for key in real), *((1, key) for key in synthetic)]
    rows = _rows(keys, (real, synthetic), shipped)
    fitted = rows if len(rows.x) <= _ROWS else _some(rows)
    fits = [_Fit(fitted, strength * len(shipped.weights)) for strength in STRENGTHS]
    scores, folders = rows.shipped.copy(), np.unique(rows.folder)
    for folder in folders:
        own = rows.folder == folder
        if (best := _best(fits, without=int(folder))) is not None:
            scores[own] += rows.x[own] @ best.change(fitted.folder == folder)
    before, after = _auroc(rows, rows.shipped), _auroc(rows, scores)
    chosen = _best(fits)
    if chosen is None or after <= before:
        return Adaptation(None, *_split(keys, (real, synthetic), rows.shipped), before, after, None)
    change = chosen.change(np.zeros(len(fitted.x), bool))
    weights = (shipped.weights + change).astype(np.float32)
    bias = (shipped.bias - rows.middle @ change).astype(np.float32)
    head = Head(shipped.mean, shipped.deviation, weights, bias)
    return Adaptation(head, *_split(keys, (real, synthetic), scores), before, after, chosen.strength)


class _Fit:
    """All folders at one strength: residuals with any of them left out."""

    def __init__(self, rows: _Rows, strength: float) -> None:
        import numpy as np

        self.rows, self.strength = rows, strength
        self.inverse = np.linalg.inv(rows.x @ rows.x.T + np.diag(strength / rows.weight))
        self.dual = self.inverse @ rows.residual

    def change(self, left_out: np.ndarray) -> np.ndarray:
        """δ, float64 (numbers,), without these rows (bool)."""
        import numpy as np

        dual = self.dual.copy()
        if left_out.any():
            dual -= self.inverse[:, left_out] @ np.linalg.solve(
                self.inverse[np.ix_(left_out, left_out)], dual[left_out]
            )
            dual[left_out] = 0
        change: np.ndarray = self.rows.x.T @ dual
        return change

    def loss(self, without: int | None) -> float:
        """Mean weighted squared residual of each folder left out in turn; `without` is left out of all."""
        import numpy as np

        rows, total, weight = self.rows, 0.0, 0.0
        away = rows.folder == without
        for folder in np.unique(rows.folder[~away]):
            own = rows.folder == folder
            both = np.flatnonzero(own | away)
            residual = np.linalg.solve(self.inverse[np.ix_(both, both)], self.dual[both])[own[both]]
            total += float((rows.weight[own] * residual**2).sum())
            weight += float(rows.weight[own].sum())
        return total / weight


def _best(fits: Sequence[_Fit], without: int | None = None) -> _Fit | None:
    """The fit with the least loss; None where no change at all has less."""
    rows = fits[0].rows
    kept = rows.folder != without
    nothing = float((rows.weight * rows.residual**2)[kept].sum() / rows.weight[kept].sum())
    losses = [fit.loss(without) for fit in fits]
    least = min(losses)
    return fits[losses.index(least)] if least < nothing else None


def _check(side: str, tokens: Tokens) -> None:
    folders = {source for _, source in tokens}
    images = max(
        sum(len(values) for (name, _), values in tokens.items() if name == condition) for condition, _ in tokens
    )
    if len(folders) < _FOLDERS or images < _IMAGES:
        raise CalibrationError(
            f"--adapt leaves folders out: it needs {_FOLDERS} folders and {_IMAGES} images a side at least, and the "
            f"{side} side has {len(folders)} ({', '.join(sorted(folders))[:80]}) and {images}. Keep images of "
            "different origin in different folders"
        )


def _rows(keys: Sequence[tuple[int, tuple[str, str]]], sides: tuple[Tokens, Tokens], shipped: Head) -> _Rows:
    """Sources weigh as the root of their images, the two classes the same, a row 1 in the mean."""
    import numpy as np

    parts = [np.stack(sides[label][key]) for label, key in keys]
    counts = [len(part) for part in parts]
    tokens = np.concatenate(parts)
    label = np.repeat([label for label, _ in keys], counts)
    names = [f"{label} {source}" for label, (_, source) in keys]
    weight = np.repeat([count**-0.5 for count in counts], counts)
    for one in (0, 1):
        weight[label == one] *= len(label) / 2 / weight[label == one].sum()
    x = shipped.standardised(tokens).astype(np.float64)
    middle = np.average(x, axis=0, weights=weight)
    target, scores = np.where(label == 1, 1.0, -1.0), shipped.scores(tokens).astype(np.float64)
    return _Rows(
        x=x - middle,
        middle=middle,
        target=target,
        shipped=scores,
        residual=target - scores - np.average(target - scores, weights=weight),
        folder=np.repeat(np.unique(names, return_inverse=True)[1], counts),
        weight=weight,
        condition=np.repeat([condition for _, (condition, _) in keys], counts),
    )


def _some(rows: _Rows) -> _Rows:
    """_ROWS of them, drawn with a fixed seed."""
    import numpy as np

    picked = np.sort(np.random.default_rng(0).choice(len(rows.x), _ROWS, replace=False))
    return replace(rows, **{name: getattr(rows, name)[picked] for name in _BY_ROW})


def _auroc(rows: _Rows, scores: np.ndarray) -> float:
    """The mean over conditions, sources weighing the same."""
    import numpy as np
    from scipy.stats import mannwhitneyu

    found = []
    for condition in np.unique(rows.condition):
        real, synthetic = (
            [
                scores[(rows.folder == f) & (rows.condition == condition)]
                for f in np.unique(rows.folder[rows.target == y])
            ]
            for y in (-1, 1)
        )
        pairs = [mannwhitneyu(b, a).statistic / (len(a) * len(b)) for a in real for b in synthetic if len(a) and len(b)]
        found.append(np.mean(pairs))
    return float(np.mean(found))


def _split(
    keys: Sequence[tuple[int, tuple[str, str]]], sides: tuple[Tokens, Tokens], scores: np.ndarray
) -> tuple[Scores, Scores]:
    found: tuple[dict[tuple[str, str], Sequence[float]], ...] = ({}, {})
    start = 0
    for label, key in keys:
        end = start + len(sides[label][key])
        found[label][key] = [float(score) for score in scores[start:end]]
        start = end
    return found[0], found[1]
