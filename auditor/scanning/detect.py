"""Makes a row of evidence from an opened image: runs each detector, keeps every signal, and fuses them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from auditor.config import Limits
from auditor.errors import AuditorError, SampleError
from auditor.evidence_store.fuse import fuse
from auditor.images.deadline import TooSlow, deadline
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult, crash_reason
from auditor.sampling.rows import SamplePlan
from auditor.storage.content import UnavailableContent
from auditor.types import Covariates, Evidence, Need, Row, Sample, Signal, SignalOutcome, Status, Unreadable

# Characters that evidence keeps of texts that files and tables give.
_MAX_REASON, _MAX_GENERATOR, _MAX_CAPTION = 300, 80, 32_768


def bounded(text: str, most: int) -> str:
    """The text, truncated after `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def run_detector(detector: Detector, views: Sequence[View]) -> list[Signal]:
    """One signal per view, in order; an abstention if the view lacks what the detector needs."""
    signals = [_unavailable(detector, view) for view in views]
    results = iter(_read(detector, [view for view, signal in zip(views, signals, strict=True) if signal is None]))
    return [signal or _signal(detector.id, detector.evidence, next(results)) for signal in signals]


def _unavailable(detector: Detector, view: View) -> Signal | None:
    """The signal for a view that the detector cannot examine; None if it can."""
    reason = view.unavailable_reason(detector.needs)
    if reason is None:
        return None
    outcome = SignalOutcome.ABSTAINED if view.is_evaluable_in_sample(detector.needs) else SignalOutcome.NOT_SAMPLED
    return _signal_without_result(detector.id, detector.evidence, outcome, reason)


def _read(detector: Detector, views: Sequence[View]) -> list[DetectorResult]:
    if not views:
        return []
    images = 1 if detector.needs <= Need.FILE else len(views)  # whose time limit is that of the batch
    try:
        with deadline(images * views[0].limits.max_seconds):
            return detector.read(views)
    except Exception:  # find the view that raises, or takes too long
        return [_read_one(detector, view) for view in views]


def _read_one(detector: Detector, view: View) -> DetectorResult:
    try:
        with deadline(view.limits.max_seconds):
            return detector.read([view])[0]
    except TooSlow:
        view.overdue = f"{detector.id} {too_slow(view.limits)}"
        return DetectorResult.abstained(view.overdue)
    except (SampleError, AuditorError) as error:
        return DetectorResult.abstained(str(error))
    except Exception as error:  # a bug in the detector costs one signal, which is counted and reported
        return DetectorResult.failed(error)


def too_slow(limits: Limits) -> str:
    """The end of a reason."""
    return f"took longer than {limits.max_seconds:g} s (--max-seconds)"


@lru_cache(maxsize=4096)  # a few distinct signals make up most of a million rows
def _signal_without_result(detector: str, evidence: Evidence, outcome: SignalOutcome, reason: str) -> Signal:
    return Signal(detector, evidence, outcome, reason=reason)


@lru_cache(maxsize=4096)
def _signal(detector: str, evidence: Evidence, result: DetectorResult) -> Signal:
    return Signal(
        detector=detector,
        evidence=evidence,
        outcome=result.outcome,
        tier=result.tier,
        score=result.score,
        reason=bounded(result.reason, _MAX_REASON),
        claim=result.claim,
        generator=bounded(result.generator, _MAX_GENERATOR) if result.generator else None,
    )


def replace_signal(row: Row, detector: Detector, result: DetectorResult) -> Row:
    """The row with another result of one detector."""
    signals = (_signal(s.detector, s.evidence, result) if s.detector == detector.id else s for s in row.signals)
    return replace(row, signals=tuple(signals))


def make_row(view: View, signals: tuple[Signal, ...]) -> Row:
    """The finished row. An unexpected exception makes it an unreadable row, with the exception as the reason."""
    try:
        with deadline(view.limits.max_seconds) if view.is_opened else nullcontext():
            return _row(view, signals)
    except TooSlow:
        return unreadable(view, f"reading its metadata {too_slow(view.limits)}")
    except Exception as error:
        return unreadable(view, crash_reason(error))


def _row(view: View, signals: tuple[Signal, ...]) -> Row:
    sample = view.sample
    return Row(
        key=sample.key,
        source=sample.source,
        image=sample.image,
        status=Status.OK if view.is_opened else Status.NO_BYTES,
        reason=sample.note if view.is_opened else view.unavailable_reason(Need.FILE) or "",
        caption=bounded(sample.caption, _MAX_CAPTION) if sample.caption else sample.caption,
        verdict=fuse(signals),
        signals=signals,
        covariates=view.covariates(),
        manifest_digest=_manifest_digest(sample),
        is_sampled=view.is_sampled,
        is_fetched=view.is_fetched,
    )


def unreadable(view: View, reason: str) -> Row:
    """The row of an image that cannot be opened, with the manifest's fields."""
    sample, status = view.sample, Status.UNREADABLE
    try:
        covariates = Covariates(sha256=view.sha256)
    except SampleError:
        covariates = Covariates()
        if view.is_fetched:  # a dead link is not a defect of the dataset's files
            status = Status.FAILED
    return Row(
        sample.key,
        sample.source,
        sample.image,
        status,
        bounded(reason, _MAX_REASON),
        bounded(sample.caption, _MAX_CAPTION) if sample.caption else sample.caption,
        covariates=covariates,
        manifest_digest=_manifest_digest(sample),
        is_sampled=view.is_sampled,
        is_fetched=view.is_fetched,
    )


def _manifest_digest(sample: Sample) -> str:
    """The digest of the manifest's fields: a changed label counts as a changed dataset."""
    fields = sorted(sample.row.items(), key=lambda item: str(item[0]))
    text = repr((sample.url, sample.declared, fields)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def row_from_unreadable(item: Unreadable, sample_plan: SamplePlan | None = None) -> Row:
    """The row of an item that the reader could not read."""
    is_sampled = sample_plan is None or sample_plan.includes(item)
    reason = bounded(item.reason, _MAX_REASON)
    return Row(item.key, item.source, item.image, item.status, reason, is_sampled=is_sampled)


def view_of(
    sample: Sample, limits: Limits, depth: Need, sample_plan: SamplePlan | None, cache: Path | None = None
) -> View:
    """The view of a sample. depth: for rows in the sample; other rows get the sample plan's lower depth. cache: folder
    of the fetched images."""
    if sample_plan is not None and not sample_plan.includes(sample):
        return View(sample, limits, min(depth, sample_plan.depth_outside_sample), is_sampled=False)
    if cache is None or sample.content is not None or sample.url is None:
        return View(sample, limits, depth)
    from auditor.fetching.fetcher import Fetcher  # only a scan that fetches imports what speaks HTTP

    content = Fetcher(cache).cached(sample.url) or UnavailableContent("not fetched")
    return View(replace(sample, content=content), limits, depth, is_fetched=True)
