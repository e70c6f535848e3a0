"""What was tried: each recipe by name, so that every line of LOG.md can be run again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """Some passes over the packed views, cut to squares of this size."""

    size: int
    passes: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a run of training depends on, besides the data and the seed."""

    phases: tuple[Phase, ...]
    trunk: str = "lite0"
    frozen: int = 0
    traces: bool = True
    hard: bool = True
    distil: float = 3.0
    rate: float = 1.5e-3
    trunk_rate: float = 0.4
    decay: float = 0.05
    dropout: float = 0.3
    smoothing: float = 0.02
    batch: int = 48
    average: float = 0.998
    watch_every: int = 300


RECIPES = {
    # Pilots: equal cost on a CPU (about twelve minutes of one core), held out: fold 3.
    "pilot-full-128": Recipe(phases=(Phase(128, 0.5),)),
    "pilot-full-160": Recipe(phases=(Phase(160, 0.35),)),
    "pilot-frozen5-160": Recipe(phases=(Phase(160, 0.6),), frozen=5),
}
