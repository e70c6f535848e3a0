"""The strata that labels are drawn from: of each verdict that decides nothing, the rows of about one weight. So no
heavy row hides behind many light ones: it is drawn for itself. Of equal weights the strata are the verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.annotation.file import HumanLabel
from auditor.annotation.two_phase import LabelledStratum
from auditor.types import VerdictKind

if TYPE_CHECKING:
    import numpy as np

UNDECIDED = (VerdictKind.LIKELY_SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_REAL)
_TRUTHS = (HumanLabel.SYNTHETIC, HumanLabel.REAL, HumanLabel.UNSURE)


@dataclass(frozen=True, order=True, slots=True)
class Stratum:
    """verdict: its number in UNDECIDED. weight_class: its rows weigh from 2^weight_class up to twice that."""

    verdict: int
    weight_class: int

    @property
    def label(self) -> VerdictKind:
        """The verdict."""
        return UNDECIDED[self.verdict]

    @property
    def name(self) -> str:
        """For people, among strata of several weights."""
        least = 2.0**self.weight_class
        return f"{self.label.value}, weight {least:g} to under {2 * least:g}"


def strata(verdict: np.ndarray, weights: np.ndarray) -> list[tuple[Stratum, np.ndarray]]:
    """The strata of some rows, in order, with the numbers of the rows that each one has.

    verdict: names, (rows,); weights: float64 (rows,), of which 0 belongs to no stratum.
    """
    import numpy as np

    found = []
    for number, label in enumerate(UNDECIDED):
        mine = np.flatnonzero((verdict == label.value) & (weights > 0))
        classes = np.frexp(weights[mine])[1] - 1
        found += [(Stratum(number, int(one)), mine[classes == one]) for one in np.unique(classes)]
    return found


@dataclass(slots=True)
class StratumCounts:
    """Of a stratum: rows, their total weight and the heaviest of them; of the labelled ones, by what was said, how many
    they are and what they weigh. skipped: rows without a label that come before the last labelled one."""

    rows: int = 0
    total_weight: float = 0.0
    heaviest: float = 0.0
    labels: Counter[HumanLabel] = field(default_factory=Counter)
    label_weights: dict[HumanLabel, float] = field(default_factory=lambda: defaultdict(float))
    skipped: int = 0

    def add_rows(self, weights: np.ndarray) -> None:
        """More rows."""
        self.rows += len(weights)
        self.total_weight += float(weights.sum())
        self.heaviest = max(self.heaviest, float(weights.max(initial=0.0)))

    def add_label(self, truth: HumanLabel, weight: float) -> None:
        """What people said of one of them."""
        self.labels[truth] += 1
        self.label_weights[truth] += weight

    @property
    def by_truth(self) -> tuple[int, int, int]:
        """Rows labelled synthetic, real, and unsure; skipped is unsure."""
        synthetic, real, unsure = (self.labels[truth] for truth in _TRUTHS)
        return synthetic, real, unsure + self.skipped

    @property
    def drawn(self) -> int:
        """Rows that were labelled or skipped."""
        return self.labels.total() + self.skipped

    @property
    def mean_weight(self) -> float:
        """Of its rows."""
        return self.total_weight / self.rows if self.rows else 1.0

    @property
    def mean_label_weight(self) -> float:
        """Of the labelled rows, or of all where every drawn one was skipped."""
        n = self.labels.total()
        return sum(self.label_weights.values()) / n if n else self.mean_weight

    @property
    def weighted_by_truth(self) -> np.ndarray:
        """The drawn rows, divided into synthetic, real and unsure as their weights are, float64 (3,)."""
        import numpy as np

        found = np.array([self.label_weights[truth] / self.mean_label_weight for truth in _TRUTHS])
        found[-1] += self.skipped
        return found


def named(found: Mapping[Stratum, StratumCounts]) -> dict[str, StratumCounts]:
    """By name, in order: all verdicts, or where weights are of several classes, the strata that there are."""
    if len({stratum.weight_class for stratum in found}) > 1:
        return {stratum.name: found[stratum] for stratum in sorted(found)}
    by_verdict = {stratum.verdict: counts for stratum, counts in found.items()}
    return {label.value: by_verdict.get(number, StratumCounts()) for number, label in enumerate(UNDECIDED)}


def collapse_strata(verdict: Sequence[StratumCounts]) -> Iterator[LabelledStratum]:
    """The strata of one verdict as the estimate takes them: those that are labelled whole, those without a label, and
    the others as one.

    A labelled row stands for its own weight and for that of rows like it that were not drawn. However truth goes with
    weight, the variance of the synthetic share is at most p(1-p)/n times the most that a row stands for over the mean.
    """
    partly = []
    for one in verdict:
        if 0 < one.drawn < one.rows:
            partly.append(one)
        else:
            synthetic, real, unsure = one.weighted_by_truth.tolist() if one.drawn else (0, 0, 0)
            yield LabelledStratum(one.rows, synthetic, real, unsure, mean_weight=one.mean_weight)
    if partly:
        yield _collapsed(partly)


def _collapsed(strata: Sequence[StratumCounts]) -> LabelledStratum:
    """Strata of one verdict that are labelled in part, as one."""
    import numpy as np

    n, weight = sum(one.drawn for one in strata), sum(one.total_weight for one in strata)
    each = [one.weighted_by_truth * (n * one.total_weight / (one.drawn * weight)) for one in strata]
    by_truth: np.ndarray = np.sum(each, axis=0)
    synthetic, real, unsure = by_truth.tolist()
    # Of the stratum that was drawn least of, the largest part is unknown: that is taken for all of them.
    size = max(n * one.rows / one.drawn for one in strata)
    # What the heaviest row stands for, over the mean.
    effects = (one.heaviest * (one.total_weight * n) / (one.mean_label_weight * (weight * one.drawn)) for one in strata)
    return LabelledStratum(size, synthetic, real, unsure, mean_weight=weight / size, design_effect=max(1.0, *effects))
