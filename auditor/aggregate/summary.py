"""Evidence parts -> the numbers of an audit, in one streaming pass: memory grows with the number of sources, not rows
(but for eight bytes a row, to count keys that occur more than once).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.aggregate.detectors import SignalTally, value_counts
from auditor.aggregate.flags import FlagTally
from auditor.aggregate.subgroups import SubgroupTally
from auditor.annotation.tally import Labelled, LabelTally
from auditor.estimate.clusters import effective_sample_size
from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, Flags, masks, sums_of
from auditor.estimate.design import ClusterSample, SamplingDesign, row_design
from auditor.estimate.weights import row_weights
from auditor.results import ConfirmedShare, Counts, Coverage, DetectorTally, ShardSample, Subgroup
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BATCH = 16_384
_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """What parts of evidence add up to."""

    counts: Counts
    sample: Counts | None
    shards: ShardSample | None
    evidence: EvidenceCounts
    coverage: dict[str, Coverage]
    detectors: dict[str, DetectorTally]
    confirmed: ConfirmedShare
    subgroups: tuple[Subgroup, ...]
    reasons: dict[str, int]
    contradictions: int
    extras: dict[str, Any]
    flags: Flags | None = None
    labelled: Labelled | None = None


def summarise(
    parts: Iterable[Path],
    *,
    count_edited: bool = False,
    threshold: tuple[str, float] | None = None,
    census: frozenset[str] | None = None,
    labels: LabelTally | None = None,
    anytime_valid: bool = False,
    shards: int | None = None,
) -> Summary:
    """The sum over all parts. count_edited: images with a generated part count as synthetic. cutoff: the statistical
    detector whose flags are counted, and the score from which an image is flagged. census: detectors that looked at
    rows beyond a sample too; None where every row was read. labels: what people said. anytime_valid:
    as in design.RowSample. shards: how many the dataset has, where the parts are of a random sample of them; None where
    they are of all. Raises LabelError.
    """
    masks_of = partial(masks, count_edited=count_edited, census=census)
    tally = _Tally(masks_of, FlagTally(*threshold) if threshold else None, labels)
    for path in parts:
        for batch in _batches(path):
            tally.add(batch)
        tally.end_of_shard()
    return tally.result(shards, anytime_valid)


def _batches(part: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        yield from (batch for batch in file.iter_batches(_BATCH) if batch.num_rows)


class _Tally:
    def __init__(
        self,
        masks_of: Callable[[Mapping[str, pa.Array]], EvidenceMasks],
        flags: FlagTally | None,
        labels: LabelTally | None,
    ) -> None:
        self._masks_of = masks_of
        self._flags = flags
        self._labels = labels
        self._status: Counter[str] = Counter()
        self._sample: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._signals = SignalTally()
        self._subgroups = SubgroupTally()
        self._contradictions = 0
        self._opt_outs = self._stock = self._stock_known = 0
        self._keys: list[np.ndarray] = []
        self._by_shard = [(0, 0, 0, 0)]  # decided, of rows; flagged, of rows: summed up to the end of each

    def add(self, batch: pa.RecordBatch) -> None:
        """One batch of evidence rows."""
        import numpy as np
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        column = {name: batch.column(name) for name in batch.schema.names}
        masks, weights = self._masks_of(column), row_weights(column)
        self._status.update(value_counts(column["status"]))
        self._sample.update(value_counts(column["status"].filter(column["sampled"])))
        unread = pc.is_in(column["status"], pa.array([Status.FAILED.value, Status.UNREADABLE.value]))
        self._reasons.update(value_counts(column["reason"].filter(unread)))
        self._sums.update(sums_of(masks, weights))
        generated = np.asarray(pc.equal(column["verdict"].fill_null(""), VerdictKind.SYNTHETIC.value))
        self._contradictions += int((masks.readable & generated & np.asarray(column["camera"].is_valid())).sum())
        self._opt_outs += int(pc.sum(column["opt_out"]).as_py() or 0)
        self._stock += int(pc.sum(pc.greater(column["pwatermark"], 0.8)).as_py() or 0)
        self._stock_known += len(batch) - column["pwatermark"].null_count
        self._keys.append(pd.util.hash_array(column["key"].to_numpy(zero_copy_only=False)))
        self._signals.add(column, masks.confirmed)
        if self._flags:
            self._flags.add(column, masks.readable, weights)
        if self._labels:
            self._labels.add(column, masks, weights)
        self._subgroups.add(column, masks, weights)

    def end_of_shard(self) -> None:
        """What comes next is of another one."""
        sums, flags = self._sums, self._flags.so_far if self._flags else (0, 0)
        self._by_shard.append((sums["confirmed_in_sample.rows"], sums["sampled.rows"], *flags))
        if self._labels:
            self._labels.end_of_shard()

    def _shards(self, of: int) -> ShardSample:
        """Some of the dataset's shards, and the effective sample sizes of their rows."""
        import numpy as np

        confirmed, sampled, flagged, looked = np.diff(np.array(self._by_shard), axis=0).T
        flags = effective_sample_size(flagged, looked) if looked.any() else None
        return ShardSample(len(sampled), of, effective_sample_size(confirmed, sampled), flags)

    def _design(self, shards: ShardSample | None, anytime_valid: bool) -> SamplingDesign:
        if shards:
            return ClusterSample(shards.read, shards.of, shards.declared.design_effect)
        return row_design(self._sums[UNSAMPLED], anytime_valid=anytime_valid)

    def result(self, of: int | None, anytime_valid: bool) -> Summary:
        """The sum. of: shards of the dataset, where these are some of them."""
        shards = self._shards(of) if of else None
        design = self._design(shards, anytime_valid)
        evidence = EvidenceCounts.of(self._sums, design)
        flags = self._flags.result() if self._flags else None
        if flags and shards and shards.flags:
            flags = replace(flags, n_eff=shards.flags.n_eff)
        counts = counts_of(self._status, self._repeated_keys())
        return Summary(
            counts=counts,
            sample=counts_of(self._sample) if self._sums[UNSAMPLED] else None,
            shards=shards,
            evidence=evidence,
            coverage=self._signals.coverage(counts.rows),
            detectors=self._signals.detectors(counts.rows),
            confirmed=confirmed(evidence, self._signals.generators),
            subgroups=self._subgroups.result(design),
            reasons=dict(sorted(self._reasons.most_common(_MOST_REASONS), key=lambda item: (-item[1], item[0]))),
            contradictions=self._contradictions,
            extras={
                "opt_outs": self._opt_outs,
                "stock_watermarks": {"known": self._stock_known, "above_0.8": self._stock},
            },
            flags=flags,
            labelled=self._labels.result() if self._labels else None,
        )

    def _repeated_keys(self) -> int:
        """In place: with ten million rows every copy of their hashes is 80 MB."""
        import numpy as np

        if not self._keys:
            return 0
        keys = np.concatenate(self._keys)
        self._keys.clear()
        keys.sort()
        same = keys[1:] == keys[:-1]  # as the one before; the second of each run counts, the third does not
        return int(np.count_nonzero(same[:1]) + np.count_nonzero(same[1:] & ~same[:-1]))


def counts_of(status: Counter[str], repeated_keys: int = 0) -> Counts:
    """Rows by status."""
    return Counts(
        rows=status.total(),
        ok=status[Status.OK],
        no_bytes=status[Status.NO_BYTES],
        failed=status[Status.FAILED],
        unreadable=status[Status.UNREADABLE],
        repeated_keys=repeated_keys,
    )


def confirmed(evidence: EvidenceCounts, generators: Mapping[str, int]) -> ConfirmedShare:
    """The floor, its share by weight, and the generators that the images counted in it name."""
    named = dict(sorted(generators.items(), key=lambda item: (-item[1], item[0])))
    share = evidence.share
    return ConfirmedShare(
        count=evidence.confirmed.rows,
        n=evidence.readable.rows,
        share=share.point if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        source_interval=evidence.source_interval,
        edited=evidence.edited.rows,
        generators=named,
    )
