"""From an opened image and its detectors to a finished row: ask each, keep every answer, conclude."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from auditor.errors import AuditorError, Refused
from auditor.plugin import FAILED, Detector, Reading
from auditor.sampling.draws import Draw
from auditor.types import Covariates, Evidence, Need, Row, Sample, Signal, Status, Unreadable
from auditor.verdicts.fuse import fuse
from auditor.view import View


def ask(detector: Detector, views: Sequence[View]) -> list[Signal]:
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
    except (Refused, AuditorError) as error:
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


def with_answer(row: Row, detector: Detector, reading: Reading) -> Row:
    """The row with another answer of one detector."""
    signals = (_signal(s.detector, s.evidence, reading) if s.detector == detector.id else s for s in row.signals)
    return replace(row, signals=tuple(signals))


def concluded(view: View, signals: tuple[Signal, ...]) -> Row:
    """The finished row; one whose facts cannot be put together is unreadable, and says that the fault is ours."""
    try:
        return _judged(view, signals)
    except Exception as error:
        return unreadable(view, f"{FAILED}{type(error).__name__}: {error}"[:200])


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
        is_drawn=view.is_drawn,
        is_fetched=view.is_fetched,
    )


def unreadable(view: View, reason: str) -> Row:
    """The row of an image that cannot be opened, with what its manifest says of it."""
    sample, status = view.sample, Status.UNREADABLE
    try:
        covariates = Covariates(sha256=view.sha256)
    except Refused:
        covariates = Covariates()
        if view.is_fetched:  # a dead link is no fault of the dataset's files
            status = Status.FAILED
    return Row(
        sample.key,
        sample.source,
        sample.image,
        status,
        reason,
        sample.caption,
        covariates=covariates,
        said=_said(sample),
        is_drawn=view.is_drawn,
        is_fetched=view.is_fetched,
    )


def _said(sample: Sample) -> str:
    """A digest of the manifest's own fields: a label that was changed is a dataset that was changed."""
    fields = sorted(sample.row.items(), key=lambda item: str(item[0]))
    text = repr((sample.url, sample.declared, fields)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def bare(item: Unreadable, draw: Draw | None = None) -> Row:
    """The row of what the reader itself found unreadable."""
    is_drawn = draw is None or draw.has(item)
    return Row(item.key, item.source, item.image, item.status, item.reason, is_drawn=is_drawn)
