"""Coverage and width of the interval from people's labels.

    python benchmarks/labels.py [--runs 1000] [--seed 0]

10,000 images have informative scores (two normal distributions, two standard deviations apart) and fall into three
strata by thresholds: likely synthetic, unknown and likely real. Labels are allocated as by `auditor label`. With
*shift*, the scores of the target are shifted by one standard deviation, so the strata are wrong; the method must be
valid without knowing that. With *errors*, two annotators label all images, each with an error rate of 4 %.
"""

from __future__ import annotations

import itertools

import harness
import numpy as np
from harness import CUTS, SHARES, Options

from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import labeller_error, two_phase, with_labeller_error

_IMAGES = 10_000
_ERROR = 0.04


def interval(
    synthetic: np.ndarray, labels: int, shift: float, error: float, rng: np.random.Generator
) -> tuple[float, float]:
    score = rng.normal(np.where(synthetic, 1.5, -0.5) - shift, 1)
    stratum = 2 - np.digitize(score, CUTS)  # likely synthetic first
    members = [np.flatnonzero(stratum == number) for number in range(3)]
    strata, seen, disagreements = [], 0, 0
    for rows, shown in zip(members, harness.labelled(rng, members, labels), strict=True):
        truth, count = synthetic[shown], len(shown)
        first, second = (truth ^ (rng.random(count) < error) for _ in range(2))
        unsure = int((first != second).sum())
        seen, disagreements = seen + count, disagreements + unsure
        both = int((first & second).sum())
        strata.append(LabelledStratum(len(rows), both, count - both - unsure, unsure))
    found = two_phase([stratum for stratum in strata if stratum.size])
    if error:
        found = with_labeller_error(found, labeller_error(disagreements, seen))
    return found.low, found.high


def cell(share: float, labels: int, shift: float, error: float, options: Options) -> str:
    rng = options.rng(int(1000 * share), labels, int(shift), int(100 * error))
    tally = harness.Tally()
    for _ in range(options.runs):
        synthetic = rng.random(_IMAGES) < share
        tally.add("labels", interval(synthetic, labels, shift, error, rng), float(synthetic.mean()))
    return tally.cell("labels")


def main() -> None:
    options = harness.parsed(__doc__)
    cases = (("", 0.0, 0.0), ("shift", 1.0, 0.0), ("errors", 0.0, _ERROR))
    rows = (
        [str(labels), name, *(cell(share, labels, shift, error, options) for share in SHARES)]
        for labels, (name, shift, error) in itertools.product((100, 300, 1000), cases)
    )
    harness.show(["labels", "", *harness.percent()], rows)


if __name__ == "__main__":
    main()
