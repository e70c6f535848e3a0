"""Which rows to train on: keep-lists that bring a dataset under a target, with what they cost.

What evidence decides goes first; with a target, more rows follow, those with the highest adjusted chance before others,
until the fraction that is left is at most the target. Among them are real images: how many is told, as is the fraction
that remains, with its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import FilterError
from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, EvidenceMasks, masks, sums_of
from auditor.estimate.design import row_design
from auditor.estimate.intervals import Interval
from auditor.estimate.prior_shift import solve_prior_shift
from auditor.estimate.weights import row_weights
from auditor.results import Audit, Estimate
from auditor.types import Status, VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

COLUMNS = ("key", "image", "status", "verdict", "decided_by", "p_synthetic", "sampled", "weight")
DROPS = ("nothing", "decided", "likely")
_OF_REMOVED = "removed to reach the target"


@dataclass(frozen=True, slots=True)
class KeepList:
    """rows: key, image, keep, p_synthetic, p_adjusted, weight, reasons; a row of evidence each.

    weight: of a kept row in training, its chance of being real, times its own weight where rows have one. removed:
    reason -> rows. false_removals: real images that can be expected among them. before, after: the synthetic fraction,
    by those weights (None without an estimate, or where no row is left). left: rows kept.
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
    """What to keep. evidence: COLUMNS of every row. full_coverage_detectors: as in counts.masks.

    drop: `decided` (what declared or matched evidence says is synthetic), `likely` (what the model says is likely so,
    too) or `nothing`. target: the largest fraction that may be left. Raises FilterError where the audit has no
    estimate to reach a target by, no keep-list reaches it, or the audit is of some shards only.
    """
    if audit.shards:
        raise FilterError(
            f"the audit read {audit.shards.read:,} of {audit.shards.of:,} shards, and a keep-list would leave the "
            "others out: scan them all (what was read is kept)"
        )
    column = {name: evidence[name].combine_chunks() for name in COLUMNS}
    own = masks(
        column, count_edited=audit.config.estimate.count_edited, full_coverage_detectors=full_coverage_detectors
    )
    chance = column["p_synthetic"].to_numpy(zero_copy_only=False)
    weight = row_weights(column)
    ends = _ends(audit, chance, own, weight)
    reasons = _reasons(column, own.confirmed, drop)
    if target is not None:
        if ends is None:
            raise FilterError("the audit has no estimate to reach a target by: scan with the model, or give --labels")
        _reach(target, ends[0], reasons, weight)
    return _listed(column, reasons, ends, audit.estimate, weight)


def _ends(
    audit: Audit, chance: np.ndarray, own: EvidenceMasks, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Every row's adjusted chance at the estimate's point, lower and upper end."""
    if audit.estimate is None:
        return None
    sums, undecided = sums_of(own, weight), own.undecided
    evidence = EvidenceCounts.of(sums, row_design(sums[UNSAMPLED]))
    ends = audit.estimate.point, audit.estimate.low, audit.estimate.high
    point, low, high = (
        solve_prior_shift(chance[undecided], weight[undecided], evidence, share)(chance, own) for share in ends
    )
    return point, low, high


def _reasons(column: Mapping[str, pa.Array], synthetic: np.ndarray, drop: str) -> np.ndarray:
    """Why each row is removed, '' for those that stay so far."""
    import numpy as np

    if drop not in DROPS:
        raise FilterError(f"no such choice: {drop}; there are {', '.join(DROPS)}")
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


def _reach(target: float, p: np.ndarray, reasons: np.ndarray, weight: np.ndarray) -> None:
    """Removes rows, the likeliest first, until the mean chance of those that are left is at most the target."""
    import numpy as np

    left = np.flatnonzero((reasons == "") & ~np.isnan(p))
    order = left[np.argsort(-p[left], kind="stable")]
    # The mean of the k least likely rows, for every k: the largest k whose mean fits.
    least_first = order[::-1]
    counts = weight[least_first]
    means = np.cumsum(p[least_first] * counts) / np.maximum(np.cumsum(counts), np.finfo(float).tiny)
    fits = np.flatnonzero(means <= target + 1e-12)
    if len(order) and not len(fits):
        raise FilterError(
            f"no keep-list reaches {100 * target:g} %: even the likeliest real image is synthetic with a chance of "
            f"{100 * p[order].min():.1f} %; label some rows (auditor label) to know more, or raise the target"
        )
    kept = int(fits[-1]) + 1 if len(fits) else 0
    reasons[order[: len(order) - kept]] = _OF_REMOVED


def _listed(
    column: Mapping[str, pa.Array],
    reasons: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    estimate: Estimate | None,
    weight: np.ndarray,
) -> KeepList:
    import numpy as np
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
    """Of the rows that are kept and stand for something."""
    import numpy as np

    counts = (keep & ~np.isnan(p)).astype(float) * weight
    return float(np.average(np.nan_to_num(p), weights=counts)) if counts.any() else 0.0
