"""The tables of CARD.md and the CSV files beside it, from scores of left-out groups alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from training.metrics import (
    balanced_auroc,
    bootstrap_auroc,
    chances,
    expected_calibration_error,
    source_weights,
    tpr_at,
    wilson,
)

LEVELS = (0.01, 0.05)
LARGE = 20  # images of a kind that an aim is held to
AIMS = {
    "AUROC at img2dataset256": 0.94,
    "AUROC at jpeg75": 0.95,
    "TPR at 1 % FPR, worse of the two": 0.55,
    "TPR at 5 % FPR, worse of the two": 0.78,
    "AUROC, photographs against photorealistic images, worse of the two": 0.92,
}
WORST_KIND = 0.15
MAIN = ("jpeg75", "img2dataset256")


def by_condition(scores: pd.DataFrame, baselines: dict[str, float]) -> str:
    """AUROC with its interval, detection at two error rates, what differs between sources, calibration, baselines."""
    names = ["condition", "AUROC (95 % by source)", "TPR at 1 %", "TPR at 5 %", "photographs: AUROC, TPR at 5 %"]
    rows = [[*names, "sd of logit TPR, FPR", "ECE", "baseline: file", "baseline: original's size"]]
    scores = scores.assign(chance=chances(scores))
    for condition, group in scores.groupby("condition", sort=False, observed=True):
        low, high = bootstrap_auroc(group)
        ece = expected_calibration_error(group["label"], group["chance"], source_weights(group))
        photographs = group[group["photographic"]]
        threshold = tpr_at(group, 0.05)[1]
        apart = (spread(group[group["label"] == label], threshold) for label in (1, 0))
        rows.append(
            [
                str(condition),
                f"{balanced_auroc(group):.3f} ({low:.3f}–{high:.3f})",
                *(f"{tpr_at(group, level)[0]:.2f}" for level in LEVELS),
                f"{balanced_auroc(photographs):.3f}, {tpr_at(photographs, 0.05)[0]:.2f}",
                ", ".join(f"{value:.2f}" for value in apart),
                f"{ece:.3f}",
                f"{baselines[str(condition)]:.3f}" if str(condition) in baselines else "–",
                f"{baselines['original']:.3f}",
            ]
        )
    return markdown(rows)


def by_kind(scores: pd.DataFrame, label: int) -> str:
    """Share of each kind's images at or above the threshold that 5 % of all reals of the condition reach."""
    groups = {name: scores[scores["condition"] == name] for name in MAIN}
    thresholds = {name: tpr_at(group, 0.05)[1] for name, group in groups.items()}
    rows = [["kind" if label == 0 else "family", "images", "sources", *MAIN]]
    own = scores[scores["label"] == label]
    for kind, part in sorted(own.groupby("kind", observed=True), key=lambda pair: -pair[1]["path"].nunique()):
        cells = [_rate(part[part["condition"] == name], thresholds[name]) for name in MAIN]
        rows.append([str(kind), f"{part['path'].nunique():,}", str(part["source"].nunique()), *cells])
    return markdown(rows)


def aims(scores: pd.DataFrame) -> str:
    """What was aimed at, what was reached, and by how much it falls short."""
    groups = [scores[scores["condition"] == name] for name in MAIN]
    photographs = [group[group["photographic"]] for group in groups]
    found = {
        "AUROC at img2dataset256": balanced_auroc(groups[1]),
        "AUROC at jpeg75": balanced_auroc(groups[0]),
        "TPR at 1 % FPR, worse of the two": min(tpr_at(group, 0.01)[0] for group in groups),
        "TPR at 5 % FPR, worse of the two": min(tpr_at(group, 0.05)[0] for group in groups),
        "AUROC, photographs against photorealistic images, worse of the two": min(map(balanced_auroc, photographs)),
    }
    rows = [["aim", "wanted", "reached", "short by"]]
    for name, wanted in AIMS.items():
        short = wanted - found[name]
        rows.append([name, f"≥ {wanted:.2f}", f"{found[name]:.3f}", f"{short:.3f}" if short > 0 else "reached"])
    kind, worst = max(worst_kinds(groups), key=lambda pair: pair[1])
    over = f"{worst - WORST_KIND:.3f}" if worst > WORST_KIND else "reached"
    rows.append([f"FPR of the worst kind ({kind}) where the mean is 5 %", f"≤ {WORST_KIND:.2f}", f"{worst:.3f}", over])
    return markdown(rows)


def worst_kinds(groups: Iterable[pd.DataFrame]) -> Iterable[tuple[str, float]]:
    """Each kind of more than LARGE images with its false-positive rate, condition by condition."""
    for group in groups:
        threshold, real = tpr_at(group, 0.05)[1], group[group["label"] == 0]
        for kind, part in real.groupby("kind", observed=True):
            if part["path"].nunique() > LARGE:
                yield str(kind), float((part["score"] >= threshold).mean())


def spread(scores: pd.DataFrame, threshold: float) -> float:
    """Standard deviation between sources of the logit of the share at or above the threshold: logit-normal rates with
    binomial counts, by maximum likelihood."""
    from scipy.optimize import minimize
    from scipy.special import expit, logsumexp

    counts = (
        scores.assign(hit=scores["score"] >= threshold).groupby("source", observed=True)["hit"].agg(["sum", "size"])
    )
    k, n = counts["sum"].to_numpy(float)[:, None], counts["size"].to_numpy(float)[:, None]
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)

    def loss(parameters: np.ndarray) -> float:
        p = np.clip(expit(parameters[0] + np.exp(parameters[1]) * nodes), 1e-12, 1 - 1e-12)
        each = logsumexp(k * np.log(p) + (n - k) * np.log1p(-p), axis=1, b=weights / weights.sum())
        return -float(each.sum())

    return float(np.exp(minimize(loss, np.array([0.0, 0.0]), method="Nelder-Mead").x[1]))


def by_source(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a source and condition of MAIN: images, and how many reach the threshold of 5 % of reals."""
    found = []
    for name in MAIN:
        group = scores[scores["condition"] == name]
        threshold = tpr_at(group, 0.05)[1]
        hits = group.assign(flagged=group["score"] >= threshold)
        keys = ["label", "kind", "group", "source"]
        part = hits.groupby(keys, observed=True).agg(images=("path", "size"), flagged=("flagged", "sum")).reset_index()
        found.append(part.assign(condition=name))
    return pd.concat(found).sort_values(["condition", "label", "source"])


def markdown(rows: list[list[str]]) -> str:
    """A table whose first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _rate(group: pd.DataFrame, threshold: float) -> str:
    count = int((group["score"] >= threshold).sum())
    low, high = wilson(count, len(group))
    return f"{count / max(1, len(group)):.2f} ({low:.2f}–{high:.2f})"
