"""One shard, from its rows to its evidence: what a worker does. Picklable, and free of anything shared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from auditor import registry
from auditor.decode import Limits
from auditor.errors import Refused
from auditor.fuse import fuse
from auditor.plugin import Detector, PopulationDetector, Reader, Reading, Shard
from auditor.store import PartWriter, Store, row_digest
from auditor.types import Covariates, Evidence, Label, Need, Row, Sample, Signal, Status, Unreadable
from auditor.view import View

_BATCH_ROWS = 512
_BATCH_BYTES = 64 << 20
_BATCH_PIXELS = 16_000_000


@dataclass(frozen=True, slots=True)
class PartResult:
    """What comes back of a shard: how many rows it had, and the digest over what the dataset said in them."""

    shard: str
    rows: int
    digest: str


@dataclass(frozen=True)
class ShardScan:
    """Reads a shard, asks the detectors, writes the part.

    poison: rows (by number in their shard) that killed a worker and are not opened again, with the reason.
    probing: note which row is in hand, so that a crash can be laid to it.
    """

    out: Path
    detectors: tuple[str, ...]
    depth: Need
    limits: Limits
    config: str
    poison: tuple[tuple[str, int, str], ...] = ()
    is_probing: bool = False

    def __call__(self, shard: Shard) -> PartResult:
        """The whole shard."""
        writer = PartWriter(Store(self.out).path(shard.id), shard, self.config)
        try:
            for batch in self._batches(shard):
                writer.write(self._rows(batch, writer))
        except BaseException:
            writer.abandon()
            raise
        return PartResult(shard.id, writer.rows, writer.close())

    def probing(self) -> ShardScan:
        """The same work, one row at a time, leaving a note of the row in hand."""
        return replace(self, is_probing=True)

    def refusing(self, shard: Shard, reason: str) -> ShardScan:
        """The same work without the row that was in hand when a probing worker died."""
        number = int(self._note(shard).read_text())
        return replace(self, poison=(*self.poison, (shard.id, number, reason)))

    def row(self, sample: Sample) -> Row:
        """One sample by itself."""
        batch = _Batch()
        batch.add(self._opened(sample, None))
        return self._rows(batch)[0]

    # ---- batches

    def _batches(self, shard: Shard) -> Iterator[_Batch]:
        poison = {number: reason for id, number, reason in self.poison if id == shard.id}
        reader: Reader = registry.load("readers", shard.reader)()
        batch = _Batch()
        for number, item in enumerate(reader.read(shard)):
            if self.is_probing:
                self._note(shard).write_text(str(number))
            batch.add(item if isinstance(item, Unreadable) else self._opened(item, poison.get(number)))
            if batch.is_full or self.is_probing:
                yield batch
                batch = _Batch()
        if batch.items:
            yield batch

    def _note(self, shard: Shard) -> Path:
        return Store(self.out).folder / f"{shard.id}.row.tmp"

    def _opened(self, sample: Sample, poison: str | None) -> View | Row:
        """The sample with its header read, or the unreadable row that it is."""
        view = View(sample, self.limits, self.depth)
        if poison:
            return _unreadable(view, poison)
        try:
            if view.is_opened:
                view.header  # noqa: B018  a property that refuses
        except Refused as error:
            return _unreadable(view, str(error))
        return view

    def _rows(self, batch: _Batch, writer: PartWriter | None = None) -> list[Row]:
        items = [self._decoded(item) if isinstance(item, View) else _row(item) for item in batch.items]
        views = [item for item in items if isinstance(item, View)]
        answers = zip(*(_ask(detector, views) for detector in self._detectors), strict=True)
        judged = list(map(_judged, views, answers if self._detectors else [()] * len(views)))
        if writer:
            self._add_traces(views, judged, writer)
        remaining = iter(judged)
        return [next(remaining) if isinstance(item, View) else item for item in items]

    def _add_traces(self, views: Sequence[View], rows: Sequence[Row], writer: PartWriter) -> None:
        """What the undecided images add to the sums of detectors that look at the whole dataset."""
        for detector in self._detectors:
            if isinstance(detector, PopulationDetector):
                for view, row in zip(views, rows, strict=True):
                    undecided = row.verdict is not None and row.verdict.label not in (Label.SYNTHETIC, Label.EDITED)
                    if undecided and view.blind(detector.needs) is None:
                        trace = detector.traces(view)
                        if trace is not None:
                            writer.add_traces(detector.id, trace)

    def _decoded(self, view: View) -> View | Row:
        try:
            if view.is_opened and self.depth >= Need.PIXELS:
                view.pixels  # noqa: B018
        except Refused as error:
            return _unreadable(view, str(error))
        return view

    @cached_property
    def _detectors(self) -> list[Detector]:
        return [registry.load("detectors", id)() for id in self.detectors]


def examined(sample: Sample, limits: Limits = Limits()) -> Row:
    """One sample by itself, by every detector."""
    scan = ShardScan(Path(), tuple(registry.table("detectors")), Need.PIXELS, limits, config="")
    return scan.row(sample)


class _Batch:
    """Samples that are held together, until they are enough rows, bytes or pixels."""

    def __init__(self) -> None:
        self.items: list[View | Row | Unreadable] = []
        self._bytes = self._pixels = 0

    def add(self, item: View | Row | Unreadable) -> None:
        """One more."""
        self.items.append(item)
        if isinstance(item, View) and item.is_opened:
            self._bytes += len(item.data)
            self._pixels += item.header.width * item.header.height

    @property
    def is_full(self) -> bool:
        """Whether it is time to look at them."""
        return len(self.items) >= _BATCH_ROWS or self._bytes >= _BATCH_BYTES or self._pixels >= _BATCH_PIXELS


# ---- asking and concluding ------------------------------------------------------------------------------------------


def _ask(detector: Detector, views: Sequence[View]) -> list[Signal]:
    """One signal a view; abstentions for those the detector could not look at."""
    blind = [view.blind(detector.needs) for view in views]
    able = [view for view, why in zip(views, blind, strict=True) if why is None]
    answers = iter(_read(detector, able))
    id, kind = detector.id, detector.evidence
    return [_signal(id, kind, next(answers) if why is None else _abstained(why)) for why in blind]


def _read(detector: Detector, views: Sequence[View]) -> list[Reading]:
    if not views:
        return []
    try:
        return detector.read(views)
    except Exception:  # one view spoils the batch: which one?
        return [_read_one(detector, view) for view in views]


def _read_one(detector: Detector, view: View) -> Reading:
    try:
        return detector.read([view])[0]
    except Refused as error:
        return Reading.abstain(str(error))
    except Exception as error:  # a bug of the detector costs one answer, is counted and shown, and not the scan
        return Reading.failed(error)


@lru_cache(maxsize=4096)  # most answers of a million rows are the same few
def _abstained(why: str) -> Reading:
    return Reading.abstain(why)


@lru_cache(maxsize=4096)
def _signal(detector: str, evidence: Evidence, reading: Reading) -> Signal:
    return Signal(
        detector=detector,
        evidence=evidence,
        tier=reading.tier,
        score=reading.score,
        reason=reading.reason,
        claim=reading.claim,
        generator=reading.generator,
    )


def _judged(view: View, signals: tuple[Signal, ...]) -> Row:
    sample = view.sample
    return Row(
        key=sample.key,
        source=sample.source,
        image=sample.image,
        status=Status.OK if view.is_opened else Status.NO_BYTES,
        reason="" if view.is_opened else view.blind(Need.FILE) or "",
        caption=sample.caption,
        verdict=fuse(signals),
        signals=signals,
        covariates=view.covariates(),
        said=_said(sample),
    )


def _unreadable(view: View, reason: str) -> Row:
    sample = view.sample
    try:
        covariates = Covariates(sha256=view.sha256)
    except Refused:
        covariates = Covariates()
    return Row(
        sample.key,
        sample.source,
        sample.image,
        Status.UNREADABLE,
        reason,
        sample.caption,
        covariates=covariates,
        said=_said(sample),
    )


def _said(sample: Sample) -> str:
    """A digest of the manifest's own fields: a label that was changed is a dataset that was changed."""
    fields = sorted(sample.row.items(), key=lambda item: str(item[0]))
    text = repr((sample.url, sample.declared, fields)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _row(item: Row | Unreadable) -> Row:
    return item if isinstance(item, Row) else Row(item.key, item.source, item.image, item.status, item.reason)


# ---- the dataset's digest, without decoding -------------------------------------------------------------------------


@dataclass(frozen=True)
class ShardDigest:
    """Reads a shard only far enough for the digest that its part has, to tell whether the dataset is still the same."""

    depth: Need
    limits: Limits

    def __call__(self, shard: Shard) -> PartResult:
        """The whole shard."""
        import hashlib

        reader: Reader = registry.load("readers", shard.reader)()
        total, rows = hashlib.sha256(), 0
        for item in reader.read(shard):
            total.update(row_digest(self._row(item)))
            rows += 1
        return PartResult(shard.id, rows, total.hexdigest())

    def _row(self, item: Sample | Unreadable) -> Row:
        if isinstance(item, Unreadable):
            return _row(item)
        view = View(item, self.limits, self.depth)
        return _unreadable(view, "") if view.is_opened else replace(_unreadable(view, ""), covariates=Covariates())

    def probing(self) -> ShardDigest:
        """Nothing is decoded here; a crash is nobody's row."""
        return self

    def refusing(self, shard: Shard, reason: str) -> ShardDigest:
        """The same."""
        return self
