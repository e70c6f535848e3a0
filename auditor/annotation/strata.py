"""The strata from which rows are drawn for annotation: for each undecided verdict, the rows of about the same weight.

So a heavy row cannot be represented by light ones. With equal weights the strata are the verdicts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from auditor.annotation.file import HumanLabel
from auditor.annotation.votes import EXACT, Votes
from auditor.types import VerdictKind

UNDECIDED = (VerdictKind.LIKELY_SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_REAL)
UNKNOWN = UNDECIDED.index(VerdictKind.UNKNOWN)
_UNSURE = EXACT[HumanLabel.UNSURE]


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
    """Counts of a stratum: rows, total and highest weight; labelled rows and their total weights, by votes. skipped:
    rows without a label whose sampling rank is below that of a labelled row."""

    rows: int = 0
    total_weight: float = 0.0
    max_weight: float = 0.0
    votes: Counter[Votes] = field(default_factory=Counter)
    vote_weights: dict[Votes, float] = field(default_factory=lambda: defaultdict(float))
    skipped: int = 0

    def add_rows(self, weights: np.ndarray) -> None:
        """Adds rows with these weights, float64 (rows,)."""
        self.rows += len(weights)
        self.total_weight += float(weights.sum())
        self.max_weight = max(self.max_weight, float(weights.max(initial=0.0)))

    def add_votes(self, votes: Votes, weight: float) -> None:
        """Adds the votes for a row with this weight."""
        self.votes[votes] += 1
        self.vote_weights[votes] += weight

    @property
    def labelled(self) -> int:
        """Labelled rows."""
        return self.votes.total()

    @property
    def by_label(self) -> tuple[int, int, int]:
        """Rows labelled synthetic, real, and unsure; skipped rows count as unsure."""
        labels: Counter[HumanLabel] = Counter()
        for votes, n in self.votes.items():
            labels[votes.consensus] += n
        synthetic, real, unsure = (labels[label] for label in HumanLabel)
        return synthetic, real, unsure + self.skipped

    @property
    def drawn(self) -> int:
        """Rows that were labelled or skipped."""
        return self.labelled + self.skipped

    @property
    def mean_weight(self) -> float:
        """The mean weight of its rows; 1 without rows."""
        return self.total_weight / self.rows if self.rows else 1.0

    @property
    def mean_label_weight(self) -> float:
        """The mean weight of the labelled rows; of all rows if every drawn one was skipped."""
        return sum(self.vote_weights.values()) / self.labelled if self.labelled else self.mean_weight

    @property
    def weighted_votes(self) -> dict[Votes, float]:
        """The number of drawn rows, divided by votes in proportion to weight; skipped rows are unsure."""
        weighted = {votes: weight / self.mean_label_weight for votes, weight in self.vote_weights.items()}
        if self.skipped:
            weighted[_UNSURE] = weighted.get(_UNSURE, 0.0) + self.skipped
        return weighted


def by_name(counts: Mapping[Stratum, StratumCounts]) -> dict[str, StratumCounts]:
    """Name → counts, in order: of all verdicts, or of the existing strata if weights are of several classes."""
    if len({stratum.weight_class for stratum in counts}) > 1:
        return {stratum.name: counts[stratum] for stratum in sorted(counts)}
    by_verdict = {stratum.verdict: stratum_counts for stratum, stratum_counts in counts.items()}
    return {kind.value: by_verdict.get(number, StratumCounts()) for number, kind in enumerate(UNDECIDED)}


@dataclass(frozen=True, slots=True)
class LabelledStratum:
    """Counts of one stratum.

    size: its audited rows. votes: the number of rows drawn from it at random, by votes, divided in proportion to
    weight. verdict: its index in UNDECIDED; None if evidence decides its rows, the unsampled ones too. mean_weight: of
    its rows. design_effect: drawn rows / n_eff, above 1 if weights differ.
    """

    size: float
    votes: Mapping[Votes, float]
    verdict: int | None = UNKNOWN
    mean_weight: float = 1.0
    design_effect: float = 1.0

    @classmethod
    def of_counts(
        cls, size: float, synthetic: float, real: float, unsure: float = 0, verdict: int | None = UNKNOWN
    ) -> LabelledStratum:
        """From numbers of rows with labels that have no errors."""
        counts = zip(HumanLabel, (synthetic, real, unsure), strict=True)
        return cls(size, {EXACT[label]: n for label, n in counts if n}, verdict)

    @property
    def labelled(self) -> float:
        """The number of labelled rows, unsure ones included."""
        return sum(self.votes.values())

    @property
    def total_weight(self) -> float:
        """The total weight of its rows."""
        return self.size * self.mean_weight

    def times(self, multiple: float) -> LabelledStratum:
        """With `multiple` times as many labels, at most all rows."""
        factor = min(multiple, self.size / self.labelled) if self.labelled else 1.0
        return replace(self, votes={votes: n * factor for votes, n in self.votes.items()})

    def positives(self, unsure_as_synthetic: bool) -> float:
        """Drawn rows that are labelled synthetic or, with unsure_as_synthetic, unsure."""
        positive = (HumanLabel.SYNTHETIC, HumanLabel.UNSURE) if unsure_as_synthetic else (HumanLabel.SYNTHETIC,)
        return sum(n for votes, n in self.votes.items() if votes.consensus in positive)


def collapse_strata(verdict: int, counts: Sequence[StratumCounts]) -> Iterator[LabelledStratum]:
    """The strata of one verdict for the estimate: the fully labelled ones, the unlabelled ones, and the partly labelled
    ones collapsed into one stratum.

    A labelled row stands for its own weight and for that of similar rows that were not drawn. Whatever the correlation
    of truth and weight, the variance of the synthetic share is at most p(1-p)/n times the highest weight that a row
    stands for, over the mean.
    """
    partly = []
    for stratum in counts:
        if 0 < stratum.drawn < stratum.rows:
            partly.append(stratum)
        else:
            votes = stratum.weighted_votes if stratum.drawn else {}
            yield LabelledStratum(stratum.rows, votes, verdict, mean_weight=stratum.mean_weight)
    if partly:
        yield _collapsed(verdict, partly)


def _collapsed(verdict: int, strata: Sequence[StratumCounts]) -> LabelledStratum:
    """One stratum from partly labelled strata of one verdict."""
    n, weight = sum(s.drawn for s in strata), sum(s.total_weight for s in strata)
    votes: dict[Votes, float] = defaultdict(float)
    for stratum in strata:
        for vote, count in stratum.weighted_votes.items():
            votes[vote] += count * (n * stratum.total_weight / (stratum.drawn * weight))
    # The lowest sampling fraction of any stratum is assumed for all of them.
    size = max(n * s.rows / s.drawn for s in strata)
    # The weight that the heaviest row stands for, over the mean.
    effects = (s.max_weight * (s.total_weight * n) / (s.mean_label_weight * (weight * s.drawn)) for s in strata)
    return LabelledStratum(size, dict(votes), verdict, weight / size, max(1.0, *effects))
