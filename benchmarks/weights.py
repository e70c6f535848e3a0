"""Coverage and width of the intervals if rows have unequal weights.

    python benchmarks/weights.py [--runs 1000] [--seed 0]

10,000 images with weights: *repeats* (1, 2, 3, 5 and 10, for 70, 15, 8, 5 and 2 % of the rows), *log-normal* (standard
deviation 1), *few heavy* (1 % have weight 100). Being synthetic is independent of the weight (*apart*), or its log-odds
rise (*heavy*) or fall (*light*) with the logarithm of the weight. The fraction is weighted, and every run draws new
weights, truth, scores and labels. Cells: coverage in per cent / mean width in points, of

- labels: 300, selected and allocated as by `auditor label`, with three informative verdicts;
- scores: the estimate from a classifier's scores (normal, two standard deviations apart);
- sample: the confirmed share's interval for the source of the dataset.

After the dot, for scores and samples: the same interval if weights are ignored.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import harness
import numpy as np
from harness import CUTS, SHARES, Options, Span
from scipy.optimize import brentq
from scipy.special import expit

from auditor.annotation.file import HumanLabel
from auditor.annotation.sample import EXPECTED, allocation, by_weight
from auditor.annotation.strata import UNDECIDED, StratumCounts, collapse_strata, strata
from auditor.annotation.two_phase import two_phase
from auditor.annotation.votes import EXACT
from auditor.estimate import score_distributions, score_mixture
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.score_distributions import Bins, BinShares
from auditor.estimate.weights import WeightSums, n_eff_of_share

_IMAGES, _LABELS = 10_000, 300
_SLOPES = {"apart": 0.0, "heavy": 1.0, "light": -1.0}


def weights_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "repeats":
        return rng.choice([1.0, 2, 3, 5, 10], _IMAGES, p=[0.7, 0.15, 0.08, 0.05, 0.02])
    return rng.lognormal(0, 1, _IMAGES) if kind == "log-normal" else np.where(rng.random(_IMAGES) < 0.01, 100.0, 1.0)


def probabilities(weights: np.ndarray, share: float, slope: float) -> np.ndarray:
    """Each image's probability of being synthetic; their weighted mean is the share."""
    if not share:
        return np.zeros(len(weights))
    tilt = slope * np.log(weights)
    return expit(tilt + brentq(lambda x: float(np.average(expit(tilt + x), weights=weights)) - share, -30, 30))


def by_labels(synthetic: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> Span:
    score = harness.draw_scores(rng, synthetic)
    verdict = np.array([label.value for label in UNDECIDED])[2 - np.digitize(score, CUTS)]
    found = strata(verdict, weights)
    each = [StratumCounts() for _ in found]
    for counted, (_, rows) in zip(each, found, strict=True):
        counted.add_rows(weights[rows])
    verdicts = [[number for number, (s, _) in enumerate(found) if s.label is label] for label in UNDECIDED]
    counts = allocation(
        [sum(each[number].rows for number in numbers) for numbers in verdicts],
        list(EXPECTED.values()),
        _LABELS,
        weights=[sum(each[number].total_weight for number in numbers) for numbers in verdicts],
    )
    for numbers, count in zip(verdicts, counts, strict=True):
        shares = by_weight([(each[number].rows, each[number].max_weight) for number in numbers], count)
        for number, n in zip(numbers, shares, strict=True):
            for row in rng.choice(found[number][1], n, replace=False):
                label = HumanLabel.SYNTHETIC if synthetic[row] else HumanLabel.REAL
                each[number].add_votes(EXACT[label], float(weights[row]))
    told = two_phase(
        [
            stratum
            for verdict, numbers in enumerate(verdicts)
            for stratum in collapse_strata(verdict, [each[number] for number in numbers])
        ]
    )
    return told.low, told.high


def by_scores(synthetic: np.ndarray, weights: np.ndarray, shares: BinShares, rng: np.random.Generator) -> list[Span]:
    score = harness.draw_scores(rng, synthetic)
    counts = shares.bins.counts(score, weights)
    flagged = np.searchsorted(shares.bins.edges, score, side="right") >= shares.bins.likely_synthetic
    n_eff = n_eff_of_share(WeightSums.of(weights[flagged]), WeightSums.of(weights))
    unweighted = shares.bins.counts(score, np.ones(_IMAGES))
    return [score_mixture.posterior(each, shares).interval() for each in (counts * (n_eff / counts.sum()), unweighted)]


def source_interval(synthetic: np.ndarray, weights: np.ndarray) -> list[Span]:
    positive, all_ = WeightSums.of(weights[synthetic]), WeightSums.of(weights)
    return [clopper_pearson(positive.total / all_.total * n, n) for n in (n_eff_of_share(positive, all_), _IMAGES)]


def run(
    kind: str, slope: float, share: float, shares: BinShares, rng: np.random.Generator
) -> Iterator[tuple[str, float, list[Span]]]:
    """For each method: the truth, and its intervals."""
    weights = weights_of(kind, rng)
    synthetic = rng.random(_IMAGES) < probabilities(weights, share, slope)
    truth = float(np.average(synthetic, weights=weights))
    yield "labels", truth, [by_labels(synthetic, weights, rng)]
    yield "scores", truth, by_scores(synthetic, weights, shares, rng)
    yield "sample", share, source_interval(synthetic, weights)


def cells(kind: str, slope: float, share: float, options: Options) -> tuple[str, str, str]:
    """Of labels, scores and the sample."""
    tally = harness.Tally()
    calibration = harness.draw_calibration(options.rng(0))
    shares = score_distributions.predict(calibration, Bins.of(calibration), {"clean": 1.0}, seed=0)
    for seed in range(options.runs):
        for method, truth, spans in run(kind, slope, share, shares, options.rng(seed, int(1000 * share))):
            for place, span in enumerate(spans):
                tally.add((method, place), span, truth)
    scores, sample = (tally.cell((method, 0), (method, 1)) for method in ("scores", "sample"))
    return tally.cell(("labels", 0)), scores, sample


def rows(options: Options) -> Iterator[list[str]]:
    for kind, relation in itertools.product(("repeats", "log-normal", "few heavy"), _SLOPES):
        columns = [cells(kind, _SLOPES[relation], share, options) for share in SHARES]
        for method, row in zip(("labels", "scores", "sample"), zip(*columns, strict=True), strict=True):
            yield [kind, relation, method, *row]


def main() -> None:
    options = harness.parsed(__doc__)
    harness.show(["weights", "synthetic", "", *harness.percent()], rows(options))


if __name__ == "__main__":
    main()
