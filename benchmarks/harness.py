"""What the simulators of coverage share: do intervals hold the truth, and how wide are they?

A simulator makes datasets whose truth it knows, gives their intervals to a Tally, and prints its cells as Markdown:
coverage in per cent / mean width in points. Options of all: --runs (a cell) and --seed (0: the tables of
docs/benchmarks/).
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # without an installation too

from auditor.annotation.sample import EXPECTED, allocation
from auditor.estimate.calibration import Calibration, Condition

SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.6)
MEANS = (-0.5, 1.5)  # scores of real and of synthetic images are normal around them, with standard deviation 1
CUTS = (-0.5, 1.8)  # scores between the verdicts likely real, unknown and likely synthetic
Span = tuple[float, float]


class Coverage(NamedTuple):
    """Of many intervals, the share that covers the true value, and the mean width."""

    coverage: float
    width: float

    def __str__(self) -> str:
        return f"{100 * self.coverage:.0f} / {100 * self.width:.1f}"


def coverage_of(spans: Sequence[Span], truth: float | np.ndarray) -> Coverage:
    low, high = np.array(spans).T
    return Coverage(float(np.mean((low <= truth) & (truth <= high))), float(np.mean(high - low)))


class Tally:
    """Intervals and true values, by cell."""

    def __init__(self) -> None:
        self._results: dict[Hashable, list[tuple[Span, float]]] = defaultdict(list)

    def add(self, cell: Hashable, span: Span, truth: float) -> None:
        self._results[cell].append((span, truth))

    def coverage(self, cell: Hashable) -> Coverage:
        spans, truths = zip(*self._results[cell], strict=True)
        return coverage_of(spans, np.array(truths))

    def cell(self, *cells: Hashable) -> str:
        """The coverage of several cells, as one text."""
        return " · ".join(str(self.coverage(cell)) for cell in cells)


@dataclass(frozen=True)
class Options:
    """Command-line options."""

    runs: int
    seed: int = 0

    def rng(self, *key: int) -> np.random.Generator:
        """A generator for one cell or run."""
        return np.random.default_rng([*key, self.seed] if self.seed else key)


def options(doc: str | None, *, runs: int = 1000, of: str = "datasets of a cell") -> argparse.ArgumentParser:
    """The common options; a benchmark may add its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs, help=of)
    parser.add_argument("--seed", type=int, default=0, help="others draw other datasets")
    return parser


def parsed(doc: str | None) -> Options:
    return Options(**vars(options(doc).parse_args()))


def show(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a Markdown table, row by row."""
    print(_line(heads).replace("|  |", "| |"), "|" + "---|" * len(heads), sep="\n")
    for row in rows:
        print(_line(row), flush=True)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percent(shares: Iterable[float] = SHARES) -> list[str]:
    return [f"{100 * share:g} %" for share in shares]


def draw_scores(rng: np.random.Generator, synthetic: np.ndarray) -> np.ndarray:
    return rng.normal(np.where(synthetic, MEANS[1], MEANS[0]))


def draw_calibration(
    rng: np.random.Generator, sources: tuple[int, int] = (20, 20), images: int = 100, spread: float = 0.0
) -> Calibration:
    """Scores of real and of synthetic sources, whose means differ by a standard deviation `spread`."""
    sides = [
        {
            str(number): tuple(np.sort(rng.normal(mean + spread * rng.standard_normal(), 1, images)).tolist())
            for number in range(count)
        }
        for mean, count in zip(MEANS, sources, strict=True)
    ]
    return Calibration("classifier", "normal", "", "simulated", 0.5, 1.0, 0.0, {"clean": Condition(*sides)})


def labelled(rng: np.random.Generator, members: Sequence[np.ndarray], labels: int) -> Iterator[np.ndarray]:
    """For each verdict, the rows that `auditor label` would select."""
    counts = allocation([len(rows) for rows in members], list(EXPECTED.values()), labels)
    for rows, count in zip(members, counts, strict=True):
        yield rng.choice(rows, count, replace=False) if count else rows[:0]
