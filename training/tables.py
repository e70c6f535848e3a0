"""The tables of CARD.md, from out-of-fold scores alone."""

from __future__ import annotations

import pandas as pd

from training.calibration import left_out_chance
from training.metrics import balanced_auroc, bootstrap_auroc, expected_calibration_error, source_weights, tpr_at, wilson

HARD = {
    "paintings": ("artwall_aic-paintings", "wesnoth-1.16-data", "wesnoth_bmr", "wesmere_web"),
    "renders, game art": ("endless-sky-data", "naev-data", "freeorion-data", "clashroyale_assets", "0ad-data"),
    "illustration, anime": ("keima_anime", "openclipart-png", "pokemon_art", "renpy_art", "tuxpaint-stamps-default"),
    "posters, memes": ("hilbert_posters", "manumorante_posters", "phimmoi_posters", "imgflip_memes", "memegen_memes"),
    "scans, receipts": ("sroie_receipts", "teamsc_scans"),
    "screens, charts, documents": ("rendered-charts", "rendered-documents", "rendered-screens", "rendered-slides"),
}
BUDGET = 0.05
AIMED = {"jpeg75": 0.95, "img2dataset256": 0.93}
ABOVE_PROBE, AIMED_TPR, WORST_REAL = 0.03, 0.5, 0.15


def by_condition(scores: pd.DataFrame, baselines: dict[str, pd.DataFrame]) -> str:
    """AUROC with its interval, detection at two error rates, at the threshold carried from clean; baselines beside."""
    threshold = clean_threshold(scores)
    names = ["condition", "n", "AUROC (95 % by source)", "mean of folds", "TPR at 1 %", "TPR at 5 %"]
    rows = [[*names, "TPR / FPR at the clean threshold", "ECE", *baselines]]
    chance = left_out_chance(scores)
    for condition, group in scores.assign(chance=chance).groupby("condition", sort=False, observed=True):
        low, high = bootstrap_auroc(group)
        folds = [balanced_auroc(part) for _, part in group.groupby("fold")]
        ece = expected_calibration_error(group["label"], group["chance"], source_weights(group))
        detected, alarmed = (_share(group[group["label"] == label], threshold) for label in (1, 0))
        rows.append(
            [
                f"{condition}",
                f"{len(group):,}",
                f"{balanced_auroc(group):.3f} ({low:.3f}–{high:.3f})",
                f"{sum(folds) / len(folds):.3f}",
                *(f"{tpr_at(group, rate)[0]:.2f}" for rate in (0.01, 0.05)),
                f"{detected:.2f} / {alarmed:.2f}",
                f"{ece:.3f}",
                *(_auroc_on(table, condition) for table in baselines.values()),
            ]
        )
    return markdown(rows)


def aims(scores: pd.DataFrame, probe: pd.DataFrame | None) -> str:
    """What was aimed at, what was reached, and by how much it falls short."""
    threshold = clean_threshold(scores)
    rows = [["condition", "measure", "aim", "reached", "short by"]]
    for condition, wanted in AIMED.items():
        group = scores[scores["condition"] == condition]
        measured = balanced_auroc(group)
        rows.append(_aim(condition, "AUROC", wanted, measured))
        if probe is not None:
            beside = balanced_auroc(probe[probe["condition"] == condition]) + ABOVE_PROBE
            rows.append(_aim(condition, f"AUROC, linear head on CLIP B/16 + {ABOVE_PROBE}", beside, measured))
        rows.append(_aim(condition, "TPR at 1 % FPR", AIMED_TPR, tpr_at(group, 0.01)[0]))
        real = group[group["label"] == 0]
        rates = (real["score"] >= threshold).groupby(real["source"], observed=True).mean().sort_values()
        worst = rates.index[-1]
        name = f"FPR of the worst real source ({worst}, n = {(real['source'] == worst).sum()}), clean mean 5 %"
        rows.append(_aim(condition, name, WORST_REAL, float(rates.iloc[-1]), less=True))
    return markdown(rows)


def _aim(condition: str, measure: str, wanted: float, reached: float, *, less: bool = False) -> list[str]:
    short = (reached - wanted) if less else (wanted - reached)
    bound = "≤" if less else "≥"
    return [condition, measure, f"{bound} {wanted:.3f}", f"{reached:.3f}", f"{short:.3f}" if short > 0 else "reached"]


def by_source(scores: pd.DataFrame, label: int, conditions: tuple[str, ...]) -> str:
    """Share of each source's images at or above the threshold that 5 % of clean reals reach, with Wilson's interval."""
    threshold = clean_threshold(scores)
    rows = [["source", "n", *conditions]]
    part = scores[(scores["label"] == label) & scores["condition"].isin(conditions)]
    for source, group in part.groupby("source", observed=True):
        cells = [_rate(group[group["condition"] == condition], threshold) for condition in conditions]
        rows.append([str(source), str(group["path"].nunique()), *cells])
    return markdown(rows)


def hard_reals(scores: pd.DataFrame, conditions: tuple[str, ...]) -> str:
    """False alarms among the pictures that are easily taken for synthetic ones."""
    threshold = clean_threshold(scores)
    real = scores[scores["label"] == 0]
    rows = [["kind", "n", *conditions]]
    for kind, sources in HARD.items():
        group = real[real["source"].isin(sources)]
        cells = [_rate(group[group["condition"] == condition], threshold) for condition in conditions]
        rows.append([kind, str(group["path"].nunique()), *cells])
    return markdown(rows)


def clean_threshold(scores: pd.DataFrame) -> float:
    """The score that 5 % of clean reals reach, sources weighing the same."""
    return tpr_at(scores[scores["condition"] == "clean"], BUDGET)[1]


def markdown(rows: list[list[str]]) -> str:
    """A table whose first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _rate(group: pd.DataFrame, threshold: float) -> str:
    count = int((group["score"] >= threshold).sum())
    low, high = wilson(count, len(group))
    return f"{count / max(1, len(group)):.2f} ({low:.2f}–{high:.2f})"


def _share(group: pd.DataFrame, threshold: float) -> float:
    hits: pd.Series = (group["score"] >= threshold).groupby(group["source"], observed=True).mean()
    return float(hits.mean())


def _auroc_on(table: pd.DataFrame, condition: object) -> str:
    group = table[table["condition"] == condition]
    return f"{balanced_auroc(group):.3f}" if len(group) else "–"
