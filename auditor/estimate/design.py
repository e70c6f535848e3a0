"""How the rows that an audit looked at in full were chosen, and what their counts tell of all rows. Pure.

FullScan: every row was looked at. RowSample: rows drawn with equal chances, each of weight 1. ClusterSample: every row
of whole shards that were drawn at random.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from auditor.estimate.intervals import Interval, clopper_pearson, confidence_sequence, effective_interval
from auditor.estimate.weights import WeightSums, n_eff_of_share


class Validity(Enum):
    """For which sample sizes an interval holds."""

    FIXED_N = "a number of rows that was fixed beforehand"
    ANYTIME_VALID = "all numbers of rows at once: one may stop after any"
    ASYMPTOTIC = "endlessly many rows: what the error rates alone leave open"


class _Design(ABC):
    __slots__ = ()

    @property
    @abstractmethod
    def is_partial(self) -> bool:
        """Whether there are rows that were not looked at in full."""

    @property
    @abstractmethod
    def anytime_valid(self) -> bool:
        """Whether the sample grew until something was decided, so that intervals have to hold at every size."""

    @abstractmethod
    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """The positive share of the dataset's rows with its 95 % interval; what was looked at is known."""

    @property
    def validity(self) -> Validity:
        """Of intervals from its counts."""
        return Validity.ANYTIME_VALID if self.anytime_valid else Validity.FIXED_N

    def n_eff(self, positive: WeightSums, sampled: WeightSums) -> float:
        """The effective sample size for the positive share."""
        return n_eff_of_share(positive, sampled)

    def source_interval(self, share: Interval, positive: WeightSums, sampled: WeightSums) -> tuple[float, float]:
        """The positive share's 95 % interval were the dataset a sample of a larger source: what it would go on to give.

        share: with the interval that it has for the dataset.
        """
        n_eff = self.n_eff(positive, sampled)
        return clopper_pearson(min(n_eff, positive.total * (n_eff / sampled.total)), n_eff)

    def row_sampling_fraction(self, rows: float) -> float:
        """Which share `rows` looked-at rows are of the rows that they were drawn from, one by one."""
        return 1.0


@dataclass(frozen=True, slots=True)
class FullScan(_Design):
    """Every row was looked at. anytime_valid: as the last step of a growing sample, which might have stopped before."""

    anytime_valid: bool = False

    @property
    def is_partial(self) -> bool:
        """No."""
        return False

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """A fact."""
        share = positive.total / sampled.total
        return Interval(share, share, share)


@dataclass(frozen=True, slots=True)
class RowSample(_Design):
    """Rows drawn with equal chances, each of weight 1. unsampled: the others, whether they can be read or not."""

    unsampled: int
    anytime_valid: bool = False

    @property
    def is_partial(self) -> bool:
        """Yes."""
        return True

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """Clopper and Pearson's, or the confidence sequence; without a finite-population correction."""
        found = confidence_sequence if self.anytime_valid else clopper_pearson
        return Interval(positive.total / sampled.total, *found(positive.rows, sampled.rows))

    def source_interval(self, share: Interval, positive: WeightSums, sampled: WeightSums) -> tuple[float, float]:
        """The same as for the dataset."""
        return share.low, share.high

    def row_sampling_fraction(self, rows: float) -> float:
        """Of sampled and unsampled rows."""
        return rows / (rows + self.unsampled)


@dataclass(frozen=True, slots=True)
class ClusterSample(_Design):
    """Whole shards drawn at random, `read` of `of`. design_effect: rows over effective rows, for the confirmed share
    (shards.py)."""

    read: int
    of: int
    design_effect: float = 1.0

    @property
    def is_partial(self) -> bool:
        """Yes."""
        return True

    @property
    def anytime_valid(self) -> bool:
        """No: shards are drawn once."""
        return False

    @property
    def sampling_fraction(self) -> float:
        """The part of the dataset's shards that was read."""
        return self.read / self.of

    @property
    def fpc(self) -> float:
        """The finite-population correction of an interval's half widths."""
        return math.sqrt(1 - self.sampling_fraction)

    def n_eff(self, positive: WeightSums, sampled: WeightSums) -> float:
        """By the design effect."""
        return sampled.rows / self.design_effect

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """From the effective rows, with the finite-population correction."""
        share = positive.total / sampled.total
        return Interval(share, *effective_interval(share, self.n_eff(positive, sampled), self.fpc))


SamplingDesign = FullScan | RowSample | ClusterSample
FULL_SCAN = FullScan()


def row_design(unsampled: int, *, anytime_valid: bool = False) -> SamplingDesign:
    """Of rows looked at one by one, where so many were not."""
    return RowSample(unsampled, anytime_valid) if unsampled else FullScan(anytime_valid)
