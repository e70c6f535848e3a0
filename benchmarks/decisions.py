"""Labels until the policy is decided: how many it takes, and how often the decision is wrong.

    python benchmarks/decisions.py [--runs 10] [--seed 0] [--condition img2dataset256] [--errors FP FN]

Mixtures of sources.py of 5,000 images are labelled in the order of `auditor label`, at most 300 of them. After every
label, the interval is computed, and labelling stops when it lies on one side of the limit of 14.9 %. Fractions: fixed
ones, and multiples of the limit from 0.5 to 2. A wrong decision at 0.97 times the limit counts like any other.
--errors: one person labels by looks with these false-positive and false-negative rates.
"""

from __future__ import annotations

import harness
import numpy as np
import sources
from mixtures import Auditor, says_synthetic, votes
from sources import LIMIT

from auditor.annotation.sample import EXPECTED, allocation
from auditor.annotation.strata import LabelledStratum
from auditor.annotation.two_phase import SEQUENTIAL_CONFIDENCE, Prediction, two_phase

_IMAGES = 5000
_MOST = 300
_FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.6)
_MULTIPLES = (0.5, 0.7, 0.85, 0.93, 0.97, 1.04, 1.1, 1.2, 1.5, 2.0)


def labels_to_decision(
    auditor: Auditor,
    scores: np.ndarray,
    synthetic: np.ndarray,
    errors: tuple[float, float] | None,
    rng: np.random.Generator,
) -> tuple[int, bool | None]:
    """The number of labels, and whether the decision is that the fraction is above the limit; None without one."""
    members = list(auditor.members(scores).values())
    prediction = Prediction.of(auditor.posterior(scores))
    sizes = [len(rows) for rows in members]
    counts = allocation(sizes, list(EXPECTED.values()), _MOST)
    # As select_for_annotation mixes the strata: evenly, with a random offset.
    order = sorted(
        ((position + rng.random()) / count, verdict)
        for verdict, count in enumerate(counts)
        for position in range(count)
    )
    orders = [rng.permutation(rows)[:count] for rows, count in zip(members, counts, strict=True)]
    said = [says_synthetic(synthetic[rows], errors, rng) for rows in orders]
    seen = [0] * len(members)
    for number, (_, verdict) in enumerate(order, 1):
        seen[verdict] += 1
        if any(size > 0.05 * len(scores) and not n for size, n in zip(sizes, seen, strict=True)):
            continue
        strata = [
            LabelledStratum(size, votes(said[verdict][:n], is_by_looks=errors is not None), verdict)
            for verdict, (size, n) in enumerate(zip(sizes, seen, strict=True))
            if size
        ]
        interval = two_phase(strata, prediction=prediction, confidence=SEQUENTIAL_CONFIDENCE)
        if interval.low > LIMIT or interval.high <= LIMIT:
            return number, interval.low > LIMIT
    return _MOST, None


def main() -> None:
    parser = harness.options(__doc__, runs=10, of="mixtures of a fraction, a fold and a kind")
    parser.add_argument("--condition", default="img2dataset256", help="one of oof.parquet")
    parser.add_argument("--errors", type=float, nargs=2, metavar=("FALSE-POSITIVE", "FALSE-NEGATIVE"))
    arguments = parser.parse_args()
    options = harness.Options(arguments.runs, arguments.seed)
    folds = sources.folds(arguments.condition, smoothed=True)
    auditors = {fold.number: Auditor(fold) for fold in folds}
    names = {fraction: f"{100 * fraction:g} %" for fraction in _FRACTIONS}
    names |= {multiple * LIMIT: f"{multiple:g} × the limit" for multiple in _MULTIPLES}

    def row(fraction: float, name: str) -> list[str]:
        found = []
        for fold in folds:
            rng = options.rng(fold.number, round(1e4 * fraction))
            for few in [True, False] * options.runs:
                scores, synthetic = fold.mixture(fraction, _IMAGES, few=few, rng=rng)
                number, is_above = labels_to_decision(auditors[fold.number], scores, synthetic, arguments.errors, rng)
                wrong = is_above is not None and is_above != (synthetic.mean() > LIMIT)
                found.append((number, is_above is not None, wrong))
        labels, decided, wrong = np.array(found).T
        quartiles = [f"{value:.0f}" for value in np.quantile(labels, (0.25, 0.5, 0.75))]
        shares = [f"{100 * values.mean():.1f} %" for values in (decided, wrong)]
        return [name, str(len(found)), quartiles[1], f"{quartiles[0]} to {quartiles[2]}", *shares]

    harness.show(
        ("fraction", "mixtures", "median labels", "quartiles", "decided", "wrongly"),
        (row(fraction, names[fraction]) for fraction in sorted(names)),
    )


if __name__ == "__main__":
    main()
