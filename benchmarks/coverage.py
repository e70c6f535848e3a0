"""Coverage and width of the estimate's interval in simulated worlds, without labels.

    python benchmarks/coverage.py [--runs 200] [--seed 0]

Each run draws the mean score of every source of the calibration and of the target: normal around -0.5 (real) and 1.5
(synthetic), with a standard deviation *spread* between sources and 1 within (by default 20 real and 20 synthetic
sources of 100 images). The target mixes as many real and synthetic sources as the column says in equal parts, and has
1,000 images unless said otherwise. Cells: coverage in per cent / mean width in points. The Monte-Carlo error of a
coverage of 95 % in 200 runs is 1.5 points.

*unknown shift*: the target's real images score 1 higher, and the calibration does not show it. *checked*: the same,
with controls of 100 known-real and 100 known-synthetic images of the target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import harness
import numpy as np
from harness import MEANS, SHARES, Options
from scipy.stats import norm

from auditor.estimate.counts import EvidenceCounts, ScoreCounts
from auditor.estimate.prevalence import Scored, interval
from auditor.estimate.score_distributions import Bins

_CONTROLS = 100


@dataclass(frozen=True)
class World:
    """The simulation's parameters. calibration: number of real sources, of synthetic sources, and of images per
    source."""

    name: str
    spread: float
    sources: int
    images: int = 1000
    calibration: tuple[int, int, int] = (20, 20, 100)
    unknown_shift: float = 0.0
    is_checked: bool = False


def worlds() -> Iterator[World]:
    for spread in (0.2, 0.5, 0.8):
        for sources in (1, 3):
            yield World("", spread, sources)
    usual = World("", 0.5, 3)
    yield replace(usual, name="10,000 images", images=10_000)
    yield replace(usual, name="calibration of 4 + 3 sources of 50", calibration=(4, 3, 50))
    yield replace(usual, name="calibration of 100 + 100 sources of 20", calibration=(100, 100, 20))
    yield replace(usual, name="unknown shift", unknown_shift=1.0)
    yield replace(usual, name="unknown shift, checked", unknown_shift=1.0, is_checked=True)


def run(world: World, seed: int, rng: np.random.Generator) -> Iterator[tuple[float, harness.Span]]:
    """For each fraction: the interval."""
    *sources, images = world.calibration
    calibration = harness.draw_calibration(rng, (sources[0], sources[1]), images, world.spread)
    bins = Bins.of(calibration)
    shifts = (world.unknown_shift, 0.0)
    real, synthetic = (
        np.mean([
            np.diff(norm.cdf([-np.inf, *bins.edges, np.inf], mean + shift + world.spread * rng.standard_normal()))
            for _ in range(world.sources)
        ], axis=0)
        for mean, shift in zip(MEANS, shifts, strict=True)
    )  # fmt: skip
    flagged = [side[bins.likely_synthetic :].sum() if world.is_checked else 0.0 for side in (real, synthetic)]
    controls = [(int(rng.binomial(_CONTROLS, rate)), _CONTROLS) if world.is_checked else (0, 0) for rate in flagged]
    evidence = EvidenceCounts.of_rows(readable=world.images, undetermined=world.images, sampled=world.images)
    for fraction in SHARES:
        counts = rng.multinomial(world.images, fraction * synthetic + (1 - fraction) * real)
        scores = ScoreCounts.of_rows({"clean": world.images}, counts.tolist(), real=controls[0], synthetic=controls[1])
        found = interval(evidence, Scored(scores, calibration, bins, seed))
        yield fraction, (found.low, found.high)


def line(world: World, options: Options) -> list[str]:
    tally = harness.Tally()
    for seed in range(options.runs):
        for fraction, span in run(world, seed, options.rng(seed, 7)):
            tally.add(fraction, span, fraction)
    return [str(world.spread), str(world.sources), world.name, *(tally.cell(fraction) for fraction in SHARES)]


def main() -> None:
    arguments = harness.options(__doc__, runs=200).parse_args()
    options = Options(arguments.runs, arguments.seed)
    heads = ["spread", "target's sources", "", *harness.percent()]
    harness.show(heads, (line(world, options) for world in worlds()))


if __name__ == "__main__":
    main()
