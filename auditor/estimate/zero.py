"""The zero of a model whose errors nobody counted, from the zeros of models that were trained like it. Pure.

Counts out of fold are of several models, each on sources that it had not seen, and what one model's scores on them have
in common differs from that of the next: zero z of a fold ~ Normal(m, σ²), the mean score of each of its sources
~ Normal(z, within²). The model that runs saw all sources, and its zero on new ones is another draw. σ is known from a
handful of folds only, so that it is integrated over: m has a flat density, σ a half-Cauchy(1) one as the spread between
sources has (rates.py; Gelman 2006, Bayesian Analysis 1:3, for few groups), restricted likelihood on a grid.

One value of σ in its place holds the truth less often: benchmarks/mixtures.py leaves out whole folds, and four of them
may agree by luck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_SPREADS = (0.01, 5.0, 500)  # logits, from, to, how many
_SPREAD_SCALE = 1.0
_FAR = 100.0  # logits


@dataclass(frozen=True, slots=True)
class Zero:
    """What was seen, in logits: the mean score of each fold's new sources (each class about its own mean), how many
    sources that is of, and the standard deviation of sources about their fold's mean.

    Raises ValueError with fewer than two folds, a fold without sources, a deviation that is not above 0, or a mean out
    of reach.
    """

    means: tuple[float, ...]
    sources: tuple[int, ...]
    within: float

    def __post_init__(self) -> None:
        if len(self.means) != len(self.sources) or len(self.means) < 2:
            raise ValueError("the zero is told by two folds or more: a mean and a number of sources of each")
        if min(self.sources) < 1 or not self.within > 0:
            raise ValueError("each fold has sources, and they differ: within is above 0")
        if not all(abs(value) <= _FAR for value in (*self.means, self.within)):
            raise ValueError(f"no model's zero is {_FAR:g} logits off")

    def spread(self) -> tuple[np.ndarray, np.ndarray]:
        """What σ may be, and how probable each value is (summing to 1)."""
        import numpy as np

        spreads = np.linspace(*_SPREADS)
        variance = spreads[:, None] ** 2 + self.within**2 / np.array(self.sources)
        weight = 1 / variance
        mean = np.average(np.broadcast_to(self.means, weight.shape), axis=1, weights=weight)
        off = np.array(self.means) - mean[:, None]
        likelihood = -0.5 * (np.log(variance) + weight * off**2).sum(axis=1) - 0.5 * np.log(weight.sum(axis=1))
        density = likelihood - np.log1p((spreads / _SPREAD_SCALE) ** 2)
        chance = np.exp(density - density.max())
        return spreads, chance / chance.sum()

    def drawn(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """`draws` zeros that another such model may have, about that of the counted ones."""
        spreads, chance = self.spread()
        found: np.ndarray = rng.choice(spreads, draws, p=chance) * rng.standard_normal(draws)
        return found
