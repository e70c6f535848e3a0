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

SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.6)
FALSE, TRUE = 0.03, 0.85  # positives of a detector: of real images, of synthetic ones
CUTS = (-0.5, 1.8)  # scores between the verdicts likely real, unknown and likely synthetic
Span = tuple[float, float]


class Held(NamedTuple):
    """Of many intervals: the share that hold the truth, and the mean width."""

    coverage: float
    width: float

    def __str__(self) -> str:
        return f"{100 * self.coverage:.0f} / {100 * self.width:.1f}"


def held(spans: Sequence[Span], truth: float | np.ndarray) -> Held:
    low, high = np.array(spans).T
    return Held(float(np.mean((low <= truth) & (truth <= high))), float(np.mean(high - low)))


class Tally:
    """Intervals and the truths that they should hold, by the cell that they are of."""

    def __init__(self) -> None:
        self._told: dict[Hashable, list[tuple[Span, float]]] = defaultdict(list)

    def add(self, of: Hashable, span: Span, truth: float) -> None:
        self._told[of].append((span, truth))

    def held(self, of: Hashable) -> Held:
        spans, truths = zip(*self._told[of], strict=True)
        return held(spans, np.array(truths))

    def cell(self, *of: Hashable) -> str:
        """Methods side by side."""
        return " · ".join(str(self.held(one)) for one in of)


@dataclass(frozen=True)
class Options:
    """Of the command line."""

    runs: int
    seed: int = 0

    def rng(self, *key: int) -> np.random.Generator:
        """One of a cell's, or of a run's, own."""
        return np.random.default_rng([*key, self.seed] if self.seed else key)


def options(doc: str | None, *, runs: int = 1000, of: str = "datasets of a cell") -> argparse.ArgumentParser:
    """The options of all; a simulator may add its own."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs, help=of)
    parser.add_argument("--seed", type=int, default=0, help="others draw other datasets")
    return parser


def parsed(doc: str | None) -> Options:
    return Options(**vars(options(doc).parse_args()))


def show(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table in Markdown, each row as soon as it is there."""
    print(_line(heads).replace("|  |", "| |"), "|" + "---|" * len(heads), sep="\n")
    for row in rows:
        print(_line(row), flush=True)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def percent(shares: Iterable[float] = SHARES) -> list[str]:
    return [f"{100 * share:g} %" for share in shares]


def counted(rng: np.random.Generator, positives: int, n: int, draws: int) -> np.ndarray:
    """Draws of a rate of which so many of n positives are known (Jeffreys' prior)."""
    return rng.beta(positives + 0.5, n - positives + 0.5, draws)


def labelled(rng: np.random.Generator, members: Sequence[np.ndarray], labels: int) -> Iterator[np.ndarray]:
    """Of each verdict's rows those that `auditor label` would show."""
    counts = allocation([len(rows) for rows in members], list(EXPECTED.values()), labels)
    for rows, count in zip(members, counts, strict=True):
        yield rng.choice(rows, count, replace=False) if count else rows[:0]
