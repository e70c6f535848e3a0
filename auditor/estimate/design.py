"""Sampling designs: how the fully examined rows were chosen, and how to infer from their counts to all rows. Pure.

FullScan: every row was examined. RowSample: a simple random sample of rows, each of weight 1. ClusterSample: shards
that were drawn at random, and all of their rows or a simple random sample of them (two-stage sampling).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from auditor.estimate.intervals import (
    Interval,
    anytime_n_eff,
    clopper_pearson,
    confidence_sequence,
    effective_interval,
)
from auditor.estimate.weights import WeightSums, n_eff_of_share


class _Design(ABC):
    __slots__ = ()

    @property
    @abstractmethod
    def is_partial(self) -> bool:
        """Whether some rows were not examined in full."""

    @property
    @abstractmethod
    def anytime_valid(self) -> bool:
        """Whether the sample grew until the policy was decided, so that intervals must be valid at any stopping
        time."""

    @abstractmethod
    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """The positive share of all rows that the sample stands for, with its 95 % interval."""

    def n_eff(self, positive: WeightSums, sampled: WeightSums) -> float:
        """The effective sample size for the positive share."""
        return n_eff_of_share(positive, sampled)

    def interval_n_eff(self, share: float, n_eff: float) -> float:
        """The effective sample size that intervals of a share are computed from: smaller if they are anytime-valid."""
        return anytime_n_eff(share, n_eff) if self.anytime_valid else n_eff

    def source_interval(self, share: Interval, positive: WeightSums, sampled: WeightSums) -> tuple[float, float]:
        """The 95 % interval of the positive share in the source from which the dataset's rows are a sample (the
        superpopulation). share: the share in the dataset, with its interval."""
        n_eff = self.n_eff(positive, sampled)
        return clopper_pearson(min(n_eff, positive.total * (n_eff / sampled.total)), n_eff)

    def row_sampling_fraction(self, rows: float) -> float:
        """The sampling fraction of `rows` examined rows among the rows that they were drawn from, one by one."""
        return 1.0


@dataclass(frozen=True, slots=True)
class FullScan(_Design):
    """Every row was examined. anytime_valid: as the last step of a growing sample that could have stopped earlier."""

    anytime_valid: bool = False

    @property
    def is_partial(self) -> bool:
        """False."""
        return False

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """The share itself: there is no sampling error."""
        share = positive.total / sampled.total
        return Interval(share, share, share)


@dataclass(frozen=True, slots=True)
class RowSample(_Design):
    """A simple random sample of rows, each of weight 1. unsampled: number of the other rows, readable or not."""

    unsampled: int
    anytime_valid: bool = False

    @property
    def is_partial(self) -> bool:
        """True."""
        return True

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """The Clopper-Pearson interval, or the confidence sequence, without a finite-population correction."""
        ends = confidence_sequence if self.anytime_valid else clopper_pearson
        return Interval(positive.total / sampled.total, *ends(positive.rows, sampled.rows))

    def source_interval(self, share: Interval, positive: WeightSums, sampled: WeightSums) -> tuple[float, float]:
        """The same interval as for the dataset."""
        return share.low, share.high

    def row_sampling_fraction(self, rows: float) -> float:
        """Sampled rows over all rows."""
        return rows / (rows + self.unsampled)


@dataclass(frozen=True, slots=True)
class ClusterSample(_Design):
    """`read` shards, drawn at random from `of`. design_effect: examined rows / n_eff for the confirmed share
    (clusters.py). row_fraction: the share of the rows of the shards that was examined."""

    read: int
    of: int
    design_effect: float = 1.0
    row_fraction: float = 1.0

    @property
    def is_partial(self) -> bool:
        """True."""
        return True

    @property
    def anytime_valid(self) -> bool:
        """False: shards are drawn once."""
        return False

    @property
    def sampling_fraction(self) -> float:
        """The share of the dataset's shards that was read."""
        return self.read / self.of

    @property
    def fpc(self) -> float:
        """The finite-population correction, a factor for the half-widths of intervals.

        With f1 of the shards and f2 of their rows, the variance is (1-f1) of that between shards and f1 (1-f2) of that
        within them (Cochran, Sampling Techniques, 3rd ed., 10.4). The variance between the shards' observed shares
        includes that within, so 1 - f1 f2 of it is an upper bound, and exact for whole shards.
        """
        return math.sqrt(1 - self.sampling_fraction * self.row_fraction)

    def row_sampling_fraction(self, rows: float) -> float:
        """The share of the rows of the shards that was examined."""
        return self.row_fraction

    def n_eff(self, positive: WeightSums, sampled: WeightSums) -> float:
        """Rows over the design effect."""
        return sampled.rows / self.design_effect

    def interval(self, positive: WeightSums, sampled: WeightSums) -> Interval:
        """The interval from n_eff, with the finite-population correction."""
        share = positive.total / sampled.total
        return Interval(share, *effective_interval(share, self.n_eff(positive, sampled), self.fpc))


SamplingDesign = FullScan | RowSample | ClusterSample
FULL_SCAN = FullScan()


def row_design(unsampled: int, *, anytime_valid: bool = False) -> SamplingDesign:
    """The design of rows that were drawn one by one: RowSample if some were not examined, else FullScan."""
    return RowSample(unsampled, anytime_valid) if unsampled else FullScan(anytime_valid)
