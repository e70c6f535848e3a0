"""Do the intervals hold where rows do not count the same, and how wide are they?

    python benchmarks/weights.py [--runs 1000]

10,000 images with weights: *repeats* (1, 2, 3, 5 and 10, of 70, 15, 8, 5 and 2 % of the rows), *log-normal* (deviation
1), *few heavy* (1 % weigh 100). Which images are synthetic has nothing to do with their weight (*apart*), or the log
odds of it rise (*heavy*) or fall (*light*) with its logarithm. The fraction is that of the weight, and every run draws
weights, truth, flags and labels anew. Cells: coverage in per cent / mean width in points, of

- labels: 300, drawn and shared out as `auditor label` does, by three verdicts that say something of the truth;
- flags: of a model whose error rates (3 and 85 %) are counted on 2,000 images each;
- sample: the declared share's interval as a sample of its source, whose fraction the images' chances make up.

Behind the dot, of flags and samples: the same with rows taken for as many equal ones.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.melded import FlagCounts, Rates, melded
from auditor.estimate.weights import WeightSums, n_eff_of_share
from auditor.labelling.choosing import EXPECTED, allocation, by_weight
from auditor.labels.labelfile import Truth
from auditor.labels.strata import UNDECIDED, StratumCounts, collapse_strata, strata
from auditor.labels.two_phase import two_phase

_IMAGES, _LABELS, _COUNTED, _DRAWS = 10_000, 300, 2000, 4000
_SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.6)
_FALSE, _TRUE = 0.03, 0.85
_CUTS = (-0.5, 1.8)
_SLOPES = {"apart": 0.0, "heavy": 1.0, "light": -1.0}
Told = list[tuple[float, float]]


def weights_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    if kind == "repeats":
        return rng.choice([1.0, 2, 3, 5, 10], _IMAGES, p=[0.7, 0.15, 0.08, 0.05, 0.02])
    return rng.lognormal(0, 1, _IMAGES) if kind == "log-normal" else np.where(rng.random(_IMAGES) < 0.01, 100.0, 1.0)


def chances(weights: np.ndarray, share: float, slope: float) -> np.ndarray:
    """Each image's chance of being synthetic, so that their weighted mean is the share."""
    if not share:
        return np.zeros(len(weights))
    tilt = slope * np.log(weights)
    return expit(tilt + brentq(lambda x: float(np.average(expit(tilt + x), weights=weights)) - share, -30, 30))


def by_labels(synthetic: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    score = rng.normal(np.where(synthetic, 1.5, -0.5), 1)
    verdict = np.array([label.value for label in UNDECIDED])[2 - np.digitize(score, _CUTS)]
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
        shares = by_weight([(each[number].rows, each[number].heaviest) for number in numbers], count)
        for number, n in zip(numbers, shares, strict=True):
            for row in rng.choice(found[number][1], n, replace=False):
                each[number].add_label(Truth.SYNTHETIC if synthetic[row] else Truth.REAL, float(weights[row]))
    told = two_phase([one for numbers in verdicts for one in collapse_strata([each[number] for number in numbers])])
    return told.low, told.high


def by_flags(synthetic: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> Told:
    flagged = rng.random(_IMAGES) < np.where(synthetic, _TRUE, _FALSE)
    f, s = (rng.beta((k := rng.binomial(_COUNTED, p)) + 0.5, _COUNTED - k + 0.5, _DRAWS) for p in (_FALSE, _TRUE))
    positive, all_ = WeightSums.of(weights[flagged]), WeightSums.of(weights)
    share = positive.total / all_.total
    told = (
        melded(FlagCounts(share * _IMAGES, _IMAGES, n), Rates(f, s)) for n in (n_eff_of_share(positive, all_), _IMAGES)
    )
    return [(one.low, one.high) for one in told]


def as_sample(synthetic: np.ndarray, weights: np.ndarray) -> Told:
    positive, all_ = WeightSums.of(weights[synthetic]), WeightSums.of(weights)
    return [clopper_pearson(positive.total / all_.total * n, n) for n in (n_eff_of_share(positive, all_), _IMAGES)]


def run(kind: str, slope: float, share: float, seed: int) -> Iterator[tuple[str, list[tuple[bool, float]]]]:
    """For each method: whether its intervals hold the truth, and how wide they are."""
    rng = np.random.default_rng([seed, int(1000 * share)])
    weights = weights_of(kind, rng)
    chance = chances(weights, share, slope)
    synthetic = rng.random(_IMAGES) < chance
    truth = float(np.average(synthetic, weights=weights))
    told = (
        ("labels", truth, [by_labels(synthetic, weights, rng)]),
        ("flags", truth, by_flags(synthetic, weights, rng)),
        ("sample", share, as_sample(synthetic, weights)),
    )
    for method, aim, intervals in told:
        yield method, [(low <= aim <= high, high - low) for low, high in intervals]


def cells(kind: str, slope: float, share: float, runs: int) -> dict[str, str]:
    """Method -> its cell."""
    found: dict[str, list[list[tuple[bool, float]]]] = {}
    for seed in range(runs):
        for method, each in run(kind, slope, share, seed):
            found.setdefault(method, []).append(each)
    means = {method: np.mean(each, axis=0) for method, each in found.items()}
    return {m: " · ".join(f"{100 * held:.0f} / {100 * wide:.1f}" for held, wide in mean) for m, mean in means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    print("| weights | synthetic | |", " | ".join(f"{100 * share:g} %" for share in _SHARES), "|")
    print("|---|---|---|" + "---|" * len(_SHARES))
    for kind, relation in itertools.product(("repeats", "log-normal", "few heavy"), _SLOPES):
        columns = [cells(kind, _SLOPES[relation], share, runs) for share in _SHARES]
        for method in columns[0]:
            print(
                f"| {kind} | {relation} | {method} |", " | ".join(column[method] for column in columns), "|", flush=True
            )


if __name__ == "__main__":
    main()
