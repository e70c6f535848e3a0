"""Evidence parts -> the numbers of an audit, in one streaming pass: memory grows with the number of sources, not rows
(but for eight bytes a row, to count keys that occur more than once).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.estimate.flags import Flags, FlagTally
from auditor.estimate.known import Known, counted, indicators
from auditor.estimate.shards import worth
from auditor.estimate.weighing import Weighed, weights
from auditor.labels.tally import Labelled, LabelTally
from auditor.results import Counts, Coverage, DetectorTally, Floor, ShardSample, Stratum
from auditor.tallies.signals import SignalTally, value_counts
from auditor.tallies.strata import StrataTally
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BATCH = 16_384
_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """What the evidence adds up to. known, flags: in what rows weigh, where they do not count the same; worth: how many
    rows of one weight the readable ones are worth then."""

    counts: Counts
    sample: Counts | None
    shards: ShardSample | None
    known: Known
    worth: float
    coverage: dict[str, Coverage]
    detectors: dict[str, DetectorTally]
    floor: Floor
    strata: tuple[Stratum, ...]
    reasons: dict[str, int]
    contradictions: int
    facts: dict[str, Any]
    flags: Flags | None = None
    labelled: Labelled | None = None


def summarise(
    parts: Iterable[Path],
    *,
    count_edited: bool = False,
    cutoff: tuple[str, float] | None = None,
    census: frozenset[str] | None = None,
    labels: LabelTally | None = None,
    is_sequential: bool = False,
    shards: int | None = None,
    is_weighted: bool = False,
) -> Summary:
    """The sum over all parts. count_edited: images with a generated part count as synthetic. cutoff: the statistical
    detector whose flags are counted, and the score from which an image is flagged. census: detectors that looked at
    rows beyond a sample too; None where every row was read. labels: what people said. is_sequential:
    as in known.Known. shards: how many the dataset has, where the parts are of a random sample of them; None where they
    are of all. is_weighted: rows count what their weight says. Raises LabelError.
    """
    indicate = partial(indicators, count_edited=count_edited, census=census)
    tally = _Tally(indicate, FlagTally(*cutoff) if cutoff else None, labels, is_sequential, is_weighted)
    for path in parts:
        for batch in _batches(path):
            tally.add(batch)
        tally.end_of_shard()
    return tally.result(shards)


def _batches(part: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        yield from (batch for batch in file.iter_batches(_BATCH) if batch.num_rows)


class _Tally:
    def __init__(
        self,
        indicate: Callable[..., dict[str, np.ndarray]],
        flags: FlagTally | None,
        labels: LabelTally | None,
        is_sequential: bool,
        is_weighted: bool,
    ) -> None:
        self._indicate = indicate
        self._flags = flags
        self._labels = labels
        self._is_sequential = is_sequential
        self._is_weighted = is_weighted
        self._status: Counter[str] = Counter()
        self._sample: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self._weighed: dict[str, float] = defaultdict(float)
        self._ok = Weighed()
        self._signals = SignalTally()
        self._strata = StrataTally()
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
        indicators = self._indicate(column)
        self._status.update(value_counts(column["status"]))
        self._sample.update(value_counts(column["status"].filter(column["drawn"])))
        unread = pc.is_in(column["status"], pa.array([Status.FAILED.value, Status.UNREADABLE.value]))
        self._reasons.update(value_counts(column["reason"].filter(unread)))
        self._known.update({name: int(rows.sum()) for name, rows in indicators.items()})
        weight = weights(column) if self._is_weighted else None
        if weight is not None:
            self._ok += Weighed.of(weight[indicators["ok"]])
            for name, values in counted(indicators, weight).items():
                self._weighed[name] += float(values.sum())
        generated = np.asarray(pc.equal(column["verdict"].fill_null(""), VerdictKind.SYNTHETIC.value))
        self._contradictions += int((indicators["ok"] & generated & np.asarray(column["camera"].is_valid())).sum())
        self._opt_outs += int(pc.sum(column["opt_out"]).as_py() or 0)
        self._stock += int(pc.sum(pc.greater(column["pwatermark"], 0.8)).as_py() or 0)
        self._stock_known += len(batch) - column["pwatermark"].null_count
        self._keys.append(pd.util.hash_array(column["key"].to_numpy(zero_copy_only=False)))
        self._signals.add(column, indicators["synthetic"])
        if self._flags:
            self._flags.add(column, indicators["ok"], weight)
        if self._labels:
            self._labels.add(column, indicators, weight)
        self._strata.add(column, indicators, weight)

    def end_of_shard(self) -> None:
        """What comes next is of another one."""
        known, flags = self._known, self._flags.so_far if self._flags else (0, 0)
        self._by_shard.append((known["found"], known["drawn"], *flags))
        if self._labels:
            self._labels.end_of_shard()

    def _shards(self, of: int) -> ShardSample:
        """What the rows of some of the dataset's shards are worth."""
        import numpy as np

        found, drawn, flagged, looked = np.diff(np.array(self._by_shard), axis=0).T
        flags = worth(flagged, looked) if looked.any() else None
        return ShardSample(len(drawn), of, worth(found, drawn), flags)

    def result(self, of: int | None) -> Summary:
        """The sum. of: shards of the dataset, where these are some of them."""
        shards = self._shards(of) if of else None
        rows = Known.of(
            self._known,
            is_sequential=self._is_sequential,
            effective=shards.declared.effective if shards else None,
            unread=1 - shards.read / shards.of if shards else 1.0,
        )
        known = Known.of(self._weighed) if self._is_weighted and self._weighed else rows
        flags = self._flagged()
        if flags and shards and shards.flags:
            flags = replace(flags, effective=shards.flags.effective)
        counts = counts_of(self._status, self._repeated_keys())
        return Summary(
            counts=counts,
            sample=counts_of(self._sample) if known.outside else None,
            shards=shards,
            known=known,
            worth=self._ok.worth,
            coverage=self._signals.coverage(counts.rows),
            detectors=self._signals.detectors(counts.rows),
            floor=floor(known, rows, self._signals.generators),
            strata=self._strata.result(shards.declared.design_effect if shards else None),
            reasons=dict(sorted(self._reasons.most_common(_MOST_REASONS), key=lambda item: (-item[1], item[0]))),
            contradictions=self._contradictions,
            facts={
                "opt_outs": self._opt_outs,
                "stock_watermarks": {"known": self._stock_known, "above_0.8": self._stock},
            },
            flags=flags,
            labelled=self._labels.result() if self._labels else None,
        )

    def _flagged(self) -> Flags | None:
        if self._flags is None:
            return None
        return self._flags.weighed() if self._is_weighted else self._flags.result()

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


def floor(known: Known, rows: Known, generators: Mapping[str, int]) -> Floor:
    """The floor, by what rows weigh and with their number, and the generators that the images counted in it name."""
    named = dict(sorted(generators.items(), key=lambda item: (-item[1], item[0])))
    share = known.share
    return Floor(
        count=int(rows.synthetic),
        n=int(rows.ok),
        share=share.point if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        as_sample=known.as_sample,
        edited=int(rows.edited),
        generators=named,
    )
