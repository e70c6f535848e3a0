"""The MAD criteria and their limits on the synthetic fraction. Pure.

MAD (Model Autophagy Disorder): a generator trained on generated data drifts from reality with each generation
(Alemohammad et al., "Self-Consuming Generative Models Go MAD", arXiv 2307.01850). The paper gives no threshold: the
limits here follow from its Gaussian model (simulation.py); each status names its criterion and assumptions.

| criterion | limit on the fraction p | origin | used to |
|---|---|---|---|
| diversity | δ/(1-λ(1-δ)) | the fresh loop's limiting loss of variance stays within δ | decide |
| stability | 1/3 | Bertrand et al., ICLR 2024, sufficient, local, most permissive case | cap |
| admissible | n_e(p) >= n_r | the MAD paper's own: synthetic data must not cost effective real samples | inform |
| half | n_e(p) >= n_r/2 | half of the effective real samples is kept | inform |

A status extrapolates from a Gaussian model: λ is assumed, the fraction is constant, and there is one lineage of
generators (several reduce the loss). "over" means that the projected loss exceeds the budget if the fraction stays the
same, not that a model will collapse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from auditor import sentences
from auditor.decision import MadCriterion, MadLevel, MadLimits, MadStatus
from auditor.estimate.intervals import Interval
from auditor.estimate.roots import root
from auditor.mad import simulation

STABILITY_CAP = 1 / 3
_MAX_GENERATIONS = 100  # after so many, the loss has practically reached its limit


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The assumptions of a status.

    lambda_: the generator's sampling bias (1: unbiased; smaller: truncated, e.g. by guidance), with its range from
    lambda_low (conservative) to lambda_high (optimistic). delta: the tolerated loss of variance. dimension: the
    effective dimension, measured from embeddings if there are any and none is given.
    """

    lambda_: float = 0.7
    lambda_low: float = 0.5
    lambda_high: float = 0.9
    delta: float = 0.05
    dimension: float = 100.0
    is_dimension_given: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for impossible assumptions."""
        if not 0 <= self.lambda_low <= self.lambda_ <= self.lambda_high <= 1:
            raise ValueError(
                f"lambda must be within lambda-range, and both between 0 and 1, got lambda = {self.lambda_:g}, "
                f"lambda-range = [{self.lambda_low:g}, {self.lambda_high:g}]"
            )
        if not 0 < self.delta < 1 or not 1 <= self.dimension < math.inf:
            raise ValueError(
                f"delta must be between 0 and 1, and dimension at least 1, got delta = {self.delta:g}, "
                f"dimension = {self.dimension:g}"
            )


def diversity_limit(lambda_: float, delta: float) -> float:
    """The largest synthetic fraction whose limiting loss of variance stays within delta, capped at 1/3.

    In the fresh-data loop the variance converges to (1-p)/(1-pλ), a loss of p(1-λ)/(1-pλ). Solved for p, the limit is
    δ/(1-λ(1-δ)). Raises ValueError outside 0 <= λ <= 1, 0 < δ < 1.
    """
    if not 0 <= lambda_ <= 1 or not 0 < delta < 1:
        raise ValueError(f"λ must be from 0 to 1 and δ between 0 and 1, got λ = {lambda_}, δ = {delta}")
    return min(delta / (1 - lambda_ * (1 - delta)), STABILITY_CAP)


def effective_limit(keep: float, n: float, assumptions: Assumptions) -> float:
    """The largest fraction at which the effective sample size of n samples, in the fresh loop's limit, is at least
    `keep` times their real part.

    keep = 1 is the criterion `admissible`, 0.5 is `half`. The effective sample size is not monotonic in p at λ near 1,
    where synthetic data help: the first crossing is the limit, and without a crossing there is none (1).
    """
    d, lambda_ = assumptions.dimension, assumptions.lambda_

    def shortfall(p: float) -> float:
        return simulation.effective_n(_limiting_distance(p, n, d, lambda_), d) - keep * (1 - p) * n

    shares = [10 ** (-9 + 9 * step / 900) for step in range(900)]
    for before, after in pairwise(shares):
        if shortfall(after) < 0 <= shortfall(before):
            return root(shortfall, before, after)
    return 0.0 if shortfall(shares[0]) < 0 else 1.0


def _limiting_distance(p: float, n: float, d: float, lambda_: float) -> float:
    """The distance to which the fresh loop converges."""
    q = 1 - p
    mean, variance = 1 / n, 1.0
    for _ in range(50):  # the two limits depend weakly on each other
        variance = (q + p * q * mean) / (1 - p * lambda_)
        mean = (q + p * lambda_ * variance) / (n * (1 - p**2))
    scatter = d * (d + 1) * (q + p * (lambda_ * variance) ** 2) / (n * (1 - (p * lambda_) ** 2))
    sigma = math.sqrt(variance)
    return d * mean + d * (1 - sigma) ** 2 + scatter / (4 * sigma**3)


# ---- the status -----------------------------------------------------------------------------------------------------


def status(fraction: Interval | None, confirmed: float, n: int, assumptions: Assumptions) -> MadStatus:
    """The MAD status of a dataset of n readable images.

    fraction: the estimate, or None. confirmed: the lower end of the share confirmed by metadata, watermarks and
    known-image matches; it can exceed the limit on its own. over: the fraction's lower end exceeds the limit;
    inconclusive: only its upper end does; safe: the upper end is below half of the limit at the conservative λ; near:
    otherwise.
    """
    case = _Case(fraction, confirmed, n, assumptions)
    return MadStatus(
        status=case.level,
        criterion=case.criterion,
        limit=case.limit,
        lambda_=assumptions.lambda_,
        lambda_range=(assumptions.lambda_low, assumptions.lambda_high),
        delta=assumptions.delta,
        reason=case.reason,
        advice=case.advice,
        dimension=assumptions.dimension,
        limits=limits(n, assumptions),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """The inputs of a status, and the status as a level and as sentences."""

    fraction: Interval | None
    confirmed: float
    n: int
    assumptions: Assumptions

    @property
    def low(self) -> float:
        return max(self.confirmed, self.fraction.low if self.fraction else 0.0)

    @property
    def high(self) -> float:
        return max(self.low, self.fraction.high if self.fraction else 1.0)

    @property
    def limit(self) -> float:
        return diversity_limit(self.assumptions.lambda_, self.assumptions.delta)

    @property
    def near_from(self) -> float:
        return limits(self.n, self.assumptions).near_from

    @property
    def criterion(self) -> MadCriterion:
        return MadCriterion.STABILITY if self.limit == STABILITY_CAP else MadCriterion.DIVERSITY

    @property
    def level(self) -> MadLevel:
        if self.low > self.limit:
            return MadLevel.OVER
        if self.high > self.limit:
            return MadLevel.INCONCLUSIVE
        return MadLevel.SAFE if self.high < self.near_from else MadLevel.NEAR

    @property
    def reason(self) -> str:
        """One sentence, without a capital letter and a full stop."""
        what = f"synthetic{self._basis}" if self.level is MadLevel.OVER else "synthetic"
        compared = sentences.at_most(self.low, self.high, self.limit, what, "the MAD limit is")
        if self.fraction is None and self.level is MadLevel.INCONCLUSIVE:
            confirmed = (
                f"at least {sentences.percent(self.low)} confirmed as synthetic"
                if self.low
                else "no image is confirmed as synthetic"
            )
            return f"{confirmed}, and the others are not estimated; the MAD limit is {sentences.percent(self.limit)}"
        if self.level is MadLevel.NEAR:
            return f"{compared}, and a warning begins at {sentences.percent(self.near_from)}"
        return compared

    @property
    def _basis(self) -> str:
        is_estimated = self.fraction is not None and self.fraction.low > self.confirmed
        return "" if is_estimated else " by confirmed images alone"

    @property
    def advice(self) -> str:
        """When the budget is exceeded, and how to get below the limit; empty if nothing has to be done."""
        if self.level is not MadLevel.OVER:
            return ""
        point = max(self.low, self.fraction.point) if self.fraction else self.low
        generations = generations_until(point, self.assumptions)
        within = f"in {sentences.counted(generations, 'generation')}" if generations else ""
        loss = (
            f"The loss of diversity exceeds its budget {within} if the fraction stays the same. " if generations else ""
        )
        remove, add = actions(point, self.n, self.limit)
        removed, added = sentences.counted(remove, "synthetic image"), sentences.counted(add, "real image")
        return f"{loss}To get below {sentences.percent(self.limit)}: remove about {removed} or add about {added}"


@cache
def limits(n: int, assumptions: Assumptions) -> MadLimits:
    """Every criterion's limit on the fraction, for a dataset of n images."""
    return MadLimits(
        diversity=diversity_limit(assumptions.lambda_, assumptions.delta),
        diversity_conservative=diversity_limit(assumptions.lambda_low, assumptions.delta),
        stability=STABILITY_CAP,
        admissible=effective_limit(1.0, max(n, 2), assumptions),
        half=effective_limit(0.5, max(n, 2), assumptions),
    )


def generations_until(p: float, assumptions: Assumptions) -> int | None:
    """The first generation whose loss of variance exceeds δ at a constant fraction; None if none does."""
    for number in range(1, _MAX_GENERATIONS + 1):
        if simulation.diversity_lost(p, assumptions.lambda_, number) > assumptions.delta:
            return number
    return None


def actions(p: float, n: int, limit: float) -> tuple[int, int]:
    """How many synthetic images to remove, or real ones to add, to bring a fraction p of n images down to a limit."""
    excess = p - limit
    if excess <= 0:
        return 0, 0
    return math.ceil(n * excess / (1 - limit)), math.ceil(n * excess / limit)
