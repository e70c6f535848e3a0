"""Streaming tally of people's labels against the evidence, and the estimate from labels.

Labels count for undecided rows: those that declared or matched evidence does not decide. Each verdict is a stratum, and
the labelled rows of a stratum must be a random sample of it: its rows with the lowest sampling ranks (`auditor label`
selects them in this way). Rows that were skipped count as unsure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.strata import (
    UNDECIDED,
    LabelledStratum,
    Stratum,
    StratumCounts,
    by_name,
    collapse_strata,
    strata,
)
from auditor.annotation.two_phase import labeller_error, two_phase, with_labeller_error
from auditor.errors import LabelError
from auditor.estimate.counts import EvidenceCounts, EvidenceMasks
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import Interval
from auditor.estimate.rogan_gladen import CONFIDENCE
from auditor.results import AlternativeEstimate, Estimate, LabelCounts, Labels
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import VerdictKind

RECOMMENDED_LABELS = 300  # with fewer labels the interval is wide
_MAX_SKIPPED_SHARE = 0.5  # of the rows drawn from a stratum; beyond it, the labelled rows are not a random sample
_MAX_KEYS = 3  # in an error message
METHOD = "two-phase stratified sample of labels"
ASSUMPTIONS = (
    "the labelled images have the lowest sampling ranks of their stratum, so they are a random sample of it",
    "an image labelled unsure counts as real for the lower end and as synthetic for the upper end",
    "declared and matched evidence is taken at face value",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The sums over all labels.

    counts: rows and labels by stratum, for reports. strata: the strata of the estimate. decided: further rows of the
    sample, which evidence without full coverage decides. labels: labelled images. double_annotated: those that two
    people labelled, neither unsure. disagreements: double-annotated images with different labels. skipped: rows without
    a label among the labelled ones. by_shard: each shard's part of each verdict, then of the rows that evidence shows
    to be synthetic, then of the other decided rows.
    """

    counts: Mapping[str, LabelCounts]
    strata: Sequence[LabelledStratum]
    decided: int
    labels: int
    double_annotated: int
    disagreements: int
    skipped: int
    by_shard: Sequence[Sequence[LabelledStratum]] = ()


class LabelTally:
    """Sums over batches of evidence. seed: of the audit; the sampling ranks depend on it."""

    def __init__(self, annotations: Iterable[Annotation], seed: int) -> None:
        import pandas as pd

        self._seed = seed
        by_key: dict[str, list[Annotation]] = defaultdict(list)
        for annotation in annotations:
            by_key[annotation.key].append(annotation)
        self._keys = pd.Index(list(by_key), dtype=object)
        self._drawn_from = [_stratum(group) for group in by_key.values()]
        self._labels = [_consensus(group) for group in by_key.values()]
        pairs = [labels for group in by_key.values() if len(labels := _definite_labels(group)) > 1]
        self._double_annotated, self._disagreements = len(pairs), sum(len(set(labels)) > 1 for labels in pairs)
        # The highest rank of a labelled row: of each verdict by the label file, and of each stratum by the evidence.
        self._max_rank_of_verdict: dict[str, int] = defaultdict(int)
        for key, stratum in zip(by_key, self._drawn_from, strict=True):
            self._max_rank_of_verdict[stratum] = max(self._max_rank_of_verdict[stratum], sampling_rank(key, seed))
        self._max_rank: dict[Stratum, int] = defaultdict(int)
        self._strata: dict[Stratum, StratumCounts] = defaultdict(StratumCounts)
        self._ranks: dict[Stratum, list[tuple[int, np.ndarray]]] = defaultdict(list)  # (shard, ranks up to the highest)
        self._seen: set[int] = set()
        self._changed: list[str] = []
        self._decided = self._synthetic = 0
        self._ends = [self._cumulative_counts()]  # at the end of each shard

    def add(self, column: Mapping[str, pa.Array], masks: EvidenceMasks, weights: np.ndarray) -> None:
        """Adds one batch. column: its columns by name. weights: float64 (rows,)."""
        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        key = column["key"].to_numpy(zero_copy_only=False)
        sampled = masks.sampled
        undecided = np.where(sampled & np.isin(verdict, [kind.value for kind in UNDECIDED]), verdict, "")
        decided = sampled & np.isin(verdict, [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value])
        self._decided += int(decided.sum())
        self._synthetic += int(masks.confirmed_in_sample.sum())
        number = self._keys.get_indexer(key)
        for row in np.flatnonzero(number >= 0):
            stratum = self._drawn_from[number[row]]
            self._seen.add(int(number[row]))
            if stratum and stratum != undecided[row]:
                self._changed.append(f"{key[row]!r} ({stratum} then, {verdict[row] or 'not read'} now)")
        for stratum, rows in strata(undecided, weights):
            self._count(stratum, key[rows], number[rows], weights[rows])

    def _count(self, stratum: Stratum, key: np.ndarray, number: np.ndarray, weights: np.ndarray) -> None:
        """Adds rows of a stratum. number: index of each row's label, -1 for none."""
        counts, verdict = self._strata[stratum], stratum.label.value
        counts.add_rows(weights)
        for row in np.flatnonzero(number >= 0):
            if self._drawn_from[number[row]] in ("", verdict):
                counts.add_label(self._labels[number[row]], float(weights[row]))
                self._max_rank[stratum] = max(self._max_rank[stratum], sampling_rank(key[row], self._seed))
        if max_rank := max(self._max_rank_of_verdict[verdict], self._max_rank_of_verdict[""]):
            ranks = sampling_ranks(key, self._seed)
            self._ranks[stratum].append((len(self._ends) - 1, ranks[ranks <= np.uint64(max_rank)]))

    def end_of_shard(self) -> None:
        """Marks the end of a shard: the next batch belongs to another one."""
        self._ends.append(self._cumulative_counts())

    def _cumulative_counts(self) -> np.ndarray:
        """Rows, and rows labelled synthetic, real and unsure: of each verdict, of rows that evidence shows to be
        synthetic, and of other decided rows, int (strata, 4)."""
        synthetic, others = self._synthetic, self._decided - self._synthetic
        decided = [[synthetic, synthetic, 0, 0], [others, 0, others, 0]]
        totals = np.array([[0] * 4] * len(UNDECIDED) + decided)
        for stratum, counts in self._strata.items():
            totals[stratum.verdict] += (counts.rows, *counts.by_label)
        return totals

    def _drawn_rows(self, stratum: Stratum) -> np.ndarray:
        """Rows of a stratum up to the highest rank of its labels (of all labels without a stratum), int (shards,)."""
        max_rank = np.uint64(max(self._max_rank[stratum], self._max_rank_of_verdict[""]))
        rows = np.zeros(len(self._ends), int)
        for shard, ranks in self._ranks[stratum]:
            rows[shard] += np.count_nonzero(ranks <= max_rank)
        return rows

    def _by_shard(self) -> list[list[LabelledStratum]]:
        """The strata of each shard; skipped rows are unsure."""
        by_shard = np.diff(np.array(self._ends), axis=0)
        verdicts = by_shard[:, : len(UNDECIDED)]
        verdicts[..., 3] = -verdicts[..., 1:3].sum(axis=2)
        for stratum in self._strata:
            verdicts[:, stratum.verdict, 3] += self._drawn_rows(stratum)[:-1]
        return [[LabelledStratum(*counts) for counts in strata] for strata in by_shard.tolist()]

    def result(self) -> Labelled:
        """The sums. Raises LabelError for labels of unknown rows, of rows whose verdict has changed since they were
        drawn, and of rows that are not a random sample."""
        self._refuse_unknown()
        for stratum, counts in self._strata.items():
            counts.skipped = int(self._drawn_rows(stratum).sum()) - counts.labels.total()
        named = by_name(self._strata)
        _refuse_skipped(named)
        verdicts = (
            [counts for stratum, counts in self._strata.items() if stratum.verdict == number] or [StratumCounts()]
            for number in range(len(UNDECIDED))
        )
        return Labelled(
            counts={name: LabelCounts(counts.rows, *counts.by_label) for name, counts in named.items()},
            strata=[stratum for verdict in verdicts for stratum in collapse_strata(verdict)],
            decided=self._decided,
            labels=sum(counts.labels.total() for counts in named.values()),
            double_annotated=self._double_annotated,
            disagreements=self._disagreements,
            skipped=sum(counts.skipped for counts in named.values()),
            by_shard=self._by_shard(),
        )

    def _refuse_unknown(self) -> None:
        unknown = [str(key) for number, key in enumerate(self._keys) if number not in self._seen]
        if unknown:
            raise LabelError(
                f"labelled keys that are not in this audit ({len(unknown):,}): {_shorten(map(repr, unknown))}. "
                "Use the label file of this dataset, or remove those lines"
            )
        if self._changed:
            raise LabelError(
                f"{len(self._changed)} labelled rows were drawn from another stratum or are decided now: "
                f"{_shorten(self._changed)}. The evidence has changed since, or several rows have the same key: draw a "
                "new sample (auditor label), with unique keys (--id-col)"
            )


def _refuse_skipped(strata: Mapping[str, StratumCounts]) -> None:
    for name, counts in strata.items():
        if counts.skipped > max(1, _MAX_SKIPPED_SHARE * counts.drawn):
            raise LabelError(
                f"the {counts.labels.total()} labelled {name} rows are not a random sample: {counts.skipped} rows with "
                "a lower sampling rank have no label; label the rows that auditor label selects"
            )


def estimate_from_labels(evidence: EvidenceCounts, labelled: Labelled, alternative: Estimate | None = None) -> Estimate:
    """The synthetic fraction of all readable images from labels alone. alternative: the classifier's estimate, which is
    reported with it.

    Raises LabelError if the labels are too few or contradict each other: see two_phase and labeller_error.
    """
    error = labeller_error(labelled.disagreements, labelled.double_annotated)
    fraction = evidence.whole(with_labeller_error(_of_undetermined(evidence, labelled), error))
    hint = f"the interval is wide with only {labelled.labels} labels; use {RECOMMENDED_LABELS} or more"
    return Estimate(
        point=fraction.point,
        low=fraction.low,
        high=fraction.high,
        confidence=CONFIDENCE,
        method=METHOD,
        n=labelled.labels,
        calibration="labels on the dataset itself",
        assumptions=(
            *ASSUMPTIONS,
            _error_assumption(labelled, error),
            *([hint] if labelled.labels < RECOMMENDED_LABELS else []),
        ),
        labels=Labels(
            strata=labelled.counts,
            double_annotated=labelled.double_annotated,
            disagreements=labelled.disagreements,
            skipped=labelled.skipped,
        ),
        alternatives=(AlternativeEstimate(alternative.method, alternative.point, alternative.low, alternative.high),)
        if alternative
        else (),
    )


def _of_undetermined(evidence: EvidenceCounts, labelled: Labelled) -> Interval:
    """The synthetic fraction of the undetermined rows (EvidenceCounts)."""
    if not evidence.undetermined.total:
        return Interval(0.0, 0.0, 0.0)
    if not labelled.labels:
        raise LabelError("no undecided row of the audit has a label: label some rows (auditor label)")
    confirmed = evidence.confirmed_in_sample.rows
    others = labelled.decided - confirmed
    strata = (
        *labelled.strata,
        LabelledStratum(confirmed, confirmed, 0, is_decided=True),
        LabelledStratum(others, 0, others, is_decided=True),
    )
    by_shard = labelled.by_shard if isinstance(evidence.design, ClusterSample) else ()
    return two_phase(
        [stratum for stratum in strata if stratum.size],
        design=evidence.design,
        by_shard=[[part for part, s in zip(parts, strata, strict=True) if s.size] for parts in by_shard],
    )


def _error_assumption(labelled: Labelled, error: float) -> str:
    if not labelled.double_annotated:
        return "the labels are correct: no image was labelled by a second person"
    return (
        f"two people labelled {labelled.double_annotated} images and disagree on {labelled.disagreements}: the error "
        f"rate of each is at most {100 * error:.1f} %, which the interval covers"
    )


def _definite_labels(annotations: Sequence[Annotation]) -> list[HumanLabel]:
    return [annotation.label for annotation in annotations if annotation.label is not HumanLabel.UNSURE]


def _consensus(annotations: Sequence[Annotation]) -> HumanLabel:
    """The label on which all annotators of an image agree; otherwise unsure."""
    labels = {annotation.label for annotation in annotations}
    return labels.pop() if len(labels) == 1 else HumanLabel.UNSURE


def _stratum(annotations: Sequence[Annotation]) -> str:
    strata = {annotation.stratum for annotation in annotations}
    if len(strata) > 1:
        names = ", ".join(sorted(strata))
        raise LabelError(f"{annotations[0].key!r} was drawn from two strata ({names}): draw a new sample")
    return strata.pop()


def _shorten(items: Iterable[str]) -> str:
    texts = list(items)
    return ", ".join(texts[:_MAX_KEYS]) + (", …" if len(texts) > _MAX_KEYS else "")
