"""Keep-lists: which rows to train on so that the synthetic fraction is at most a target, and what that costs.

Rows decided by evidence are removed first. With a target, more rows are removed, highest adjusted probability first,
until the remaining fraction is at most the target. The keep-list reports how many real images are probably among them,
and the remaining fraction with its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from auditor.errors import FilterError
from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, masks, sums_of
from auditor.estimate.design import row_design
from auditor.estimate.intervals import Interval
from auditor.estimate.prior_shift import solve_prior_shift
from auditor.estimate.weights import row_weights
from auditor.results import Audit, Estimate
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("key", "image", "status", "verdict", "decided_by", "p_synthetic", "sampled", "weight")
DROPS = ("nothing", "decided", "likely")
_TO_REACH_TARGET = "removed to reach the target"


@dataclass(frozen=True, slots=True)
class KeepList:
    """rows: key, image, keep, p_synthetic, p_adjusted, weight, reasons; one per row of evidence.

    weight: a training weight for a kept row: its probability of being real, times its own weight if rows have weights.
    removed: reason -> rows. false_removals: expected number of real images among removed rows. before, after: the
    synthetic fraction (None without an estimate, or if no row is left). left: number of rows kept.
    """

    rows: pd.DataFrame
    removed: Mapping[str, int]
    false_removals: float | None
    before: Interval | None
    after: Interval | None
    left: int


def keep_list(
    evidence: pa.Table,
    audit: Audit,
    full_coverage_detectors: frozenset[str] | None,
    *,
    drop: str = "decided",
    target: float | None = None,
) -> KeepList:
    """The keep-list. evidence: COLUMNS of every row. full_coverage_detectors: as in counts.masks.

    drop: `decided` (images confirmed by metadata, watermarks or known images), `likely` (also images that the
    classifier flags) or `nothing`. target: the largest synthetic fraction allowed. Raises FilterError if a target is
    given and the audit has no estimate, if no keep-list reaches the target, or if the audit read only a sample of
    shards.
    """
    if audit.shards:
        raise FilterError(
            f"the audit read {audit.shards.read:,} of {audit.shards.of:,} shards, and a keep-list would remove all "
            "others: scan all shards (results so far are kept)"
        )
    column = {name: evidence[name].combine_chunks() for name in COLUMNS}
    own = masks(
        column, count_edited=audit.config.estimate.count_edited, full_coverage_detectors=full_coverage_detectors
    )
    probability = column["p_synthetic"].to_numpy(zero_copy_only=False)
    weight = row_weights(column)
    ends = _ends(audit, probability, own, weight)
    reasons = _reasons(column, own.confirmed, drop)
    if target is not None:
        if ends is None:
            raise FilterError("--target needs an audit with an estimate: scan with the classifier, or with --labels")
        _remove_to_target(target, ends[0], reasons, weight)
    return _make_list(column, reasons, ends, audit.estimate, weight)


def _ends(
    audit: Audit, probability: np.ndarray, own: EvidenceMasks, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Every row's adjusted probability at the estimate's point, lower and upper end."""
    if audit.estimate is None:
        return None
    sums, undecided = sums_of(own, weight), own.undecided
    evidence = EvidenceCounts.of(sums, row_design(sums[UNSAMPLED]))
    ends = audit.estimate.point, audit.estimate.low, audit.estimate.high
    point, low, high = (
        solve_prior_shift(probability[undecided], weight[undecided], evidence, share)(probability, own)
        for share in ends
    )
    return point, low, high


def _reasons(column: Mapping[str, pa.Array], synthetic: np.ndarray, drop: str) -> np.ndarray:
    """The reason for removing each row; '' for rows that are not removed yet."""
    if drop not in DROPS:
        raise FilterError(f"drop must be one of {', '.join(DROPS)}, got {drop}")
    status = column["status"].to_numpy(zero_copy_only=False)
    verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
    decided = column["decided_by"].fill_null("").to_numpy(zero_copy_only=False)
    reasons = np.full(len(status), "", dtype=object)
    for word in (Status.UNREADABLE.value, Status.FAILED.value):
        reasons[status == word] = word
    if drop != "nothing":
        reasons[synthetic] = [f"synthetic: {detector}" for detector in decided[synthetic]]
    if drop == "likely":
        likely = verdict == VerdictKind.LIKELY_SYNTHETIC.value
        reasons[likely] = [f"likely synthetic: {detector}" for detector in decided[likely]]
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
        raise FilterError(
            f"no keep-list reaches {100 * target:g} %: the lowest probability of being synthetic is "
            f"{100 * p[order].min():.1f} %; label some rows (auditor label) for a better estimate, or raise the target"
        )
    kept = int(fits[-1]) + 1 if len(fits) else 0
    reasons[order[: len(order) - kept]] = _TO_REACH_TARGET


def _make_list(
    column: Mapping[str, pa.Array],
    reasons: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    estimate: Estimate | None,
    weight: np.ndarray,
) -> KeepList:
    import pandas as pd

    keep = reasons == ""
    p = ends[0] if ends else np.full(len(keep), np.nan)
    frame = pd.DataFrame(
        {
            "key": column["key"].to_numpy(zero_copy_only=False),
            "image": column["image"].to_numpy(zero_copy_only=False),
            "keep": keep,
            "p_synthetic": column["p_synthetic"].to_numpy(zero_copy_only=False),
            "p_adjusted": p,
            "weight": np.where(keep, 1 - np.nan_to_num(p), 0.0) * weight,
            "reasons": reasons,
        }
    )
    counted = pd.Series(reasons[~keep]).value_counts()
    return KeepList(
        rows=frame,
        removed={str(reason): int(rows) for reason, rows in counted.items()},
        false_removals=float(np.nansum(1 - p[~keep])) if ends else None,
        before=Interval(estimate.point, estimate.low, estimate.high) if estimate else None,
        after=Interval(*(_mean(end, keep, weight) for end in ends)) if ends and keep.any() else None,
        left=int(keep.sum()),
    )


def _mean(p: np.ndarray, keep: np.ndarray, weight: np.ndarray) -> float:
    """The weighted mean over rows that are kept and have a probability."""
    counts = (keep & ~np.isnan(p)).astype(float) * weight
    return float(np.average(np.nan_to_num(p), weights=counts)) if counts.any() else 0.0
