"""Coverage and width of the interval from people's labels, in simulated datasets.

    python benchmarks/labels.py [--runs 200] [--seed 0]

10,000 images have informative scores (two normal distributions, two standard deviations apart) and fall into three
verdicts. Labels are allocated as by `auditor label`. Cells: with the classifier's prediction as a prior · without it;
coverage in per cent / mean width in points. With *shift*, the scores of the target are one standard deviation lower
than the calibration says; the interval must hold without knowing that. *page*: labels by page, 2 % of them wrong in
each direction. For labels by looks: mixtures.py --errors.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import harness
import numpy as np
from harness import SHARES, Options

from auditor.annotation.basis import Basis
from auditor.annotation.file import HumanLabel
from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import Prediction, two_phase
from auditor.annotation.votes import Votes
from auditor.estimate import score_distributions, score_mixture
from auditor.estimate.score_distributions import Bins, BinShares

_IMAGES = 10_000


@dataclass(frozen=True)
class Case:
    """errors: false-positive and false-negative rate of the person who labels."""

    name: str
    shift: float = 0.0
    basis: Basis = Basis.PROVENANCE
    errors: tuple[float, float] = (0.0, 0.0)


CASES = (
    Case(""),
    Case("shift", shift=1.0),
    Case("page", basis=Basis.PAGE, errors=(0.02, 0.02)),
)


@cache
def predicted() -> BinShares:
    calibration = harness.draw_calibration(np.random.default_rng(0), spread=0.3)
    return score_distributions.predict(calibration, Bins.of(calibration), {"clean": 1.0}, seed=0)


def votes(truth: np.ndarray, case: Case, rng: np.random.Generator) -> dict[Votes, float]:
    """What the person says about images."""
    said = truth ^ (rng.random(len(truth)) < np.where(truth, case.errors[1], case.errors[0]))
    counts = {HumanLabel.SYNTHETIC: int(said.sum()), HumanLabel.REAL: int((~said).sum())}
    return {Votes(((case.basis, label),)): n for label, n in counts.items() if n}


def intervals(synthetic: np.ndarray, labels: int, case: Case, rng: np.random.Generator) -> list[harness.Span]:
    score = harness.draw_scores(rng, synthetic) - case.shift
    shares = predicted()
    bins = shares.bins
    number = np.searchsorted(bins.edges, score, side="right")
    verdict = np.where(number >= bins.likely_synthetic, 0, np.where(number >= bins.likely_real, 1, 2))
    members = [np.flatnonzero(verdict == index) for index in range(3)]
    strata = [
        LabelledStratum(len(rows), votes(synthetic[shown], case, rng), index)
        for index, (rows, shown) in enumerate(zip(members, harness.labelled(rng, members, labels), strict=True))
        if len(rows)
    ]
    prediction = Prediction.of(score_mixture.posterior(bins.counts(score, np.ones(len(score))), shares))
    found = (two_phase(strata, prediction=prior) for prior in (prediction, None))
    return [(interval.low, interval.high) for interval in found]


def cell(share: float, labels: int, case: Case, options: Options) -> str:
    rng = options.rng(int(1000 * share), labels, CASES.index(case))
    tally = harness.Tally()
    for _ in range(options.runs):
        synthetic = rng.random(_IMAGES) < share
        for which, span in enumerate(intervals(synthetic, labels, case, rng)):
            tally.add(which, span, float(synthetic.mean()))
    return tally.cell(0, 1)


def main() -> None:
    arguments = harness.options(__doc__, runs=200).parse_args()
    options = Options(arguments.runs, arguments.seed)
    rows = (
        [str(labels), case.name, *(cell(share, labels, case, options) for share in SHARES)]
        for labels, case in itertools.product((50, 300), CASES)
    )
    harness.show(["labels", "", *harness.percent()], rows)


if __name__ == "__main__":
    main()
