"""The task of workers that scans a shard. It is picklable and shares no state."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from auditor import readers, registry
from auditor.captions.declared import LOOKED
from auditor.classifier import ClassifierDetector
from auditor.config import Limits, ScanConfig
from auditor.embeddings.embedded_encoder import embedded
from auditor.embeddings.vector_source import VectorSource, encodings
from auditor.errors import AuditorError, SampleError
from auditor.estimate.calibration import Calibration
from auditor.evidence_store.columns import table_of
from auditor.evidence_store.store import Kept, PartWriter, part_path
from auditor.images.deadline import TooSlow, deadline
from auditor.images.view import View
from auditor.plugin import AggregateDetector, Detector, DetectorResult, Shard, ShardTask, crash_reason
from auditor.readers.row_columns import RowBatch
from auditor.row_columns import RowColumns
from auditor.sampling.rows import SamplePlan
from auditor.scanning.batches import Batch, OrderedRows, batches
from auditor.scanning.column_scan import ColumnScan
from auditor.scanning.detect import (
    make_row,
    replace_signal,
    row_from_unreadable,
    run_detector,
    too_slow,
    unreadable,
    view_of,
)
from auditor.scanning.shard_digest import PartResult, content_of_columns
from auditor.similarity.match import ReferenceIndexes
from auditor.storage import failures as store_failures
from auditor.storage.atomic import SUFFIX as TEMPORARY
from auditor.storage.output_folder import PathLike, part_folder, scratch_folder
from auditor.types import Need, Row, Sample, Unreadable, VerdictKind

_USE_KEPT_VECTORS = ("known-image", "known-neighbour")  # they need vectors, but not the embedded encoder's
_READING, _OPENING = "reading", "opening"


@dataclass(frozen=True, slots=True)
class Crash:
    """What crashed a worker: reading (act "reading") or opening ("opening") the row with this number; and how."""

    shard: str
    act: str
    number: int
    reason: str


@dataclass(frozen=True)
class ShardScan(ShardTask[PartResult]):
    """Reads a shard, runs the detectors, writes the part.

    out: the audit's folder, a path or a URL. digest: covers all that decides the evidence. sample_plan: the rows to
    examine in full; None for all of them. cache: folder of the fetched images. vectors: the source of the vectors that
    are kept. indexes: reference indexes to search. counts: a user calibration on which a detector's scores depend.
    crashes: rows to skip, because they crashed a worker. is_tracking: write a crash marker, which names the row in
    progress.
    """

    out: PathLike
    config: ScanConfig
    digest: str
    sample_plan: SamplePlan | None = None
    cache: Path | None = None
    vectors: VectorSource = VectorSource()
    indexes: ReferenceIndexes = ReferenceIndexes()
    counts: Calibration | None = None
    crashes: tuple[Crash, ...] = ()
    is_tracking: bool = False

    def __call__(self, shard: Shard) -> PartResult:
        """Scan the shard and write its part."""
        fingerprint = self.vectors.fingerprint if self._are_kept else None
        with part_folder(self.out, shard.id) as folder:
            path, captions = part_path(folder, shard.id), not self.config.no_captions
            writer = PartWriter(path, shard, self.digest, fingerprint=fingerprint, captions=captions)
            digest = self._write_part(shard, writer)
        if self.is_tracking:
            self._crash_marker(shard).unlink(missing_ok=True)
        return PartResult(shard.id, writer.rows, digest)

    def _write_part(self, shard: Shard, writer: PartWriter) -> str:
        """The digest of the part."""
        failures = store_failures.so_far()
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged files: their rows say what is wrong
                columns = readers.read_columns(shard) if self._may_scan_columns else None
                if columns is not None:
                    self._scan_columns(columns, writer)
                else:
                    self._scan_rows(shard, writer)
            writer.is_incomplete = store_failures.so_far() > failures
            return writer.close()
        except BaseException:
            writer.abandon()
            raise

    @property
    def uses_gpu(self) -> bool:
        """Whether images are encoded by open_clip; the built-in models run on CPUs, where they were measured."""
        return self.vectors.encoder is not None

    def with_crash_tracking(self) -> ShardScan:
        """The same task, one row at a time, with a crash marker for the row in progress."""
        return replace(self, is_tracking=True)

    def excluding_crash(self, shard: Shard, reason: str) -> ShardScan:
        """The same task without the row that the crash marker names; unchanged if it crashed before the first row."""
        try:
            act, number = self._crash_marker(shard).read_text().split()
        except FileNotFoundError:
            return self
        return replace(self, crashes=(*self.crashes, Crash(shard.id, act, int(number), reason)))

    def row(self, sample: Sample) -> Row:
        """The row of a single sample."""
        batch = Batch()
        batch.add(self._opened(sample, None))
        return self._rows(batch)[0]

    # ---- columns

    @property
    def _may_scan_columns(self) -> bool:
        """Whether rows without an image are alike. They are not if vectors of them exist; and a row that crashes a
        worker is found row by row."""
        return not (self.is_tracking or self.crashes or self.indexes or self.vectors.existing)

    def _scan_columns(self, columns: Iterable[RowBatch | Unreadable], writer: PartWriter) -> None:
        config = self.config
        task = ColumnScan(self._detectors, config.limits, config.depth, self.sample_plan, not config.no_captions)
        for batch in columns:
            if isinstance(batch, Unreadable):
                writer.write([row_from_unreadable(batch, self.sample_plan)], ([None], [None]))
                continue
            writer.content.add_columns(batch.table)
            first = np.arange(min(LOOKED, batch.table.num_rows))
            writer.look_at_columns(item for _, item in batch.items(first) if isinstance(item, Sample))
            is_single = self._is_fetched(batch.columns)
            alike = np.flatnonzero(~is_single)
            singles = np.sort(np.concatenate([batch.others, batch.position[is_single]]))
            found = OrderedRows()
            if len(alike):
                found.add(batch.position[alike], task.table(batch.columns.take(alike), writer.bases))
            items = list(batch.items(singles))
            numbers = iter([number for number, _ in items])
            for opened in batches(self._view(item, None) for _, item in items):
                rows = self._rows(opened, writer)
                of_rows = np.fromiter(itertools.islice(numbers, len(rows)), np.int64)
                found.add(of_rows, table_of(rows, writer.bases), self._vectors_and_thumbnails(opened))
            writer.write_table(*found.result())

    def _is_fetched(self, columns: RowColumns) -> np.ndarray:
        """Which rows are opened because their images were fetched, bool (rows,)."""
        if self.cache is None:
            return np.zeros(len(columns), bool)
        return self.sample_plan.included(columns) if self.sample_plan else np.ones(len(columns), bool)

    # ---- rows

    def _scan_rows(self, shard: Shard, writer: PartWriter) -> None:
        items = self._opened_items(shard)
        for batch in batches(items, most=1) if self.is_tracking else batches(items):
            writer.look_at_columns(item.sample for item in batch.items if isinstance(item, View))
            writer.write(self._rows(batch, writer), self._vectors_and_thumbnails(batch))
        is_read_again = not any(crash.act == _READING for crash in self.crashes)  # that crashed the worker
        if is_read_again and (columns := readers.read_columns(shard)) is not None:
            writer.content, _ = content_of_columns(columns)  # the same as if they had been scanned as columns

    def _opened_items(self, shard: Shard) -> Iterator[View | Row]:
        for number, item in enumerate(self._items(shard)):
            yield self._view(item, self._crash(shard, _OPENING, number))

    def _view(self, item: Sample | Unreadable, crash: str | None) -> View | Row:
        if isinstance(item, Unreadable):
            return row_from_unreadable(item, self.sample_plan)
        return self._opened(item, crash)

    def _items(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """The reader's items. If reading one crashes the worker, one unreadable item replaces it and all after it."""
        items = readers.read(shard)
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
        crashes = (crash for crash in self.crashes if (crash.shard, crash.act, crash.number) == (shard.id, act, number))
        return next((crash.reason for crash in crashes), None)

    def _mark(self, shard: Shard, act: str, number: int) -> None:
        if self.is_tracking:
            self._crash_marker(shard).write_text(f"{act} {number}")

    def _crash_marker(self, shard: Shard) -> Path:
        return scratch_folder(self.out) / f"{shard.id}.row{TEMPORARY}"

    def _opened(self, sample: Sample, crash: str | None) -> View | Row:
        """The sample's view with its header read; or its row, if it is unreadable."""
        view = view_of(sample, self.config.limits, self.config.depth, self.sample_plan, self.cache)
        if crash:
            return unreadable(view, f"opening it {crash}")
        try:
            view.weight  # noqa: B018  the property raises
            if view.is_opened:
                with deadline(view.limits.max_seconds):
                    view.header  # noqa: B018
                    view.container  # noqa: B018
        except SampleError as error:
            return unreadable(view, str(error))
        except TooSlow:
            return unreadable(view, f"reading its metadata {too_slow(view.limits)}")
        except Exception as error:
            return unreadable(view, crash_reason(error))
        return view

    def _rows(self, batch: Batch, writer: PartWriter | None = None) -> list[Row]:
        try:
            return self._examined(batch, writer)
        except (AuditorError, KeyboardInterrupt):
            raise
        except Exception as error:  # memory, a bug outside of detectors: it costs one row
            (first, *others) = batch.items
            if not others:
                return [unreadable(first, crash_reason(error)) if isinstance(first, View) else first]
        return [row for item in batch.items for row in self._rows(Batch([item]), writer)]

    def _examined(self, batch: Batch, writer: PartWriter | None) -> list[Row]:
        batch.items = [self._decoded(item) if isinstance(item, View) else item for item in batch.items]
        views = [item for item in batch.items if isinstance(item, View)]
        self._encode(views)
        if self.indexes:
            self.indexes.match(views)
        signals = zip(*(run_detector(detector, views) for detector in self._detectors), strict=True)
        rows = map(make_row, views, signals if self._detectors else [()] * len(views))
        rows_with_statistics = [
            self._add_statistics(view, row, writer) if writer else row for view, row in zip(views, rows, strict=True)
        ]
        remaining = iter(rows_with_statistics)
        return [next(remaining) if isinstance(item, View) else item for item in batch.items]

    def _encode(self, views: Sequence[View]) -> None:
        """Encode the images in batches, if a detector needs that or the encoder's vectors are kept."""
        is_own = self._are_kept and self.vectors.is_own
        decoded = [
            view for view in views if view.unavailable_reason(Need.EMBEDDING) is None and (is_own or self._is_encoding)
        ]
        for view, encoding in zip(decoded, encodings(embedded(), decoded) if decoded else (), strict=True):
            view.encoding = encoding
        self._keep_vectors(views)

    def _keep_vectors(self, views: Sequence[View]) -> None:
        for view, vector in zip(views, self.vectors.vectors(views) if self._are_kept else (), strict=False):
            view.vector = vector
        for view, cosine in zip(views, self.vectors.caption_similarities(views), strict=True):
            view.caption_similarity = cosine

    def _vectors_and_thumbnails(self, batch: Batch) -> Kept:
        """One vector and one thumbnail per row; None for rows that were not decoded. Empty if none are kept."""
        if not self._are_kept:
            return (), ()
        rows = [item if isinstance(item, View) else None for item in batch.items]
        return [view.vector if view else None for view in rows], [view.thumbnail if view else None for view in rows]

    @property
    def _are_kept(self) -> bool:
        """Whether vectors are kept: they were asked for, or a detector needs them anyway."""
        return self.vectors.is_wanted or not self.vectors.is_own or self._is_encoding

    @cached_property
    def _is_encoding(self) -> bool:
        return self.config.depth >= Need.PIXELS and any(
            detector.needs >= Need.EMBEDDING and detector.id not in _USE_KEPT_VECTORS for detector in self._detectors
        )

    def _add_statistics(self, view: View, row: Row, writer: PartWriter) -> Row:
        """Add an undecided image's statistics to the sums of the aggregate detectors. Returns the row, in which the
        signal of a detector that raised is replaced by a failed one."""
        if row.verdict is None or row.verdict.kind in (VerdictKind.SYNTHETIC, VerdictKind.EDITED):
            return row
        for detector in self._detectors:
            if isinstance(detector, AggregateDetector) and view.unavailable_reason(detector.needs) is None:
                try:
                    statistic = detector.statistic(view)
                except Exception as error:  # a bug in the detector costs one signal, as in run_detector
                    row = replace_signal(row, detector, DetectorResult.failed(error))
                    continue
                if statistic is not None:
                    writer.add_statistic(detector.id, statistic)
        return row

    def _decoded(self, view: View) -> View | Row:
        try:
            if view.is_opened and view.depth >= Need.PIXELS and not view.no_pixels:
                view.pixels  # noqa: B018
        except SampleError as error:
            return unreadable(view, str(error))
        return view

    @cached_property
    def _detectors(self) -> list[Detector]:
        return [self._detector(registry.load("detectors", id)) for id in self.config.detectors]

    def _detector(self, kind: type[Detector]) -> Detector:
        if not issubclass(kind, ClassifierDetector):
            return kind()
        return kind.made(indexes=self.indexes, vectors=self.vectors, counts=self.counts)


def examined(sample: Sample, limits: Limits = Limits()) -> Row:
    """The row of a single sample, with every detector."""
    scan = ShardScan(Path(), ScanConfig(tuple(registry.table("detectors")), limits=limits), digest="")
    return scan.row(sample)
