"""The synthetic fraction against the MAD criteria. Pure.

MAD (Model Autophagy Disorder): a generator trained on generated data drifts from reality with each generation
(Alemohammad et al., "Self-Consuming Generative Models Go MAD", arXiv 2307.01850). The paper prints no threshold; the
limits here follow from its Gaussian model and say which criterion and which assumptions they rest on.
"""

from __future__ import annotations

LAMBDA = 0.7  # sampling bias assumed by default: 1 = unbiased, smaller = quality chosen over diversity
LAMBDA_RANGE = (0.5, 0.9)
DELTA = 0.05  # diversity budget: the share of variance that may be lost in the limit
STABILITY_CAP = 1 / 3  # Bertrand et al., ICLR 2024: λ_B(1+Lε/α) < 1/2 with ε = 0


def diversity_limit(lambda_: float = LAMBDA, delta: float = DELTA) -> float:
    """The largest synthetic fraction whose limiting loss of variance stays within delta, capped at 1/3.

    In the fresh-data loop the variance settles at (1-p)/(1-pλ), a loss of p(1-λ)/(1-pλ); solved for p that is
    δ/(1-λ(1-δ)). Raises ValueError outside 0 <= λ <= 1, 0 < δ < 1.
    """
    if not 0 <= lambda_ <= 1 or not 0 < delta < 1:
        raise ValueError(f"λ = {lambda_} or δ = {delta} is out of range")
    return min(delta / (1 - lambda_ * (1 - delta)), STABILITY_CAP)
