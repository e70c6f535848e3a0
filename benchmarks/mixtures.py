"""Coverage, width and decisions of the estimate on mixtures of held-out sources, without labels and with labels.

    python benchmarks/mixtures.py [--runs 10] [--seed 0] [--condition img2dataset256] [--drawn]
        [--shift REAL SYNTHETIC] [--errors FALSE-POSITIVE FALSE-NEGATIVE]

Mixtures are those of sources.py, of 1,000 images each, at 0, 1, 5, 10, 30 and 60 % synthetic, half of them of few
sources and half of all sources of a fold. --shift: the mixture's real and synthetic scores are shifted by so many
standard deviations of real scores, which no calibration knows of. --errors: one person labels by looks with these error
rates. Rows: the estimate without labels, with 30, 50, 100 and 300 of the images labelled, as selected by
`auditor label`, and the Clopper-Pearson interval of as many labels of a plain random sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import harness
import numpy as np
import sources
from sources import FRACTIONS, LIMIT, Fold

from auditor.annotation.basis import Basis
from auditor.annotation.file import HumanLabel
from auditor.annotation.strata import UNDECIDED, LabelledStratum
from auditor.annotation.two_phase import Prediction, two_phase
from auditor.annotation.votes import Votes
from auditor.estimate import score_distributions, score_mixture
from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.intervals import clopper_pearson
from auditor.estimate.prevalence import Scored, interval
from auditor.estimate.score_distributions import Bins, BinShares
from auditor.types import VerdictKind

_IMAGES = 1000
_LABELS = (30, 50, 100, 300)
NO_LABELS = "no labels"


@dataclass(frozen=True)
class Found:
    """An interval, and the true fraction."""

    truth: float
    low: float
    high: float
    few: bool

    @property
    def covers(self) -> bool:
        return self.low <= self.truth + 1e-9 and self.truth <= self.high + 1e-9

    @property
    def is_decided(self) -> bool:
        return self.low > LIMIT or self.high <= LIMIT

    @property
    def is_right(self) -> bool:
        return self.is_decided and (self.low > LIMIT) == (self.truth > LIMIT)


class Auditor:
    """What is known before a mixture is seen. The predicted score distributions do not depend on the mixture."""

    def __init__(self, fold: Fold) -> None:
        self._calibration = fold.calibration
        self.bins = Bins.of(fold.calibration)
        self.shares: BinShares = score_distributions.predict(fold.calibration, self.bins, {"clean": 1.0}, seed=0)

    def interval(self, scores: np.ndarray) -> tuple[float, float]:
        counts = self.bins.counts(scores, np.ones(len(scores)))
        flagged = round(counts[self.bins.likely_synthetic :].sum())
        n = len(scores)
        binned = ScoreCounts.of_rows({"clean": n}, counts.tolist(), flagged=flagged)
        evidence = EvidenceCounts.of_rows(readable=n, undetermined=n, sampled=n)
        found = interval(evidence, Scored(binned, self._calibration, self.bins, 0), self.shares)
        return found.low, found.high

    def posterior(self, scores: np.ndarray) -> score_mixture.Posterior:
        return score_mixture.posterior(self.bins.counts(scores, np.ones(len(scores))), self.shares)

    def members(self, scores: np.ndarray) -> dict[VerdictKind, np.ndarray]:
        """The images of each verdict."""
        bin_ = np.searchsorted(self.bins.edges, scores, side="right")
        verdict = np.where(bin_ >= self.bins.likely_synthetic, 0, np.where(bin_ >= self.bins.likely_real, 1, 2))
        return {kind: np.flatnonzero(verdict == number) for number, kind in enumerate(UNDECIDED)}


def says_synthetic(synthetic: np.ndarray, errors: tuple[float, float] | None, rng: np.random.Generator) -> np.ndarray:
    """What a person says about images. errors: false-positive and false-negative rate; None for none."""
    false_positive, false_negative = errors or (0.0, 0.0)
    return synthetic ^ (rng.random(len(synthetic)) < np.where(synthetic, false_negative, false_positive))


def votes(said: np.ndarray, *, is_by_looks: bool) -> dict[Votes, float]:
    basis = Basis.LOOKS if is_by_looks else Basis.PROVENANCE
    counts = {HumanLabel.SYNTHETIC: int(said.sum()), HumanLabel.REAL: int((~said).sum())}
    return {Votes(((basis, label),)): n for label, n in counts.items() if n}


def intervals(
    auditor: Auditor,
    scores: np.ndarray,
    synthetic: np.ndarray,
    errors: tuple[float, float] | None,
    rng: np.random.Generator,
) -> dict[str, tuple[float, float]]:
    posterior = auditor.posterior(scores)
    found = {NO_LABELS: auditor.interval(scores)}
    prediction, members = Prediction.of(posterior), auditor.members(scores)
    for labels in _LABELS:
        shown = harness.labelled(rng, list(members.values()), labels)
        strata = [
            LabelledStratum(
                len(rows),
                votes(says_synthetic(synthetic[some], errors, rng), is_by_looks=errors is not None),
                verdict,
            )
            for verdict, (rows, some) in enumerate(zip(members.values(), shown, strict=True))
            if len(rows)
        ]
        by_labels = two_phase(strata, prediction=prediction)
        found[f"{labels} labels"] = by_labels.low, by_labels.high
        plain = int(synthetic[rng.choice(len(synthetic), labels, replace=False)].sum())
        found[f"{labels} labels, plain sample"] = clopper_pearson(plain, labels)
    return found


def line(name: str, found: list[Found]) -> list[str]:
    def percent(values: list[bool]) -> str:
        return f"{100 * np.mean(values):.0f} %" if values else "–"

    widths = [interval.high - interval.low for interval in found]
    decided = [interval for interval in found if interval.is_decided]
    return [
        name,
        percent([interval.covers for interval in found]),
        percent([interval.covers for interval in found if interval.few]),
        f"{100 * np.median(widths):.1f} points",
        f"{len(decided)} of {len(found)} ({percent([interval.is_decided for interval in found])})",
        str(sum(not interval.is_right for interval in decided)),
    ]


def main() -> None:
    parser = harness.options(__doc__, runs=10, of="mixtures of a fraction, a fold and a kind")
    parser.add_argument("--condition", default="img2dataset256", help="one of oof.parquet")
    parser.add_argument("--drawn", action="store_true", help="images as they are, of sources of 20 or more")
    parser.add_argument("--shift", type=float, nargs=2, default=(0.0, 0.0), metavar=("REAL", "SYNTHETIC"))
    parser.add_argument("--errors", type=float, nargs=2, metavar=("FALSE-POSITIVE", "FALSE-NEGATIVE"))
    arguments = parser.parse_args()
    options = harness.Options(arguments.runs, arguments.seed)
    found: dict[str, list[Found]] = {}
    for fold in sources.folds(arguments.condition, smoothed=not arguments.drawn):
        rng, auditor = options.rng(fold.number), Auditor(fold)
        sd = np.std(np.concatenate([source.mean + source.residuals for source in fold.real]))
        for few in (True, False):
            for fraction in FRACTIONS:
                for _ in range(options.runs):
                    scores, synthetic = fold.mixture(fraction, _IMAGES, few=few, rng=rng)
                    scores = scores + sd * np.where(synthetic, arguments.shift[1], arguments.shift[0])
                    for name, span in intervals(auditor, scores, synthetic, arguments.errors, rng).items():
                        result = Found(float(synthetic.mean()), *span, few)
                        found.setdefault(name, []).append(result)
                        if name in (NO_LABELS, "50 labels"):
                            found.setdefault(f"{name}, {100 * fraction:g} %", []).append(result)
    harness.show(("", "cover", "of few sources", "median width", "decided", "wrongly"),
                 (line(name, found[name]) for name in sorted(found, key=_order)))  # fmt: skip


def _order(name: str) -> tuple[bool, int, str]:
    return "%" in name, int(name.split()[0]) if name[0].isdigit() else 0, name.replace(" %", "").rjust(40)


if __name__ == "__main__":
    main()
