"""The synthetic fraction against the MAD criteria. Pure.

MAD (Model Autophagy Disorder): a generator trained on generated data drifts from reality with each generation
(Alemohammad et al., "Self-Consuming Generative Models Go MAD", arXiv 2307.01850). The paper prints no threshold: the
limits here follow from its Gaussian model (loops.py) and say which criterion and which assumptions they rest on.

| criterion | limit on the fraction p | origin | used to |
|---|---|---|---|
| diversity | δ/(1-λ(1-δ)) | the fresh loop's limiting loss of variance stays within δ | decide |
| stability | 1/3 | Bertrand et al., ICLR 2024, sufficient, local, most permissive case | cap |
| admissible | n_e(p) >= n_r | the MAD paper's own: synthetic data must not cost effective real samples | inform |
| half | n_e(p) >= n_r/2 | half of the real samples' worth is kept | inform |

A verdict extrapolates from a Gaussian model; λ is assumed, the fraction constant, one lineage (many generators make it
milder). "over" means that the projected loss exceeds the budget if the mix stays, not that a model will collapse.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from auditor.estimate.intervals import Interval
from auditor.mad import simulation
from auditor.results import MadCriterion, MadLevel, MadLimits, MadStatus

STABILITY_CAP = 1 / 3
_TOO_MANY = 100  # generations beyond which a loss is as good as its limit


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a verdict rests on.

    lambda_: sampling bias; it may be from lambda_low (the conservative end) to lambda_high (the optimistic end).
    delta: the loss of variance that is tolerated. dimension: the effective one, measured from embeddings where there
    are any and none is given.
    """

    lambda_: float = 0.7
    lambda_low: float = 0.5
    lambda_high: float = 0.9
    delta: float = 0.05
    dimension: float = 100.0
    is_dimension_given: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for assumptions that cannot be."""
        if not 0 <= self.lambda_low <= self.lambda_ <= self.lambda_high <= 1:
            raise ValueError(
                f"lambda = {self.lambda_:g} has to lie in lambda-range = [{self.lambda_low:g}, {self.lambda_high:g}], "
                "and that between 0 and 1"
            )
        if not 0 < self.delta < 1 or not 1 <= self.dimension < math.inf:
            raise ValueError(
                f"delta = {self.delta:g} has to lie between 0 and 1, dimension = {self.dimension:g} above 1"
            )


def diversity_limit(lambda_: float, delta: float) -> float:
    """The largest synthetic fraction whose limiting loss of variance stays within delta, capped at 1/3.

    In the fresh-data loop the variance settles at (1-p)/(1-pλ), a loss of p(1-λ)/(1-pλ); solved for p that is
    δ/(1-λ(1-δ)). Raises ValueError outside 0 <= λ <= 1, 0 < δ < 1.
    """
    if not 0 <= lambda_ <= 1 or not 0 < delta < 1:
        raise ValueError(f"λ = {lambda_} or δ = {delta} is out of range")
    return min(delta / (1 - lambda_ * (1 - delta)), STABILITY_CAP)


def effective_limit(keep: float, n: float, assumptions: Assumptions) -> float:
    """The largest fraction at which n samples, in the fresh loop's limit, are worth `keep` of their real part.

    keep 1 is the criterion `admissible`, 0.5 is `half`. The worth is not monotonic in p at λ near 1, where synthetic
    data help; the first crossing counts, and none means no limit (1).
    """
    d, lambda_ = assumptions.dimension, assumptions.lambda_

    def shortfall(p: float) -> float:
        return simulation.effective_n(_settled(p, n, d, lambda_), d) - keep * (1 - p) * n

    shares = [10 ** (-9 + 9 * step / 900) for step in range(900)]
    for before, after in pairwise(shares):
        if shortfall(after) < 0 <= shortfall(before):
            return _root(shortfall, before, after)
    return 0.0 if shortfall(shares[0]) < 0 else 1.0


def _settled(p: float, n: float, d: float, lambda_: float) -> float:
    """The distance that the fresh loop settles at."""
    q = 1 - p
    mean, variance = 1 / n, 1.0
    for _ in range(50):  # the two limits depend on each other, weakly
        variance = (q + p * q * mean) / (1 - p * lambda_)
        mean = (q + p * lambda_ * variance) / (n * (1 - p**2))
    scatter = d * (d + 1) * (q + p * (lambda_ * variance) ** 2) / (n * (1 - (p * lambda_) ** 2))
    sigma = math.sqrt(variance)
    return d * mean + d * (1 - sigma) ** 2 + scatter / (4 * sigma**3)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high))


# ---- the verdict ----------------------------------------------------------------------------------------------------


def status(fraction: Interval | None, confirmed: float, n: int, assumptions: Assumptions) -> MadStatus:
    """Where a dataset of n readable images stands.

    fraction: the estimate, or None; floor: the lower end of what declared and matched evidence decides, which alone can
    be over. over: the fraction's lower end exceeds the limit; inconclusive: its upper end does; safe: the upper end is
    below half of the limit at the conservative λ; near: otherwise.
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
    """What a status is made from, and the status as a level and as a sentence."""

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
    def conservative_limit(self) -> float:
        return diversity_limit(self.assumptions.lambda_low, self.assumptions.delta)

    @property
    def criterion(self) -> MadCriterion:
        return MadCriterion.STABILITY if self.limit == STABILITY_CAP else MadCriterion.DIVERSITY

    @property
    def level(self) -> MadLevel:
        if self.low > self.limit:
            return MadLevel.OVER
        if self.high > self.limit:
            return MadLevel.INCONCLUSIVE
        return MadLevel.SAFE if self.high < self.conservative_limit / 2 else MadLevel.NEAR

    @property
    def reason(self) -> str:
        lambda_, delta = self.assumptions.lambda_, self.assumptions.delta
        basis = f"{self.criterion} limit {100 * self.limit:.1f} % (λ {lambda_:g}, δ {100 * delta:g} %)"
        span = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        conservative = f"{100 * self.conservative_limit:.1f} % (λ {self.assumptions.lambda_low:g})"
        if self.level is MadLevel.OVER:
            return f"at least {100 * self.low:.1f} % is over the {basis}{self._source}"
        if self.fraction is None:
            known = f"{100 * self.low:.1f} %"
            return f"no calibrated estimate; declared and matched evidence alone ({known}) is under the {basis}"
        if self.level is MadLevel.INCONCLUSIVE:
            return f"the fraction, {span}, straddles the {basis}"
        if self.level is MadLevel.SAFE:
            return f"the fraction, {span}, is below half of the conservative limit {conservative}"
        return f"the fraction, {span}, is under the {basis}, and not below half of the conservative one, {conservative}"

    @property
    def _source(self) -> str:
        is_estimated = self.fraction is not None and self.fraction.low > self.confirmed
        return "" if is_estimated else ", by declared and matched evidence alone"

    @property
    def advice(self) -> str:
        """How soon the budget is spent, and what brings the dataset back; empty where nothing has to be done."""
        if self.level is not MadLevel.OVER:
            return ""
        point = max(self.low, self.fraction.point) if self.fraction else self.low
        when = generations_until(point, self.assumptions)
        soon = f"in {when} generation{'s' if when != 1 else ''}"
        loss = f"the loss of diversity exceeds its budget {soon} if the mix stays; " if when else ""
        remove, add = actions(point, self.n, self.limit)
        return f"{loss}to get back under: remove {remove:,} of the synthetic images or add {add:,} real ones"


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
    for number in range(1, _TOO_MANY + 1):
        if simulation.diversity_lost(p, assumptions.lambda_, number) > assumptions.delta:
            return number
    return None


def actions(p: float, n: int, limit: float) -> tuple[int, int]:
    """How many synthetic images to remove, or how many real ones to add, to bring a fraction p of n down to a limit."""
    excess = p - limit
    if excess <= 0:
        return 0, 0
    return math.ceil(n * excess / (1 - limit)), math.ceil(n * excess / limit)
