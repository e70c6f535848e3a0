"""One shard, from its rows to its evidence: what a worker does. Picklable, and free of anything shared."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import registry
from auditor.classifier import ClassifierDetector
from auditor.config import Limits, ScanConfig
from auditor.embeddings.embedded_encoder import embedded
from auditor.embeddings.vector_source import VectorSource, encodings
from auditor.errors import SampleError
from auditor.estimate.calibration import Calibration
from auditor.evidence_store.store import PartWriter, Store, row_digest
from auditor.fetching.fetcher import Fetcher
from auditor.images.view import View
from auditor.plugin import AggregateDetector, Detector, DetectorResult, Reader, Shard
from auditor.sampling.rows import SamplePlan
from auditor.scanning.detect import make_row, replace_signal, row_from_unreadable, run_detector, unreadable
from auditor.similarity.match import ReferenceIndexes
from auditor.storage.content import UnavailableContent
from auditor.types import Covariates, Need, Row, Sample, Unreadable, VerdictKind

if TYPE_CHECKING:
    import numpy as np

_OF_BANKS = ("known-image", "known-neighbour")  # need the vectors that are kept, whichever they are
_BATCH_ROWS = 512
_BATCH_BYTES = 64 << 20
_BATCH_PIXELS = 16_000_000
_READING, _OPENING = "reading", "opening"


@dataclass(frozen=True, slots=True)
class PartResult:
    """What comes back of a shard: how many rows it had, and the digest over what the dataset says in them."""

    shard: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Crash:
    """What killed a worker: reading a row (by its number) from the shard, or opening what was read. And how."""

    shard: str
    act: str
    number: int
    reason: str


@dataclass(frozen=True)
class ShardScan:
    """Reads a shard, runs the detectors, writes the part.

    digest: of what decides the evidence. draw: the rows to look at in full, where not all are. cache: where images lie
    that were fetched for the audit. crashes: what is not tried again, because it killed a worker.
    is_probing: write a crash marker, which says what is in hand. vectors: those that are kept.
    indexes: images that are recognised. counts: a calibration of one's own that a detector reads by.
    """

    out: Path
    config: ScanConfig
    digest: str
    draw: SamplePlan | None = None
    cache: Path | None = None
    vectors: VectorSource = VectorSource()
    indexes: ReferenceIndexes = ReferenceIndexes()
    counts: Calibration | None = None
    crashes: tuple[Crash, ...] = ()
    is_probing: bool = False

    def __call__(self, shard: Shard) -> PartResult:
        """The whole shard."""
        fingerprint = self.vectors.fingerprint() if self._are_kept else None
        writer = PartWriter(Store(self.out).path(shard.id), shard, self.digest, fingerprint=fingerprint)
        try:
            for batch in self._batches(shard):
                rows = self._rows(batch, writer)
                writer.write(rows, self._beside(batch) if fingerprint else None)
        except BaseException:
            writer.abandon()
            raise
        return PartResult(shard.id, writer.rows, writer.close())

    def with_crash_tracking(self) -> ShardScan:
        """The same work, one row at a time, with a crash marker of the row in hand."""
        return replace(self, is_probing=True)

    def excluding_crash(self, shard: Shard, reason: str) -> ShardScan:
        """The same work without what was in hand when a probing worker died: it, if that was before the first row."""
        try:
            act, number = self._crash_marker(shard).read_text().split()
        except FileNotFoundError:
            return self
        return replace(self, crashes=(*self.crashes, Crash(shard.id, act, int(number), reason)))

    def row(self, sample: Sample) -> Row:
        """One sample by itself."""
        batch = _Batch()
        batch.add(self._opened(sample, None))
        return self._rows(batch)[0]

    # ---- batches

    def _batches(self, shard: Shard) -> Iterator[_Batch]:
        batch = _Batch()
        for number, item in enumerate(self._items(shard)):
            crash = self._crash(shard, _OPENING, number)
            batch.add(
                row_from_unreadable(item, self.draw) if isinstance(item, Unreadable) else self._opened(item, crash)
            )
            if batch.is_full or self.is_probing:
                yield batch
                batch = _Batch()
        if batch.items:
            yield batch

    def _items(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """What the reader gives; where reading a row kills the worker, one row stands for it and those behind it."""
        reader: Reader = registry.load("readers", shard.reader)()
        items = reader.read(shard)
        for number in itertools.count():
            if crash := self._crash(shard, _READING, number):
                place = shard.input.prefix + (shard.file or str(shard.start))
                yield Unreadable(f"{place} from row {number} on", place, place, f"reading from row {number} on {crash}")
                return
            self._mark(shard, _READING, number)
            try:
                item = next(items)
            except StopIteration:
                return
            self._mark(shard, _OPENING, number)
            yield item

    def _crash(self, shard: Shard, act: str, number: int) -> str | None:
        known = (crash for crash in self.crashes if (crash.shard, crash.act, crash.number) == (shard.id, act, number))
        return next((crash.reason for crash in known), None)

    def _mark(self, shard: Shard, act: str, number: int) -> None:
        if self.is_probing:
            self._crash_marker(shard).write_text(f"{act} {number}")

    def _crash_marker(self, shard: Shard) -> Path:
        return Store(self.out).folder / f"{shard.id}.row.tmp"

    def _opened(self, sample: Sample, crash: str | None) -> View | Row:
        """The sample with its header read, or the unreadable row that it is."""
        view = view_of(sample, self.config.limits, self.config.depth, self.draw, self.cache)
        if crash:
            return unreadable(view, f"opening it {crash}")
        try:
            view.weight  # noqa: B018  a property that refuses
            if view.is_opened:
                view.header  # noqa: B018
        except SampleError as error:
            return unreadable(view, str(error))
        return view

    def _rows(self, batch: _Batch, writer: PartWriter | None = None) -> list[Row]:
        batch.items = [self._decoded(item) if isinstance(item, View) else item for item in batch.items]
        views = [item for item in batch.items if isinstance(item, View)]
        self._encode(views)
        if self.indexes:
            self.indexes.match(views)
        signals = zip(*(run_detector(detector, views) for detector in self._detectors), strict=True)
        rows = map(make_row, views, signals if self._detectors else [()] * len(views))
        added = [
            self._add_statistics(view, row, writer) if writer else row for view, row in zip(views, rows, strict=True)
        ]
        remaining = iter(added)
        return [next(remaining) if isinstance(item, View) else item for item in batch.items]

    def _encode(self, views: Sequence[View]) -> None:
        """What the encoder makes of the images, in batches, where a detector needs it or its vectors are kept."""
        is_own = self._are_kept and self.vectors.is_own
        seen = [
            view for view in views if view.unavailable_reason(Need.EMBEDDING) is None and (is_own or self._is_encoding)
        ]
        for view, encoding in zip(seen, encodings(embedded(), seen) if seen else (), strict=True):
            view.encoding = encoding
        self._keep_vectors(views)

    def _keep_vectors(self, views: Sequence[View]) -> None:
        for view, vector in zip(views, self.vectors.vectors(views) if self._are_kept else (), strict=False):
            view.vector = vector
        for view, cosine in zip(views, self.vectors.caption_similarities(views), strict=True):
            view.caption_similarity = cosine

    def _beside(self, batch: _Batch) -> tuple[list[np.ndarray | None], list[np.ndarray | None]]:
        """A vector and a thumbnail a row; None for rows that could not be read, or not seen."""
        rows = [item if isinstance(item, View) else None for item in batch.items]
        return [view.vector if view else None for view in rows], [view.thumbnail if view else None for view in rows]

    @property
    def _are_kept(self) -> bool:
        """Whether there will be vectors: they were asked for, or come with what a detector needs."""
        return self.vectors.is_wanted or not self.vectors.is_own or self._is_encoding

    @cached_property
    def _is_encoding(self) -> bool:
        return any(detector.needs >= Need.EMBEDDING and detector.id not in _OF_BANKS for detector in self._detectors)

    def _add_statistics(self, view: View, row: Row, writer: PartWriter) -> Row:
        """Adds an undecided image's statistics to the sums of the aggregate detectors. The row, with a failed signal of
        a detector that raised."""
        if row.verdict is None or row.verdict.kind in (VerdictKind.SYNTHETIC, VerdictKind.EDITED):
            return row
        for detector in self._detectors:
            if isinstance(detector, AggregateDetector) and view.unavailable_reason(detector.needs) is None:
                try:
                    statistic = detector.statistic(view)
                except Exception as error:  # its bug costs its answer, as in run_detector
                    row = replace_signal(row, detector, DetectorResult.failed(error))
                    continue
                if statistic is not None:
                    writer.add_statistic(detector.id, statistic)
        return row

    def _decoded(self, view: View) -> View | Row:
        try:
            if view.is_opened and view.depth >= Need.PIXELS:
                view.pixels  # noqa: B018
        except SampleError as error:
            return unreadable(view, str(error))
        return view

    @cached_property
    def _detectors(self) -> list[Detector]:
        return [self._made(registry.load("detectors", id)) for id in self.config.detectors]

    def _made(self, kind: type[Detector]) -> Detector:
        if not issubclass(kind, ClassifierDetector):
            return kind()
        return kind.made(indexes=self.indexes, vectors=self.vectors, counts=self.counts)


def view_of(sample: Sample, limits: Limits, depth: Need, draw: SamplePlan | None, cache: Path | None = None) -> View:
    """The sample, to be opened as far as the audit goes, or as far as it goes beyond its sample. cache: where what was
    fetched of the sample's rows lies."""
    if draw is not None and not draw.includes(sample):
        return View(sample, limits, min(depth, draw.depth_outside_sample), is_sampled=False)
    if cache is None or sample.content is not None or sample.url is None:
        return View(sample, limits, depth)
    found = Fetcher(cache).cached(sample.url) or UnavailableContent("not fetched")
    return View(replace(sample, content=found), limits, depth, is_fetched=True)


def examined(sample: Sample, limits: Limits = Limits()) -> Row:
    """One sample by itself, by every detector."""
    scan = ShardScan(Path(), ScanConfig(tuple(registry.table("detectors")), limits=limits), digest="")
    return scan.row(sample)


class _Batch:
    """Samples that are held together, until they are enough rows, bytes or pixels."""

    def __init__(self) -> None:
        self.items: list[View | Row] = []
        self._bytes = self._pixels = 0

    def add(self, item: View | Row) -> None:
        """One more."""
        self.items.append(item)
        if isinstance(item, View) and item.is_opened:
            self._bytes += len(item.data)
            if item.depth >= Need.PIXELS:
                self._pixels += item.header.width * item.header.height

    @property
    def is_full(self) -> bool:
        """Whether it is time to look at them."""
        return len(self.items) >= _BATCH_ROWS or self._bytes >= _BATCH_BYTES or self._pixels >= _BATCH_PIXELS


# ---- the dataset's digest, without decoding -------------------------------------------------------------------------


@dataclass(frozen=True)
class ShardDigest:
    """Reads a shard only far enough for the digest that its part has, to tell whether the dataset is still the same."""

    depth: Need
    limits: Limits
    draw: SamplePlan | None = None

    def __call__(self, shard: Shard) -> PartResult:
        """The whole shard."""
        reader: Reader = registry.load("readers", shard.reader)()
        total, rows = hashlib.sha256(), 0
        for item in reader.read(shard):
            total.update(row_digest(self._row(item)))
            rows += 1
        return PartResult(shard.id, rows, total.hexdigest())

    def _row(self, item: Sample | Unreadable) -> Row:
        if isinstance(item, Unreadable):
            return row_from_unreadable(item, self.draw)
        view = view_of(item, self.limits, self.depth, self.draw)
        return unreadable(view, "") if view.is_opened else replace(unreadable(view, ""), covariates=Covariates())

    def with_crash_tracking(self) -> ShardDigest:
        """Nothing is decoded here; a crash is nobody's row."""
        return self

    def excluding_crash(self, shard: Shard, reason: str) -> ShardDigest:
        """The same."""
        return self
