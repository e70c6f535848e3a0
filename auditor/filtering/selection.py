"""Keep-lists: which rows to train on so that the synthetic fraction is at most a target, and what that costs.

Rows decided by evidence, and rows of sources that are to be left out, are removed first. With a target, more rows are
removed, highest adjusted probability first, until the remaining fraction is at most the target. Probabilities are
adjusted to the estimate of each source (aggregate/posteriors.py). The keep-list reports how many real images are
probably among the removed ones, and the remaining fraction with its interval.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditor.aggregate import posteriors
from auditor.aggregate.posteriors import Batch
from auditor.annotation.file import HumanLabel
from auditor.annotation.votes import Votes
from auditor.errors import FilterError
from auditor.estimate.intervals import Interval
from auditor.estimate.prior_shift import log_odds_offset, shift_log_odds
from auditor.estimate.weights import row_weights
from auditor.results import Audit
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("key", "image", *posteriors.COLUMNS)
DROPS = ("nothing", "decided", "likely")
_TO_REACH_TARGET = "removed to reach the target"


@dataclass(frozen=True, slots=True)
class KeepList:
    """audit: the audit that it is made from. rows: key, image, keep, p_synthetic, p_adjusted, weight, reasons; one per
    row of evidence.

    weight: a training weight for a kept row: its probability of being real, times its own weight if rows have weights.
    removed: reason -> rows. false_removals: expected number of real images among removed rows. before, after: the
    synthetic fraction (None without an estimate, or if no row is left). left: number of rows kept. unsampled: number of
    kept rows outside the audit's sample, of which only metadata were read.
    """

    audit: Audit
    rows: pd.DataFrame
    removed: Mapping[str, int]
    false_removals: float | None
    before: Interval | None
    after: Interval | None
    left: int
    unsampled: int = 0


def keep_list(
    evidence: pa.Table,
    audit: Audit,
    full_coverage_detectors: frozenset[str] | None,
    *,
    drop: str = "decided",
    drop_sources: Collection[str] = (),
    labels: Mapping[str, Votes] = {},
    target: float | None = None,
    counted_by: np.ndarray | None = None,
) -> KeepList:
    """The keep-list. evidence: COLUMNS of every row. full_coverage_detectors: as in counts.masks. counted_by: as
    posteriors.counting_rows returns it; what is decided about an image holds for all of its rows.

    drop: `decided` (images confirmed by metadata, watermarks or known images), `likely` (also images that the
    classifier flags) or `nothing`. drop_sources: sources of which no row is kept. labels: by key; no row is kept that
    all annotators labelled synthetic, and labels by provenance are taken at face value. target: the largest synthetic
    fraction allowed. Raises FilterError if a target is given and the audit has no estimate, if no keep-list reaches the
    target, for a source without a row, if the audit read only a sample of shards, or if it has a sample of rows and
    rows are to be removed by their probability.
    """
    _refuse(audit, drop, drop_sources, target)
    shares = posteriors.shares_of(audit, counted_by)
    solved = posteriors.posteriors(audit, [evidence], full_coverage_detectors, shares)
    batch = solved.read(evidence, shares)
    counting = np.arange(len(evidence)) if counted_by is None else counted_by
    votes = [labels.get(key) for key in evidence["key"].take(counting).to_pylist()] if labels else []
    certain = np.array([_certain(vote) for vote in votes]) if labels else np.full(len(evidence), np.nan)
    ends = _ends(audit, solved.of(evidence), batch, certain) if audit.estimate else None
    reasons = _reasons(evidence, batch, drop, drop_sources, counting)
    if labels:
        labelled = [vote is not None and vote.consensus is HumanLabel.SYNTHETIC for vote in votes]
        reasons[np.array(labelled) & (reasons == "")] = "labelled synthetic"
    if target is not None:
        if ends is None:
            raise FilterError("--target needs an audit with an estimate: scan with the classifier, or with --labels")
        _remove_to_target(target, ends[0], reasons, batch.weights)
    images = np.ones(len(evidence)) if shares is None else shares
    kept = _make_list(evidence, reasons, ends, audit, batch.weights, images)
    return replace(kept, unsampled=int((batch.masks.unsampled & kept.rows.keep.to_numpy()).sum()))


def _refuse(audit: Audit, drop: str, drop_sources: Collection[str], target: float | None) -> None:
    """Raises FilterError for impossible arguments, and for an audit that does not suffice for them."""
    if isinstance(drop_sources, str):
        raise FilterError(f"`drop_sources` must be a list of sources, got {drop_sources!r:.40}")
    if target is not None and not 0 <= target <= 1:
        raise FilterError(f"`target` must be a fraction from 0 to 1, got {target!r:.40}")
    if audit.shards:
        raise FilterError(
            f"the audit read {audit.shards.read:,} of {audit.shards.of:,} shards, and a keep-list would remove all "
            "others: scan all shards (results so far are kept)"
        )
    if audit.sample and (drop == "likely" or target is not None):
        raise FilterError(
            f"only {audit.sample.rows:,} of {audit.counts.rows:,} rows were classified, and a keep-list by probability "
            "needs all of them: scan with --sample all"
        )


def _certain(votes: Votes | None) -> float:
    """Whether labels that are taken at face value show an image to be synthetic (1) or real (0); NaN without any."""
    found = votes.at_face_value if votes else ()
    return float(HumanLabel.SYNTHETIC in found) if len(found) == 1 else np.nan


def _ends(
    audit: Audit, point: np.ndarray, batch: Batch, certain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every row's adjusted probability at the estimate's point, lower and upper end: at an end, the same log-odds are
    added to all probabilities that neither evidence nor a label decides. certain: by labels; NaN for others."""
    masks, weights, estimate = batch.masks, batch.weights, audit.estimate
    by_label = ~np.isnan(certain) & masks.undecided
    is_open = (masks.undecided | (masks.undetermined & ~masks.sampled)) & ~by_label
    decided = float(weights[masks.confirmed & ~is_open].sum() + (weights * certain)[by_label].sum())
    ends = [] if by_label.any() else [point]
    shares = (estimate.point, estimate.low, estimate.high)[len(ends) :] if estimate else ()
    for share in shares:
        end = point.copy()
        end[by_label] = certain[by_label]
        if weights[is_open].any():
            wanted = (share * float(weights[masks.readable].sum()) - decided) / float(weights[is_open].sum())
            offset = log_odds_offset(point[is_open], weights[is_open], min(1.0, max(0.0, wanted)))
            is_shifted = is_open | (masks.unsampled & ~masks.readable)
            end[is_shifted] = shift_log_odds(point[is_shifted], offset)
        ends.append(end)
    return ends[0], ends[1], ends[2]


def _reasons(
    evidence: pa.Table, batch: Batch, drop: str, drop_sources: Collection[str], counting: np.ndarray
) -> np.ndarray:
    """The reason for removing each row; '' for rows that are not removed yet. counting: the number of the row that
    counts each row's image. Raises FilterError for an unknown `drop`, and for a source without a row."""
    if drop not in DROPS:
        raise FilterError(f"drop must be one of {', '.join(DROPS)}, got {drop}")
    status, verdict, decided = (evidence[name].fill_null("").to_numpy() for name in ("status", "verdict", "decided_by"))
    reasons = np.full(len(status), "", dtype=object)
    if drop == "likely":
        likely = verdict == VerdictKind.LIKELY_SYNTHETIC.value
        reasons[likely] = [f"likely synthetic: {detector}" for detector in decided[likely]]
    for name in drop_sources:
        members = batch.source == name
        if not members.any():
            close = difflib.get_close_matches(name, set(batch.source), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "; `auditor export AUDIT --by source` lists sources"
            raise FilterError(f"no row is of the source {name[:80]!r}{hint}")
        reasons[members] = f"source left out: {name}"
    if drop != "nothing":
        # A table may declare images synthetic that are not here: the audit's shares do not count them.
        is_declared = (status == Status.NO_BYTES.value) & (verdict == VerdictKind.SYNTHETIC.value)
        own = batch.masks.confirmed | is_declared
        confirmed = own | own[counting]
        deciding = np.where(own, decided, decided[counting])
        reasons[confirmed] = [f"synthetic: {detector}" for detector in deciding[confirmed]]
    for word in (Status.UNREADABLE.value, Status.FAILED.value):
        reasons[status == word] = word
    return reasons


def _remove_to_target(target: float, p: np.ndarray, reasons: np.ndarray, weight: np.ndarray) -> None:
    """Removes rows, highest probability first, until the mean probability of the other rows is at most the target."""
    left = np.flatnonzero((reasons == "") & ~np.isnan(p))
    order = left[np.argsort(-p[left], kind="stable")]
    # The mean of the k rows with the lowest probability, for every k; the largest k whose mean fits is kept.
    lowest_first = order[::-1]
    counts = weight[lowest_first]
    means = np.cumsum(p[lowest_first] * counts) / np.maximum(np.cumsum(counts), np.finfo(float).tiny)
    fits = np.flatnonzero(means <= target + 1e-12)
    if len(order) and not len(fits):
        lowest = math.ceil(1000 * p[order].min()) / 1000
        raise FilterError(
            f"no keep-list reaches {100 * target:g} %: every row is more likely than that to be synthetic. The lowest "
            f"target that can be reached is {lowest:g} ({100 * lowest:.1f} %); labels (auditor label) may lower it"
        )
    kept = int(fits[-1]) + 1 if len(fits) else 0
    reasons[order[: len(order) - kept]] = _TO_REACH_TARGET


def _make_list(
    evidence: pa.Table,
    reasons: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    audit: Audit,
    weight: np.ndarray,
    images: np.ndarray,
) -> KeepList:
    """weight: of rows for the fractions. images: each row's part of its image; rows are trained on one by one."""
    import pandas as pd

    estimate = audit.estimate
    keep = reasons == ""
    p = ends[0] if ends else np.full(len(keep), np.nan)
    frame = pd.DataFrame(
        {
            "key": evidence["key"].to_numpy(),
            "image": evidence["image"].to_numpy(),
            "keep": keep,
            "p_synthetic": evidence["p_synthetic"].to_numpy(),
            "p_adjusted": p,
            "weight": np.where(keep, 1 - np.nan_to_num(p), 0.0) * row_weights({"weight": evidence["weight"]}),
            "reasons": reasons,
        }
    )
    counted = pd.Series(reasons[~keep]).value_counts()
    return KeepList(
        audit=audit,
        rows=frame,
        removed={str(reason): int(rows) for reason, rows in counted.items()},
        false_removals=float(np.nansum(((1 - p) * images)[~keep])) if ends else None,
        before=Interval(estimate.point, estimate.low, estimate.high) if estimate else None,
        after=Interval(*(_mean(end, keep, weight) for end in ends)) if ends and keep.any() else None,
        left=int(keep.sum()),
    )


def _mean(p: np.ndarray, keep: np.ndarray, weight: np.ndarray) -> float:
    """The weighted mean over rows that are kept and have a probability."""
    counts = (keep & ~np.isnan(p)).astype(float) * weight
    return float(np.average(np.nan_to_num(p), weights=counts)) if counts.any() else 0.0
