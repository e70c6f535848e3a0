"""How people know whether an image is synthetic, and how often labels of each basis are wrong. Pure.

A label by looks alone is often wrong. Published studies of people without further information:

    Roca et al., arXiv 2507.18640 (2025), 287,000 answers: 62 % are right
    Pavão, arXiv 2512.22236 (2025), portraits by Midjourney: 54 %
    Lu et al., arXiv 2304.13023 (2023), Midjourney: 61 %
    Nightingale & Farid, PNAS 119 (2022), faces by StyleGAN2: 48 %; 59 % after training

They differ by image and by person, and people call synthetic images real more often than the reverse. So the priors of
the two error rates are separate and wide. Labels of images that two people labelled update them.

No study measures labels by page or by date. Their priors are assumptions, which the audit states. A statement of origin
is taken at face value, like metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Basis(StrEnum):
    """What a label rests on, as in the column `how` of label files."""

    PROVENANCE = "provenance"  # a statement about how the image was made
    PAGE = "page"  # the page that the image comes from
    DATE = "date"  # published before there were such generators
    LOOKS = "looks"
    UNSTATED = "unstated"  # empty, or in own words


@dataclass(frozen=True, slots=True)
class ErrorPrior:
    """Beta distributions (a, b) of the share of real images that are labelled synthetic, and of the share of synthetic
    images that are labelled real; None if labels are taken at face value."""

    false_positive: tuple[float, float]
    false_negative: tuple[float, float]


_KNOWN = ErrorPrior((1, 49), (1, 49))  # mean 2 %, 97.5 % quantile 7 %
PRIORS: Mapping[Basis, ErrorPrior | None] = {
    Basis.PROVENANCE: None,
    Basis.PAGE: _KNOWN,
    Basis.DATE: _KNOWN,
    Basis.LOOKS: ErrorPrior((2, 4), (3, 4)),  # means 33 and 43 %, given that labels are better than chance
    Basis.UNSTATED: _KNOWN,
}
_OF_LOOKS = re.compile(r"\b(looks?|visual(ly)?|by (eye|sight))\b")
_CLIP = 1e-9  # smallest distance of rates from 0 and 1
_MIN_BETA = 0.05  # smallest parameter of a fitted Beta distribution
LOOKS_ACCURACY = "54 to 62 %"  # in the studies above, without training


@dataclass(slots=True)
class ErrorRates:
    """Draws of the error rates of each basis, float64 (draws,) each; 0 for a basis that is taken at face value.

    Half of the draws are from the prior, half from a fitted Beta distribution. Labels of each basis are better than
    chance: both rates sum to less than 1.
    """

    priors: Mapping[Basis, ErrorPrior]
    fitted: dict[Basis, ErrorPrior]
    false_positive: dict[Basis, np.ndarray]
    false_negative: dict[Basis, np.ndarray]

    @classmethod
    def prior(cls, bases: Iterable[Basis]) -> ErrorRates:
        """Before a draw: the proposals are the priors."""
        bases = sorted(bases)
        priors = {basis: prior for basis in bases if (prior := PRIORS[basis])}
        exact = {basis: np.zeros(1) for basis in bases if basis not in priors}
        return cls(priors, dict(priors), dict(exact), dict(exact))

    def draw(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws all rates; returns the log of prior over proposal density, float64 (draws,); -inf for impossible
        ones."""
        log_ratio = np.zeros(draws)
        for basis, prior in self.priors.items():
            fitted = self.fitted[basis]
            self.false_positive[basis], first = _draw(prior.false_positive, fitted.false_positive, draws, rng)
            self.false_negative[basis], second = _draw(prior.false_negative, fitted.false_negative, draws, rng)
            is_possible = self.false_positive[basis] + self.false_negative[basis] < 1
            log_ratio += np.where(is_possible, first + second, -np.inf)
        return log_ratio

    def fit(self, weight: np.ndarray) -> None:
        """Fits the proposals to the weighted draws. weight: float64 (draws,), summing to 1."""
        for basis in self.priors:
            self.fitted[basis] = ErrorPrior(
                fitted_beta(self.false_positive[basis], weight), fitted_beta(self.false_negative[basis], weight)
            )


def basis_of(how: str) -> Basis:
    """The basis that a label file names, in any case; own words that speak of how an image looks are looks."""
    stated = how.strip().casefold()
    if stated in tuple(Basis):
        return Basis(stated)
    return Basis.LOOKS if _OF_LOOKS.search(stated) else Basis.UNSTATED


def fitted_beta(draws: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """A Beta distribution with the mean and one and a half times the variance of weighted draws, float64 (draws,)."""
    mean = float(np.clip(weight @ draws, _CLIP, 1 - _CLIP))
    variance = max(1.5 * float(weight @ (draws - mean) ** 2), _CLIP * mean * (1 - mean))
    size = max(mean * (1 - mean) / variance - 1, _CLIP)
    return max(mean * size, _MIN_BETA), max((1 - mean) * size, _MIN_BETA)


def _draw(
    prior: tuple[float, float], fitted: tuple[float, float], draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a rate from the equal mixture of two Beta distributions, and the log of the first density over that of
    the mixture, float64 (draws,) each."""
    from scipy.special import betaln

    is_prior = rng.random(draws) < 0.5
    rate = np.clip(np.where(is_prior, rng.beta(*prior, draws), rng.beta(*fitted, draws)), _CLIP, 1 - _CLIP)
    of_prior, of_fitted = (
        (a - 1) * np.log(rate) + (b - 1) * np.log1p(-rate) - betaln(a, b) for a, b in (prior, fitted)
    )
    return rate, of_prior - (np.logaddexp(of_prior, of_fitted) - np.log(2))
