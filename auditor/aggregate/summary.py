"""Sums evidence parts up to the numbers of an audit, in one streaming pass. Memory grows with the number of sources,
not rows, except for eight bytes per row to count repeated keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.aggregate.captions import CaptionTally
from auditor.aggregate.detectors import SignalTally, value_counts
from auditor.aggregate.scores import ScoreBins, ScoreTally
from auditor.aggregate.subgroups import SubgroupCounts, SubgroupTally
from auditor.annotation.tally import LabelJoin
from auditor.estimate.clusters import effective_sample_size
from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, ScoreCounts, masks, sums_of
from auditor.estimate.design import ClusterSample, SamplingDesign, row_design
from auditor.evidence_store.distinct import DistinctImages, distinct_images
from auditor.evidence_store.signal_encoding import BASE, SignalsOfRows
from auditor.evidence_store.store import stored_signals
from auditor.results import ConfirmedShare, Counts, Coverage, DetectorTally, MetadataCount, ShardSample
from auditor.types import Status, VerdictKind

_BATCH_ROWS = 1 << 17
_MAX_REASONS = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums over all parts of evidence."""

    counts: Counts
    sample: Counts | None
    shards: ShardSample | None
    evidence: EvidenceCounts
    coverage: dict[str, Coverage]
    detectors: dict[str, DetectorTally]
    confirmed: ConfirmedShare
    subgroups: tuple[SubgroupCounts, ...]
    reasons: dict[str, int]
    notes: dict[str, int]
    contradictions: int
    metadata: MetadataCount
    extras: dict[str, Any]
    scores: ScoreCounts | None = None
    labels: LabelJoin | None = None


def summarise(
    parts: Iterable[Path],
    *,
    count_edited: bool = False,
    score_bins: ScoreBins | None = None,
    full_coverage_detectors: frozenset[str] | None = None,
    labels: LabelJoin | None = None,
    anytime_valid: bool = False,
    shards: int | None = None,
    captions: CaptionTally | None = None,
    deciding: frozenset[str] | None = None,
) -> Summary:
    """The sums over all parts.

    count_edited: images with a generated part count as synthetic. score_bins: of the classifier whose scores are
    counted. full_coverage_detectors: as in counts.masks. labels: joined with the rows of its keys. anytime_valid: as in
    design.RowSample. shards: the number of the dataset's shards if the parts are a random sample of them; None if they
    are all. captions: gets every batch too. deciding: as in distinct_images.
    """
    masks_of = partial(masks, count_edited=count_edited, full_coverage_detectors=full_coverage_detectors)
    parts = list(parts)
    images, first = distinct_images(parts, deciding=deciding), 0
    tally = _Tally(masks_of, score_bins, labels, rows=len(images.is_repeat))
    if captions:
        captions.begin(parts, images)
    images = replace(images, counted_by=None)  # four bytes per row, which only captions need
    for path in parts:
        for batch, signals in _batches(path):
            tally.add(batch, signals, images.at(first, len(batch)))
            if captions:
                captions.add(batch, images.at(first, len(batch)), first)
            first += len(batch)
        tally.end_of_shard()
        if captions:
            captions.end_of_shard()
    return tally.result(shards, anytime_valid)


def _batches(part: Path) -> Iterator[tuple[pa.RecordBatch, SignalsOfRows]]:
    with pq.ParquetFile(part) as file:
        stored = stored_signals(file)
        for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):  # threads take more time than they save
            if batch.num_rows:
                yield batch, stored.distinct(batch.column("signals"), batch.column(BASE))


class _Tally:
    def __init__(
        self,
        masks_of: Callable[[Mapping[str, pa.Array]], EvidenceMasks],
        score_bins: ScoreBins | None,
        labels: LabelJoin | None,
        rows: int,
    ) -> None:
        self._masks_of = masks_of
        self._scores = ScoreTally(score_bins) if score_bins else None
        self._labels = labels
        self._status: Counter[str] = Counter()
        self._sample: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._signals = SignalTally()
        self._subgroups = SubgroupTally(score_bins.bins if score_bins else None)
        self._contradictions = 0
        self._has_unsampled = False
        self._repeated_images = 0
        self._opt_outs = self._stock = self._stock_known = 0
        self._with_metadata = self._examined = 0
        self._keys, self._known_keys = np.empty(rows, np.uint64), 0
        # Cumulative sums at the end of each shard: confirmed rows, sampled rows, flagged rows, scored rows.
        self._by_shard = [(0, 0, 0, 0)]

    def add(self, batch: pa.RecordBatch, signals: SignalsOfRows, images: DistinctImages) -> None:
        """Adds one batch of evidence. signals, images: of its rows."""
        import pandas as pd

        column = {name: batch.column(name) for name in batch.schema.names}
        masks, weights = self._masks_of(column), images.weights
        self._has_unsampled |= bool(masks.unsampled.any())
        masks = masks.only(~images.is_repeat)
        self._repeated_images += int(images.is_repeat.sum())
        self._status.update(value_counts(column["status"]))
        self._sample.update(value_counts(column["status"].filter(column["sampled"])))
        unread = pc.is_in(column["status"], pa.array([Status.FAILED.value, Status.UNREADABLE.value]))
        self._reasons.update(value_counts(column["reason"].filter(unread)))
        noted = pc.and_(pc.equal(column["status"], Status.OK.value), pc.not_equal(column["reason"], ""))
        self._notes.update(value_counts(column["reason"].filter(noted)))
        self._sums.update(sums_of(masks, weights))
        generated = np.asarray(pc.equal(column["verdict"].fill_null(""), VerdictKind.SYNTHETIC.value))
        self._contradictions += int((masks.readable & generated & np.asarray(column["camera"].is_valid())).sum())
        self._opt_outs += int(pc.sum(column["opt_out"]).as_py() or 0)
        self._with_metadata += int(pc.sum(column["has_metadata"]).as_py() or 0)
        self._examined += len(batch) - column["has_metadata"].null_count
        self._stock += int(pc.sum(pc.greater(column["pwatermark"], 0.8)).as_py() or 0)
        self._stock_known += len(batch) - column["pwatermark"].null_count
        keys = pd.util.hash_array(column["key"].to_numpy(zero_copy_only=False), categorize=False)
        self._keys[self._known_keys : self._known_keys + len(keys)] = keys
        self._known_keys += len(keys)
        self._signals.add(signals, column["decided_by"], masks.confirmed)
        bins = self._scores.add(column, signals, masks.readable, weights) if self._scores else None
        if self._labels:
            self._labels.add(column, masks, weights, images.is_repeat)
        self._subgroups.add(column, masks, weights, bins)

    def end_of_shard(self) -> None:
        """Marks the end of a shard: the next batch belongs to another one."""
        sums, flags = self._sums, self._scores.so_far if self._scores else (0, 0)
        self._by_shard.append((sums["confirmed_in_sample.rows"], sums["sampled.rows"], *flags))
        if self._labels:
            self._labels.end_of_shard()

    def _shards(self, total: int) -> ShardSample:
        """The sample of the dataset's `total` shards, with the effective sample sizes of its rows."""
        confirmed, sampled, flagged, scored = np.diff(np.array(self._by_shard), axis=0).T
        flags = effective_sample_size(flagged, scored) if scored.any() else None
        return ShardSample(len(sampled), total, effective_sample_size(confirmed, sampled), flags)

    def _design(self, shards: ShardSample | None, anytime_valid: bool) -> SamplingDesign:
        if shards:
            rows = sum(self._status.values())
            examined = 1 - self._sums[UNSAMPLED] / rows if rows else 1.0
            return ClusterSample(shards.read, shards.of, shards.declared.design_effect, examined)
        return row_design(self._sums[UNSAMPLED], anytime_valid=anytime_valid)

    def result(self, total_shards: int | None, anytime_valid: bool) -> Summary:
        """The sums. total_shards: as `shards` in summarise."""
        shards = self._shards(total_shards) if total_shards else None
        design = self._design(shards, anytime_valid)
        evidence = EvidenceCounts.of(self._sums, design)
        scores = self._scores.result() if self._scores else None
        if scores and shards and shards.flags:
            scores = replace(scores, n_eff=shards.flags.n_eff)
        counts = replace(
            counts_of(self._status), repeated_keys=self._repeated_keys(), repeated_images=self._repeated_images
        )
        return Summary(
            counts=counts,
            sample=counts_of(self._sample) if self._has_unsampled else None,
            shards=shards,
            evidence=evidence,
            coverage=self._signals.coverage(counts.rows),
            detectors=self._signals.detectors(counts.rows),
            confirmed=confirmed(evidence, self._signals.generators),
            subgroups=self._subgroups.result(design),
            reasons=_most_common(self._reasons),
            notes=_most_common(self._notes),
            contradictions=self._contradictions,
            metadata=MetadataCount(self._examined, self._with_metadata),
            extras={
                "opt_outs": self._opt_outs,
                "stock_watermarks": {"known": self._stock_known, "above_0.8": self._stock},
            },
            scores=scores,
            labels=self._labels,
        )

    def _repeated_keys(self) -> int:
        """The number of keys that occur more than once. It sorts in place, because each copy of ten million hashes
        takes 80 MB."""
        keys = self._keys
        keys.sort()
        repeats = keys[1:] == keys[:-1]  # equal to the previous key; only the second key of each run is counted
        return int(np.count_nonzero(repeats[:1]) + np.count_nonzero(repeats[1:] & ~repeats[:-1]))


def _most_common(texts: Counter[str]) -> dict[str, int]:
    return dict(sorted(texts.most_common(_MAX_REASONS), key=lambda item: (-item[1], item[0])))


def counts_of(status: Counter[str]) -> Counts:
    """Rows by status."""
    return Counts(
        rows=status.total(),
        ok=status[Status.OK],
        no_bytes=status[Status.NO_BYTES],
        failed=status[Status.FAILED],
        unreadable=status[Status.UNREADABLE],
    )


def confirmed(evidence: EvidenceCounts, generators: Mapping[str, int]) -> ConfirmedShare:
    """The confirmed share by weight, and the generators of the confirmed images, the most frequent first."""
    by_frequency = dict(sorted(generators.items(), key=lambda item: (-item[1], item[0])))
    share = evidence.share
    return ConfirmedShare(
        count=evidence.confirmed.rows,
        n=evidence.readable.rows,
        share=share.point if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        source_interval=evidence.source_interval,
        edited=evidence.edited.rows,
        generators=by_frequency,
    )
