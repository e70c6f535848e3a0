"""What was tried: each recipe by name, so that every line of LOG.md can be run again."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Phase:
    """Some passes over the packed views, cut to squares of this size."""

    size: int
    passes: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a run of training depends on, besides the data and the seed.

    `frozen` counts blocks of the trunk; with `borrow`, a whole view whose vector the teacher was not asked for follows
    the vector of another laundering of the same image. `judged` is the part of the logit's target that is not the label
    but the judgement of a linear probe on the teacher, fitted on the fold's own training images. `rebuilt` is the
    weight of reconstructions of real images and of the originals beside them (rebuild.py); others weigh 1 on average.
    `bystander` is the factor of the untrained trunk's logit for the whole view, which is added after training.
    """

    phases: tuple[Phase, ...]
    trunk: str = "lite0"
    frozen: int = 0
    traces: bool = True
    hard: bool = True
    distil: float = 3.0
    borrow: bool = False
    judged: float = 0.0
    rebuilt: float = 0.0
    bystander: float = 0.0
    rate: float = 1.5e-3
    trunk_rate: float = 0.4
    decay: float = 0.05
    dropout: float = 0.3
    smoothing: float = 0.02
    batch: int = 48
    average: float = 0.998
    watch_every: int = 300


EVENING = Recipe(phases=(Phase(160, 1.0), Phase(224, 0.1)), frozen=5, borrow=True, watch_every=200)
SHORT = replace(EVENING, phases=(Phase(160, 0.4), Phase(224, 0.03)))
JUDGED_LONG = replace(SHORT, judged=0.7, phases=(Phase(160, 0.8), Phase(224, 0.05)))
RECIPES = {
    # Pilots on fold 3: what a core can do in about eight minutes.
    "pilot-full-128": Recipe(phases=(Phase(128, 0.34),), watch_every=200),
    "pilot-frozen5-160": Recipe(phases=(Phase(160, 0.42),), frozen=5, watch_every=200),
    "pilot-full-160": Recipe(phases=(Phase(160, 0.23),), watch_every=200),
    "evening": EVENING,
    # On sources not seen, the curve of `evening` is highest before a third of the way: see LOG.md.
    "short": SHORT,
    "short-alone": replace(SHORT, distil=0.0),
    "short-no-hard": replace(SHORT, hard=False),
    "short-no-traces": replace(SHORT, traces=False),
    "judged": replace(SHORT, judged=0.7),
    "judged-long": JUDGED_LONG,
    "accompanied": replace(SHORT, bystander=0.75),
    "judged-accompanied": replace(SHORT, judged=0.7, bystander=0.75),
    "judged-long-accompanied": replace(JUDGED_LONG, bystander=0.75),
    "rebuilt": replace(SHORT, rebuilt=1.0),
    "judged-rebuilt": replace(SHORT, judged=0.7, rebuilt=1.0),
    "short-full": replace(SHORT, frozen=0, phases=(Phase(128, 0.4), Phase(224, 0.03))),
}
SHIPPED = "accompanied"
