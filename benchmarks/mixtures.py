"""Coverage and width of the estimate's interval on mixtures of real images from held-out sources.

    python benchmarks/mixtures.py [--runs 20] [--seed 0] [--condition img2dataset256] [--least 5]

Images, scores and errors are real; only the mixtures are random. Each score is from a head that was fitted without the
image's group. Groups are divided into five folds: the target's images come from one fold and the calibration's scores
from the others. So no source is in both, and the thresholds do not depend on the target. Sources of fewer than five
images are only used for calibrations, because repeated draws of so few images would all be flagged or all not. Each
mixture has 1,000 images in one condition (by default as img2dataset stores them, at 256 pixels), from *few* sources (1
to 8 real and 1 to 4 synthetic ones of the fold, in random proportions) or from *all* sources of the fold in equal
parts.

Columns: share of mixtures with an informative interval (narrower than 90 points), coverage of all and of informative
intervals, median width of the informative ones, and the position relative to the default policy's diversity limit. Then
the same with labels of 300 of the 1,000 images, selected as by `auditor label`: coverage, median width and position.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import harness
import numpy as np
import pandas as pd

from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import two_phase
from auditor.estimate.calibration import Calibration, Condition
from auditor.estimate.counts import EvidenceCounts, Flags
from auditor.estimate.intervals import Interval
from auditor.estimate.prevalence import estimate_prevalence, threshold
from auditor.results import Estimate

OOF = Path(__file__).parents[1] / "training" / "oof.parquet"
_FRACTIONS = (0.0, 0.01, 0.05, 0.1, 0.3, 0.6)
_IMAGES = 1000
_FOLDS = 5
_MIN_IMAGES_PER_SOURCE = 5
_CONDITION, _ANY = "img2dataset256", "clean"
_LABELS = 300
_LIMIT = 0.149  # the diversity limit of the default policy, rounded
_NUMBER = 0.9  # an interval at least this wide says nothing
_SIDES = "over · open · under"
_HEADS = ("mixtures", "n", "a number", "hold the truth", "of the numbers", "median width", _SIDES, "with labels",
          "median width", _SIDES)  # fmt: skip


@dataclass(frozen=True)
class Mixture:
    truth: float
    estimate: Estimate | None
    labelled: Interval

    @property
    def interval(self) -> tuple[float, float]:
        return (self.estimate.low, self.estimate.high) if self.estimate else (0.0, 1.0)

    @property
    def is_number(self) -> bool:
        return self.interval[1] - self.interval[0] < _NUMBER

    @property
    def holds(self) -> bool:
        return self.interval[0] <= self.truth <= self.interval[1]

    @property
    def status(self) -> str:
        return side(*self.interval)


def side(low: float, high: float) -> str:
    return "under" if high <= _LIMIT else "over" if low > _LIMIT else "open"


def calibration(scores: pd.DataFrame) -> Calibration:
    sides: dict[int, dict[str, tuple[float, ...]]] = {0: {}, 1: {}}
    for (label, source), group in scores.groupby(["label", "source"], observed=True):
        sides[label][source] = tuple(sorted(group.score.astype(float)))
    conditions = {_ANY: Condition(sides[0], sides[1])}
    return Calibration("classifier", "fold", "", "other folds", 0.5, 1.0, 0.0, conditions)


def folds(scores: pd.DataFrame) -> pd.Series:
    """The fold of each row; groups are divided at random."""
    groups = np.random.default_rng(0).permutation(scores.group.astype(str).unique())
    return scores.group.astype(str).map({group: place % _FOLDS for place, group in enumerate(groups)})


def mixture(
    held: pd.DataFrame, known: Calibration, fraction: float, kind: str, rng: np.random.Generator, seed: int
) -> Mixture:
    synthetic = round(fraction * _IMAGES)
    most = (8, 4) if kind == "few" else (0, 0)
    sides = zip((0, 1), (_IMAGES - synthetic, synthetic), most, strict=True)
    target = pd.concat([draw_images(held[held.label == label], count, few, rng) for label, count, few in sides])
    flags = Flags.of_rows({_ANY: len(target)}, int((target.score >= threshold(known)).sum()))
    n = len(target)
    evidence = EvidenceCounts.of_rows(readable=n, undetermined=n, sampled=n)
    truth = float(target.label.mean())
    return Mixture(truth, estimate_prevalence(evidence, flags, known, seed=seed), labelled(target, known, rng))


def labelled(target: pd.DataFrame, known: Calibration, rng: np.random.Generator) -> Interval:
    """The interval from error-free labels, with the classifier's verdicts as strata."""
    score, label = target.score.to_numpy(), target.label.to_numpy()
    likely, unlikely = score >= known.likely_synthetic, score < known.likely_real
    members = [np.flatnonzero(which) for which in (likely, ~likely & ~unlikely, unlikely & ~likely)]
    strata = [
        LabelledStratum(len(rows), synthetic := int(label[shown].sum()), len(shown) - synthetic)
        for rows, shown in zip(members, harness.labelled(rng, members, _LABELS), strict=True)
    ]
    return two_phase([stratum for stratum in strata if stratum.size])


def draw_images(side: pd.DataFrame, count: int, max_sources: int, rng: np.random.Generator) -> pd.DataFrame:
    """`count` images of at most `max_sources` sources in random proportions; for 0, of all sources in equal parts."""
    sources = rng.permutation(side.source.unique().to_numpy())
    if max_sources:
        sources = sources[: rng.integers(1, max_sources + 1)]
    shares = rng.dirichlet(np.ones(len(sources))) if max_sources else np.full(len(sources), 1 / len(sources))
    counts = rng.multinomial(count, shares)
    return pd.concat(
        side[side.source == source].sample(n, replace=True, random_state=int(rng.integers(2**31)))
        for source, n in zip(sources, counts, strict=True)
    )


def line(name: str, mixtures: list[Mixture]) -> list[str]:
    numbers = [m for m in mixtures if m.is_number]
    width = float(np.median([m.interval[1] - m.interval[0] for m in numbers])) if numbers else float("nan")
    hold, held = (100 * np.mean([m.holds for m in part]) if part else float("nan") for part in (mixtures, numbers))
    by_labels = [m.labelled for m in mixtures]
    labels_hold = 100 * np.mean([i.low <= m.truth <= i.high for i, m in zip(by_labels, mixtures, strict=True)])
    labels_width = 100 * float(np.median([i.high - i.low for i in by_labels]))
    sides, labels_sides = (
        " · ".join(f"{100 * np.mean([found == s for found in of]):.0f} %" for s in ("over", "open", "under"))
        for of in ([m.status for m in mixtures], [side(i.low, i.high) for i in by_labels])
    )
    return [
        name, str(len(mixtures)), f"{100 * len(numbers) / len(mixtures):.0f} %", f"{hold:.0f} %", f"{held:.0f} %",
        f"{100 * width:.0f} points", sides, f"{labels_hold:.0f} %", f"{labels_width:.1f} points", labels_sides,
    ]  # fmt: skip


def main() -> None:
    parser = harness.options(__doc__, runs=20, of="mixtures of a fraction, a fold and a kind")
    parser.add_argument("--condition", default=_CONDITION, help="one of oof.parquet")
    parser.add_argument(
        "--least", type=int, default=_MIN_IMAGES_PER_SOURCE, help="images of a source that a target is drawn from"
    )
    arguments = parser.parse_args()
    options = harness.Options(arguments.runs, arguments.seed)
    scores = pd.read_parquet(OOF)
    scores = scores[scores.condition == arguments.condition]
    scores = scores.assign(fold=folds(scores))
    found: dict[str, list[Mixture]] = {}
    for fold in sorted(scores.fold.unique()):
        known, held = calibration(scores[scores.fold != fold]), scores[scores.fold == fold]
        held = held[held.groupby(["label", "source"], observed=True).path.transform("size") >= arguments.least]
        rng = options.rng(fold)
        for kind, fraction in itertools.product(("few", "all"), _FRACTIONS):
            mixtures = [mixture(held, known, fraction, kind, rng, seed) for seed in range(options.runs)]
            for name in (f"{kind} sources, {100 * fraction:g} %", f"{kind} sources", f"fold {fold}", "together"):
                found.setdefault(name, []).extend(mixtures)
    harness.show(_HEADS, (line(name, mixtures) for name, mixtures in found.items()))


if __name__ == "__main__":
    main()
