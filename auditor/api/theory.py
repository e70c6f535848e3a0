"""Documentation of detectors, and simulation of self-consuming loops."""

from __future__ import annotations

from collections.abc import Sequence

from auditor import registry
from auditor.mad import simulation
from auditor.mad.criteria import Assumptions
from auditor.mad.simulation import Generation


def explain(name: str) -> str:
    """A detector's documentation. Raises UnknownPlugin."""
    return registry.documentation("detectors", name)


def simulate(
    fractions: Sequence[float],
    *,
    loop: str = "fresh",
    images: int = 1_000_000,
    lambda_: float = Assumptions().lambda_,
    dimension: float = Assumptions().dimension,
    runs: int | None = None,
    seed: int = 0,
) -> list[Generation]:
    """Simulates generators that are trained on these synthetic fractions of `images`; generation 0 on real images only.

    Uses closed forms or, with `runs`, the mean of that number of simulated loops. Raises ValueError for an unknown loop
    (fresh, augmentation, synthetic) or impossible fractions.
    """
    if runs is None:
        return simulation.trajectory(loop, fractions, n=images, d=dimension, lambda_=lambda_)
    return simulation.simulate_runs(
        loop, fractions, n=images, d=round(dimension), lambda_=lambda_, runs=runs, seed=seed
    )


def plot_simulation(generations: Sequence[Generation], *, budget: float = Assumptions().delta) -> str:
    """A chart of `simulate`'s generations as SVG, with the tolerated loss of diversity."""
    from reports import charts

    return charts.generations(generations, budget)
