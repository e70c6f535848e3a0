"""Does the interval of people's labels hold the truth, and how wide is it?

    python benchmarks/labels.py [--runs 1000]

10,000 images whose scores say something of them (two normal distributions, two deviations apart) fall into three
strata, likely synthetic, unknown and likely real, by thresholds as a model's; labels are shared out as `auditor label`
does. With *shift*, the scores of the target are moved by one deviation, so that the strata are not what they seem: the
method does not know, and need not. With *errors*, two labellers each err on 4 % of the images, and label all of them.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

from auditor.labelling.choosing import EXPECTED, allocation
from auditor.labels.two_phase import LabelledStratum, labeller_error, two_phase, with_labeller_error

_IMAGES = 10_000
_SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.6)
_CUTS = (-0.5, 1.8)
_ERROR = 0.04


def interval(
    synthetic: np.ndarray, labels: int, shift: float, error: float, rng: np.random.Generator
) -> tuple[float, float]:
    score = rng.normal(np.where(synthetic, 1.5, -0.5) - shift, 1)
    stratum = 2 - np.digitize(score, _CUTS)  # likely synthetic first
    members = [np.flatnonzero(stratum == number) for number in range(3)]
    counts = allocation([len(m) for m in members], list(EXPECTED.values()), labels)
    strata, disagreements = [], 0
    for rows, count in zip(members, counts, strict=True):
        truth = synthetic[rng.choice(rows, count, replace=False)] if count else np.zeros(0, bool)
        first, second = (truth ^ (rng.random(count) < error) for _ in range(2))
        unsure = int((first != second).sum())
        disagreements += unsure
        both = int((first & second).sum())
        strata.append(LabelledStratum(len(rows), both, count - both - unsure, unsure))
    found = two_phase([stratum for stratum in strata if stratum.size])
    if error:
        found = with_labeller_error(found, labeller_error(disagreements, sum(counts)))
    return found.low, found.high


def cell(share: float, labels: int, shift: float, error: float, runs: int) -> str:
    rng = np.random.default_rng([int(1000 * share), labels, int(shift), int(100 * error)])
    held, widths = 0, []
    for _ in range(runs):
        synthetic = rng.random(_IMAGES) < share
        low, high = interval(synthetic, labels, shift, error, rng)
        held += low <= synthetic.mean() <= high
        widths.append(high - low)
    return f"{100 * held / runs:.0f} / {100 * np.mean(widths):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    print("| labels | |", " | ".join(f"{100 * share:g} %" for share in _SHARES), "|")
    print("|---|---|" + "---|" * len(_SHARES))
    cases = (("", 0.0, 0.0), ("shift", 1.0, 0.0), ("errors", 0.0, _ERROR))
    for labels, (name, shift, error) in itertools.product((100, 300, 1000), cases):
        cells = (cell(share, labels, shift, error, runs) for share in _SHARES)
        print(f"| {labels} | {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
