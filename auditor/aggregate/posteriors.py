"""Posterior probabilities (estimate/prior_shift.py) of an audit's rows, for exports, data frames and keep-lists.

Each source has a prior of its own: its estimated fraction, partially pooled over sources. So an image with a middling
score is more probably synthetic in a source where many images are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, masks, sums_of
from auditor.estimate.design import row_design
from auditor.estimate.prior_shift import PriorShift, solve_prior_shift
from auditor.estimate.weights import row_weights
from auditor.evidence_store.distinct import deciding_everywhere, distinct_images
from auditor.results import OTHERS, Audit

COLUMNS = ("source", "status", "verdict", "decided_by", "p_synthetic", "sampled", "weight")


@dataclass(frozen=True)
class Posteriors:
    """Computes posterior probabilities of batches of evidence. prior_shifts: of each source with an estimate, and of
    all others together (OTHERS). full_coverage_detectors: as in counts.masks."""

    count_edited: bool
    full_coverage_detectors: frozenset[str] | None
    prior_shifts: Mapping[str, PriorShift] = field(default_factory=dict)

    def of(self, rows: pa.RecordBatch | pa.Table) -> np.ndarray:
        """Each row's probability of being synthetic in this dataset, float64 (rows,); NaN for rows that could not be
        read, and without an estimate."""
        found = np.full(rows.num_rows, np.nan)
        if not self.prior_shifts:
            return found
        batch = self.read(rows)
        for name, members in _by_source(batch.source, self.prior_shifts):
            found[members] = self.prior_shifts[name](batch.probability[members], batch.masks.of(members))
        return found

    def read(self, rows: pa.RecordBatch | pa.Table, shares: np.ndarray | None = None) -> Batch:
        """The columns of a batch that probabilities depend on. shares: as shares_of returns them, of its rows."""
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        column = {name: table[name].combine_chunks() for name in COLUMNS}
        return Batch(
            column["source"].to_numpy(zero_copy_only=False),
            column["p_synthetic"].to_numpy(zero_copy_only=False),
            masks(column, count_edited=self.count_edited, full_coverage_detectors=self.full_coverage_detectors),
            row_weights(column) if shares is None else shares,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """probability: at a prior of 0.5, float64 (rows,), NaN without a score. source: object (rows,). weights: of rows
    that share an image, each has a part."""

    source: np.ndarray
    probability: np.ndarray
    masks: EvidenceMasks
    weights: np.ndarray


def counting_rows(audit: Audit, parts: Sequence[Path]) -> np.ndarray | None:
    """The number of the row that counts each row's image, int (rows,), in the order of the parts; None if every row
    counts its own."""
    if not audit.counts.repeated_images:
        return None
    return distinct_images(parts, deciding=deciding_everywhere(audit.config)).counted_by


def shares_of(audit: Audit, counted_by: np.ndarray | None) -> np.ndarray | None:
    """Each row's part of its image, float64 (rows,); None if every row is all of its image, and in a dataset with
    weights, where those of an image's rows add up. counted_by: as counting_rows returns it."""
    if counted_by is None or audit.weights:
        return None
    shares: np.ndarray = 1 / np.bincount(counted_by, minlength=len(counted_by))[counted_by]
    return shares


def posteriors(
    audit: Audit,
    tables: Iterable[pa.RecordBatch | pa.Table],
    full_coverage_detectors: frozenset[str] | None,
    shares: np.ndarray | None = None,
) -> Posteriors:
    """The posteriors of an audit, solved over all its rows; it takes 16 bytes of memory per row. tables: COLUMNS of the
    evidence, in any number of pieces. shares: as shares_of returns them."""
    unsolved = Posteriors(audit.config.estimate.count_edited, full_coverage_detectors)
    if audit.estimate is None:
        return unsolved
    fractions = {each.value: each.estimate.point for each in audit.subgroups if each.by == "source" and each.estimate}
    fractions.setdefault(OTHERS, audit.estimate.point)
    scores, weights = defaultdict[str, list[np.ndarray]](list), defaultdict[str, list[np.ndarray]](list)
    sums = defaultdict[str, Counter[str]](Counter)
    first = 0
    for table in tables:
        batch = unsolved.read(table, None if shares is None else shares[first : first + table.num_rows])
        first += table.num_rows
        for name, members in _by_source(batch.source, fractions):
            row_masks, weight = batch.masks.of(members), batch.weights[members]
            scores[name].append(batch.probability[members][row_masks.undecided])
            weights[name].append(weight[row_masks.undecided])
            sums[name].update(sums_of(row_masks, weight))
    prior_shifts = {
        name: solve_prior_shift(
            np.concatenate(scores[name]),
            np.concatenate(weights[name]),
            EvidenceCounts.of(sums[name], row_design(sums[name][UNSAMPLED])),
            fractions[name],
        )
        for name in sums
    }
    return Posteriors(unsolved.count_edited, full_coverage_detectors, prior_shifts)


def _by_source(source: np.ndarray, listed: Mapping[str, object]) -> Iterable[tuple[str, np.ndarray]]:
    """The rows of each listed source, and of all others (OTHERS), as arrays of row numbers."""
    import pandas as pd

    number, names = pd.factorize(source)
    names = np.array([name if name in listed else OTHERS for name in names], dtype=object)
    yield from pd.Series(np.arange(len(source))).groupby(names[number]).indices.items()
