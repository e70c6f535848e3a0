"""Fractions of groups: is the synthetic source ranked first, are discoveries true, and do intervals cover?

    python benchmarks/groups.py [--runs 40] [--seed 0] [--condition img2dataset256]

Datasets are of held-out sources (sources.py); a group is a source, unless the row says otherwise. Columns: datasets
whose first group by the effect of leaving it out is mostly synthetic, and the same by the share of flagged images; mean
over datasets of the share of discoveries that are not mostly synthetic (the false discovery rate); share of the mostly
synthetic groups that is discovered; coverage and median width of the groups' intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import harness
import numpy as np
import sources
from mixtures import Auditor
from sources import Fold

from auditor.estimate import score_distributions
from auditor.estimate.counts import EvidenceCounts
from auditor.estimate.intervals import Interval
from auditor.estimate.partial_pooling import GROUP_DRAWS, GROUP_SOURCES, MAJORITY, Group, group_fractions
from auditor.estimate.score_distributions import BinShares

_IMAGES = 100  # of a group
Truth = tuple[np.ndarray, np.ndarray]  # number of images of each group, and the share of them that is synthetic
DATASETS: dict[str, Callable[[np.random.Generator], Truth]] = {
    "10 sources, none synthetic": lambda rng: _whole(10, 0),
    "10 sources, 1 synthetic": lambda rng: _whole(10, 1),
    "10 sources, 3 synthetic": lambda rng: _whole(10, 3),
    "10 sources, 5 synthetic": lambda rng: _whole(10, 5),
    "10 sources, all synthetic": lambda rng: _whole(10, 10),
    "40 sources, 1 synthetic": lambda rng: _whole(40, 1),
    "10 mixed sources, Beta(0.3, 0.7)": lambda rng: (np.full(10, _IMAGES), rng.beta(0.3, 0.7, 10)),
    "30 sources of 5 to 1,000 images, a fifth synthetic": lambda rng: (
        np.exp(rng.uniform(np.log(5), np.log(1000), 30)).astype(int),
        (np.arange(30) < 6).astype(float),
    ),
    "10 shards of the same sources, 10 % synthetic": lambda rng: (np.full(10, _IMAGES), np.full(10, 0.1)),
    "10 shards of the same sources, 40 % synthetic": lambda rng: (np.full(10, _IMAGES), np.full(10, 0.4)),
}


def _whole(groups: int, synthetic: int) -> Truth:
    return np.full(groups, _IMAGES), (np.arange(groups) < synthetic).astype(float)


@dataclass(frozen=True)
class Found:
    """One dataset. covers, widths: of each group."""

    is_first: bool
    is_first_by_flags: bool
    discoveries: int
    false: int
    mostly_synthetic: int
    covers: np.ndarray
    widths: np.ndarray


def draw(name: str, truth: Truth, fold: Fold, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """The scores of each group, and its share of synthetic images."""
    real, synthetic = rng.permutation(len(fold.real)), rng.permutation(len(fold.synthetic))
    scores, fractions = [], []
    for number, (images, share) in enumerate(zip(*truth, strict=True)):
        count = int(rng.binomial(images, share))
        if "shards" in name:
            mixed = [fold.real[real[each]].draw(1, rng) for each in rng.integers(4, size=images - count)]
            mixed += [fold.synthetic[synthetic[each]].draw(1, rng) for each in rng.integers(2, size=count)]
            scores.append(np.concatenate(mixed))
        else:
            own = fold.real[real[number % len(real)]], fold.synthetic[synthetic[number % len(synthetic)]]
            scores.append(np.concatenate([own[0].draw(images - count, rng), own[1].draw(count, rng)]))
        fractions.append(count / images)
    return scores, np.array(fractions)


def found(auditor: Auditor, shares: BinShares, scores: list[np.ndarray], truth: np.ndarray) -> Found:
    low, high = auditor.interval(np.concatenate(scores))
    point = float(np.clip(np.median(auditor.posterior(np.concatenate(scores)).fractions), low, high))
    bins = [auditor.bins.counts(each, np.ones(len(each))) for each in scores]
    groups = [
        Group(EvidenceCounts.of_rows(readable=n, undetermined=n, sampled=n), tuple(counts.tolist()), n, 0)
        for n, counts in zip(map(len, scores), bins, strict=True)
    ]
    fractions = group_fractions(groups, shares, Interval(point, low, high))
    without = [1.0 if each.fraction_without is None else each.fraction_without for each in fractions]
    flagged = [counts[auditor.bins.likely_synthetic :].sum() / counts.sum() for counts in bins]
    discovered = np.array([each.is_mostly_synthetic for each in fractions])
    ends = np.array([(each.fraction.low, each.fraction.high) for each in fractions])
    return Found(
        bool(truth[np.argmin(without)] > MAJORITY),
        bool(truth[np.argmax(flagged)] > MAJORITY),
        int(discovered.sum()),
        int((discovered & (truth <= MAJORITY)).sum()),
        int((truth > MAJORITY).sum()),
        (ends[:, 0] <= truth + 1e-9) & (truth <= ends[:, 1] + 1e-9),
        ends[:, 1] - ends[:, 0],
    )


def line(name: str, results: list[Found]) -> list[str]:
    def percent(values: list[bool] | np.ndarray) -> str:
        return f"{100 * np.mean(values):.0f} %"

    with_synthetic = [each for each in results if each.mostly_synthetic]
    synthetic = sum(each.mostly_synthetic for each in results)
    true = sum(each.discoveries - each.false for each in results)
    return [
        name,
        percent([each.is_first for each in with_synthetic]) if with_synthetic else "–",
        percent([each.is_first_by_flags for each in with_synthetic]) if with_synthetic else "–",
        f"{100 * np.mean([each.false / max(1, each.discoveries) for each in results]):.1f} %",
        f"{true} of {synthetic} ({100 * true / synthetic:.0f} %)" if synthetic else "–",
        percent(np.concatenate([each.covers for each in results])),
        f"{100 * np.median(np.concatenate([each.widths for each in results])):.0f} points",
    ]


def main() -> None:
    parser = harness.options(__doc__, runs=40, of="datasets of a row and a fold")
    parser.add_argument("--condition", default="img2dataset256", help="one of oof.parquet")
    arguments = parser.parse_args()
    options = harness.Options(arguments.runs, arguments.seed)
    results: dict[str, list[Found]] = {name: [] for name in DATASETS}
    for fold in sources.folds(arguments.condition, smoothed=True):
        rng, auditor = options.rng(fold.number), Auditor(fold)
        weights = {"clean": 1.0}
        shares = score_distributions.predict(
            fold.calibration, auditor.bins, weights, seed=0, sources=GROUP_SOURCES, draws=GROUP_DRAWS
        )
        for name, truth_of in DATASETS.items():
            for _ in range(options.runs):
                scores, truth = draw(name, truth_of(rng), fold, rng)
                results[name].append(found(auditor, shares, scores, truth))
    head = ("", "first", "first by flags", "false discovery rate", "discovered", "cover", "median width")
    harness.show(head, (line(name, rows) for name, rows in results.items()))


if __name__ == "__main__":
    main()
