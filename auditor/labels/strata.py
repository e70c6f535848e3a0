"""The strata that labels are drawn from: the verdicts that decide nothing, and where rows do not count the same, within
each verdict the rows of about one weight. So no heavy row hides behind many light ones: it is drawn for itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.labels.labelfile import Truth
from auditor.labels.two_phase import LabelledStratum
from auditor.types import VerdictKind

if TYPE_CHECKING:
    import numpy as np

UNDECIDED = (VerdictKind.LIKELY_SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_REAL)
_TRUTHS = (Truth.SYNTHETIC, Truth.REAL, Truth.UNSURE)


@dataclass(frozen=True, order=True, slots=True)
class Stratum:
    """verdict: its number in UNDECIDED. weights: its rows weigh from 2^weights up to twice that; None where all rows
    count the same."""

    verdict: int
    weights: int | None = None

    @property
    def label(self) -> VerdictKind:
        """The verdict."""
        return UNDECIDED[self.verdict]

    @property
    def name(self) -> str:
        """For people."""
        if self.weights is None:
            return self.label.value
        return f"{self.label.value}, weight {2.0**self.weights:g} to under {2.0 ** (self.weights + 1):g}"


def strata(verdict: np.ndarray, weights: np.ndarray | None = None) -> list[tuple[Stratum, np.ndarray]]:
    """The strata of some rows, in order, with the numbers of the rows that each one has.

    verdict: names, (rows,); weights: float64 (rows,), of which 0 belongs to no stratum; None where all count the same.
    """
    import numpy as np

    found = []
    for number, label in enumerate(UNDECIDED):
        mine = np.flatnonzero(verdict == label.value)
        if weights is None:
            found.append((Stratum(number), mine))
            continue
        mine = mine[weights[mine] > 0]
        classes = np.frexp(weights[mine])[1] - 1
        found += [(Stratum(number, int(one)), mine[classes == one]) for one in np.unique(classes)]
    return found


@dataclass(slots=True)
class Counted:
    """Of a stratum: rows, what they weigh together and the heaviest of them; of the labelled ones, by what was said,
    how many they are and what they weigh, and the last place in the drawing order.

    reached: rows up to the last label of their verdict; where rows have weights their places, as each stratum ends at a
    label of its own.
    """

    rows: int = 0
    mass: float = 0.0
    heaviest: float = 0.0
    reached: int = 0
    places: list[np.ndarray] = field(default_factory=list)
    last: int = 0
    found: Counter[Truth] = field(default_factory=Counter)
    weighed: dict[Truth, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, weights: np.ndarray) -> None:
        """More rows."""
        self.rows += len(weights)
        self.mass += float(weights.sum())
        self.heaviest = max(self.heaviest, float(weights.max(initial=0.0)))

    def say(self, truth: Truth, weight: float, place: int) -> None:
        """What people said of one of them."""
        self.found[truth] += 1
        self.weighed[truth] += weight
        self.last = max(self.last, place)

    @property
    def passed_over(self) -> int:
        """Rows without a label that come before the last labelled one."""
        import numpy as np

        own = sum(int((places <= np.uint64(self.last)).sum()) for places in self.places)
        return self.reached + own - self.found.total()

    @property
    def stratum(self) -> LabelledStratum:
        """In rows."""
        synthetic, real, unsure = (self.found[truth] for truth in _TRUTHS)
        return LabelledStratum(self.rows, synthetic, real, unsure + self.passed_over)

    @property
    def looked_at(self) -> int:
        """Rows that were labelled or passed over."""
        return self.found.total() + self.passed_over

    @property
    def shares(self) -> np.ndarray:
        """Of what the labelled rows weigh: synthetic, real and unsure, float64 (3,); passed over is unsure."""
        import numpy as np

        n, total = self.found.total(), sum(self.weighed.values())
        found = np.array([n * self.weighed[truth] / total for truth in _TRUTHS])
        found[-1] += self.passed_over
        return found / self.looked_at

    @property
    def most(self) -> float:
        """What the heaviest row stands for, of the whole weight of those that could have been drawn."""
        share = self.found.total() / self.looked_at
        return self.heaviest * self.mass * share / sum(self.weighed.values())


def weighed(verdict: Sequence[Counted]) -> Iterator[LabelledStratum]:
    """The strata of one verdict by what their rows weigh: those that are labelled whole, those without a label, and the
    others as one.

    A labelled row stands for its own weight and for that of rows like it that were not drawn. However truth goes with
    weight, the variance of the synthetic share is at most p(1-p)/n times the most that a row stands for over the mean.
    """
    import numpy as np

    partly = []
    for one in verdict:
        if not one.found.total():
            yield LabelledStratum(one.rows, 0, 0, mass=one.mass)
        elif one.looked_at == one.rows:
            synthetic, real, unsure = (one.rows * one.shares).tolist()
            yield LabelledStratum(one.rows, synthetic, real, unsure, mass=one.mass)
        else:
            partly.append(one)
    if partly:
        n, mass = sum(one.looked_at for one in partly), sum(one.mass for one in partly)
        shares = np.average([one.shares for one in partly], axis=0, weights=[one.mass for one in partly])
        synthetic, real, unsure = (n * shares).tolist()
        # Of the stratum that was drawn least of, the largest part is unknown: that is taken for all of them.
        size = n * max(one.rows / one.looked_at for one in partly)
        effect = max(one.most for one in partly) * n / mass
        yield LabelledStratum(size, synthetic, real, unsure, mass=mass, design_effect=max(1.0, effect))
