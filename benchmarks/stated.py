"""Coverage and width without labels under assumptions that a user states, where they hold and where they are false.

    python benchmarks/stated.py [--runs 10] [--seed 0] [--condition img2dataset256]

Mixtures are those of mixtures.py. Rows: no assumption; `--generators many`; `--anchors representative` with 100 images
known to be real and (if the fraction is above 0) 50 that declare themselves synthetic, from the mixture's own sources,
or from half of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import harness
import numpy as np
import sources
from mixtures import Found, line
from sources import FRACTIONS, Fold

from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.prevalence import Scored, Stated, interval
from auditor.estimate.score_distributions import Bins

_IMAGES = 1000
_ANCHORS = (100, 50)
_CASES = {
    "none": Stated(),
    "many generators": Stated(many_generators=True),
    "representative anchors": Stated(representative_anchors=True),
    "anchors of half of the sources": Stated(representative_anchors=True),
}


@dataclass(frozen=True)
class Mixture:
    """Scores of real and of synthetic images, and of the anchors of each class."""

    scores: list[np.ndarray]
    anchors: list[np.ndarray]

    @property
    def truth(self) -> float:
        return len(self.scores[1]) / sum(map(len, self.scores))


def draw(fold: Fold, fraction: float, *, few: bool, half: bool, rng: np.random.Generator) -> Mixture:
    synthetic = round(fraction * _IMAGES)
    counts, anchors = (_IMAGES - synthetic, synthetic), (_ANCHORS[0], _ANCHORS[1] if synthetic else 0)
    if not half:
        drawn = fold.classes((counts[0] + anchors[0], counts[1] + anchors[1]), few=few, rng=rng)
        parts = [np.split(side, [count]) for side, count in zip(drawn, counts, strict=True)]
        return Mixture([part[0] for part in parts], [part[1] for part in parts])
    first, second = fold.halves(rng)
    own = [first.classes((counts[0] // 2 + anchors[0], counts[1] // 2 + anchors[1]), few=few, rng=rng),
           second.classes((counts[0] - counts[0] // 2, counts[1] - counts[1] // 2), few=few, rng=rng)]  # fmt: skip
    parts = [np.split(side, [count // 2]) for side, count in zip(own[0], counts, strict=True)]
    scores = [np.concatenate([part[0], other]) for part, other in zip(parts, own[1], strict=True)]
    return Mixture(scores, [part[1] for part in parts])


def found(fold: Fold, bins: Bins, mixture: Mixture, stated: Stated, few: bool) -> Found:
    scores = np.concatenate(mixture.scores)
    counts = bins.counts(scores, np.ones(len(scores)))
    anchors = tuple(tuple(bins.counts(side, np.ones(len(side))).tolist()) for side in mixture.anchors)
    n = len(scores)
    binned = ScoreCounts.of_rows({"clean": n}, counts.tolist(), flagged=round(counts[bins.likely_synthetic :].sum()))
    binned = ScoreCounts(
        binned.by_condition,
        binned.bins,
        binned.flagged,
        n,
        anchors=anchors if stated.representative_anchors else ((), ()),
    )
    evidence = EvidenceCounts.of_rows(readable=n, undetermined=n, sampled=n)
    ends = interval(evidence, Scored(binned, fold.calibration, bins, 0, stated))
    return Found(mixture.truth, ends.low, ends.high, few)


def main() -> None:
    parser = harness.options(__doc__, runs=10, of="mixtures of a fraction, a fold and a kind")
    parser.add_argument("--condition", default="img2dataset256", help="one of oof.parquet")
    arguments = parser.parse_args()
    options = harness.Options(arguments.runs, arguments.seed)
    results: dict[str, list[Found]] = {name: [] for name in _CASES}
    for fold in sources.folds(arguments.condition, smoothed=True):
        rng, bins = options.rng(fold.number), Bins.of(fold.calibration)
        for few in (True, False):
            for fraction in FRACTIONS:
                for _ in range(options.runs):
                    whole, half = (draw(fold, fraction, few=few, half=half, rng=rng) for half in (False, True))
                    for name, stated in _CASES.items():
                        results[name].append(found(fold, bins, half if "half" in name else whole, stated, few))
    head = ("stated", "cover", "of few sources", "median width", "decided", "wrongly")
    harness.show(head, (line(name, rows) for name, rows in results.items()))


if __name__ == "__main__":
    main()
