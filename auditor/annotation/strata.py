"""The strata from which rows are drawn for annotation: for each undecided verdict, the rows of about the same weight.

So a heavy row cannot be represented by light ones. With equal weights the strata are the verdicts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auditor.annotation.file import HumanLabel
from auditor.types import VerdictKind

_ROUNDING = 1e-12  # relative rounding error of fractional rows
UNDECIDED = (VerdictKind.LIKELY_SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_REAL)
_LABELS = (HumanLabel.SYNTHETIC, HumanLabel.REAL, HumanLabel.UNSURE)


@dataclass(frozen=True, order=True, slots=True)
class Stratum:
    """verdict: index in UNDECIDED. weight_class: its rows have weights from 2^weight_class to below twice that."""

    verdict: int
    weight_class: int

    @property
    def label(self) -> VerdictKind:
        """The verdict."""
        return UNDECIDED[self.verdict]

    @property
    def name(self) -> str:
        """The name in reports if weights are of several classes."""
        min_weight = 2.0**self.weight_class
        return f"{self.label.value}, weight {min_weight:g} to under {2 * min_weight:g}"


def strata(verdict: np.ndarray, weights: np.ndarray) -> list[tuple[Stratum, np.ndarray]]:
    """The strata of some rows, in order, each with the indices of its rows.

    verdict: names, (rows,); weights: float64 (rows,). Rows of weight 0 belong to no stratum.
    """
    result = []
    for number, kind in enumerate(UNDECIDED):
        rows = np.flatnonzero((verdict == kind.value) & (weights > 0))
        classes = np.frexp(weights[rows])[1] - 1
        result += [
            (Stratum(number, int(weight_class)), rows[classes == weight_class]) for weight_class in np.unique(classes)
        ]
    return result


@dataclass(slots=True)
class StratumCounts:
    """Counts of a stratum: rows, total and highest weight; labels and their total weights, by label. skipped: rows
    without a label whose sampling rank is below that of a labelled row."""

    rows: int = 0
    total_weight: float = 0.0
    max_weight: float = 0.0
    labels: Counter[HumanLabel] = field(default_factory=Counter)
    label_weights: dict[HumanLabel, float] = field(default_factory=lambda: defaultdict(float))
    skipped: int = 0

    def add_rows(self, weights: np.ndarray) -> None:
        """Adds rows with these weights, float64 (rows,)."""
        self.rows += len(weights)
        self.total_weight += float(weights.sum())
        self.max_weight = max(self.max_weight, float(weights.max(initial=0.0)))

    def add_label(self, label: HumanLabel, weight: float) -> None:
        """Adds the label of a row with this weight."""
        self.labels[label] += 1
        self.label_weights[label] += weight

    @property
    def by_label(self) -> tuple[int, int, int]:
        """Rows labelled synthetic, real, and unsure; skipped rows count as unsure."""
        synthetic, real, unsure = (self.labels[label] for label in _LABELS)
        return synthetic, real, unsure + self.skipped

    @property
    def drawn(self) -> int:
        """Rows that were labelled or skipped."""
        return self.labels.total() + self.skipped

    @property
    def mean_weight(self) -> float:
        """The mean weight of its rows; 1 without rows."""
        return self.total_weight / self.rows if self.rows else 1.0

    @property
    def mean_label_weight(self) -> float:
        """The mean weight of the labelled rows; of all rows if every drawn one was skipped."""
        n = self.labels.total()
        return sum(self.label_weights.values()) / n if n else self.mean_weight

    @property
    def weighted_by_label(self) -> np.ndarray:
        """The number of drawn rows, divided into synthetic, real and unsure in proportion to weight, float64 (3,)."""
        counts = np.array([self.label_weights[label] / self.mean_label_weight for label in _LABELS])
        counts[-1] += self.skipped
        return counts


def by_name(counts: Mapping[Stratum, StratumCounts]) -> dict[str, StratumCounts]:
    """Name → counts, in order: of all verdicts, or of the existing strata if weights are of several classes."""
    if len({stratum.weight_class for stratum in counts}) > 1:
        return {stratum.name: counts[stratum] for stratum in sorted(counts)}
    by_verdict = {stratum.verdict: stratum_counts for stratum, stratum_counts in counts.items()}
    return {kind.value: by_verdict.get(number, StratumCounts()) for number, kind in enumerate(UNDECIDED)}


@dataclass(frozen=True, slots=True)
class LabelledStratum:
    """Counts of one stratum.

    size: its audited rows. synthetic, real, unsure: rows drawn from it at random, by label, divided in proportion to
    weight. is_decided: evidence decides its rows, the unsampled ones too. mean_weight: of its rows. design_effect:
    drawn rows / n_eff, above 1 if weights differ.
    """

    size: float
    synthetic: float
    real: float
    unsure: float = 0
    is_decided: bool = False
    mean_weight: float = 1.0
    design_effect: float = 1.0

    @property
    def labelled(self) -> float:
        """The number of labelled rows, unsure ones included."""
        return self.synthetic + self.real + self.unsure

    @property
    def total_weight(self) -> float:
        """The total weight of its rows."""
        return self.size * self.mean_weight

    @property
    def n_eff(self) -> float:
        """The effective sample size of the drawn rows."""
        return self.labelled / self.design_effect

    def positives(self, unsure_as_synthetic: bool) -> float:
        """Drawn rows that are labelled synthetic or, with unsure_as_synthetic, unsure."""
        return self.synthetic + unsure_as_synthetic * self.unsure

    def is_whole(self, sampled: float) -> bool:
        """Whether all its rows are labelled. sampled: the share of the population's rows that was audited."""
        return self.labelled * sampled >= self.size * (1 - _ROUNDING)

    def unknown(self, sampled: float) -> float:
        """The share of its rows without a label, which is the squared finite-population correction. sampled: the share
        of the population's rows that was audited."""
        return 0.0 if self.is_decided or self.is_whole(sampled) else 1 - self.labelled * sampled / self.size


def collapse_strata(verdict: Sequence[StratumCounts]) -> Iterator[LabelledStratum]:
    """The strata of one verdict for the estimate: the fully labelled ones, the unlabelled ones, and the partly labelled
    ones collapsed into one stratum.

    A labelled row stands for its own weight and for that of similar rows that were not drawn. Whatever the correlation
    of truth and weight, the variance of the synthetic share is at most p(1-p)/n times the highest weight that a row
    stands for, over the mean.
    """
    partly = []
    for stratum in verdict:
        if 0 < stratum.drawn < stratum.rows:
            partly.append(stratum)
        else:
            synthetic, real, unsure = stratum.weighted_by_label.tolist() if stratum.drawn else (0, 0, 0)
            yield LabelledStratum(stratum.rows, synthetic, real, unsure, mean_weight=stratum.mean_weight)
    if partly:
        yield _collapsed(partly)


def _collapsed(strata: Sequence[StratumCounts]) -> LabelledStratum:
    """One stratum from partly labelled strata of one verdict."""
    n, weight = sum(s.drawn for s in strata), sum(s.total_weight for s in strata)
    weighted = [s.weighted_by_label * (n * s.total_weight / (s.drawn * weight)) for s in strata]
    by_label: np.ndarray = np.sum(weighted, axis=0)
    synthetic, real, unsure = by_label.tolist()
    # The lowest sampling fraction of any stratum is assumed for all of them.
    size = max(n * s.rows / s.drawn for s in strata)
    # The weight that the heaviest row stands for, over the mean.
    effects = (s.max_weight * (s.total_weight * n) / (s.mean_label_weight * (weight * s.drawn)) for s in strata)
    return LabelledStratum(size, synthetic, real, unsure, mean_weight=weight / size, design_effect=max(1.0, *effects))
