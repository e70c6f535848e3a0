"""Artefacts, prompts and diversity of captions, measured on lists of captions with known writers.

    python benchmarks/captions.py CAPTIONS.csv.gz            the tables of docs/benchmarks/captions.md
    python benchmarks/captions.py CAPTIONS.csv.gz --ranges   writes auditor/captions/ranges.json
    python benchmarks/captions.py CAPTIONS.csv.gz --cost     microseconds a caption, beside pyarrow's read of the column

CAPTIONS has the columns label (human, machine, prompt), family, source, language and text. Simulations draw whole
families, because captions of one writer resemble each other.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # without an installation too

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from harness import show

from auditor.captions import bound, diversity, marks, ranges, reference
from auditor.captions.patterns import ARTEFACTS, Kind
from auditor.estimate.intervals import clopper_pearson

SHARES = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
MIN_FAMILY = 30  # captions of a family that is drawn from
ENGLISH = "en"


def read(path: Path) -> pd.DataFrame:
    """The lines, with their marks and what follows from them."""
    lines = pd.read_csv(path, keep_default_na=False)
    found = marks.find(pa.array(lines.text))
    return lines.assign(
        artefact=marks.has(found, *ARTEFACTS),
        strong=marks.has(found, Kind.STRONG),
        prompt=marks.is_prompt_like(found),
    )


# ---- recall by family


def recall(lines: pd.DataFrame, label: str, column: str) -> Iterator[Sequence[str]]:
    """Per family: captions, those found, and the share with its interval."""
    for family, group in lines[lines.label == label].groupby("family"):
        n, hits = len(group), int(group[column].sum())
        low, high = clopper_pearson(hits, n)
        yield family, f"{n:,}", f"{hits:,}", f"{hits / n:.2f} ({low:.2f} to {high:.2f})"


# ---- simulated data sets


class Families:
    """The captions of each family in English, by label. least: captions of a family that is drawn from."""

    def __init__(self, lines: pd.DataFrame, least: int) -> None:
        wanted = lines[lines.language == ENGLISH].reset_index()
        self._rows = {
            label: [rows.to_numpy() for _, rows in group.groupby("family")["index"] if len(rows) >= least]
            for label, group in wanted.groupby("label")
        }

    def draw(self, rng: np.random.Generator, label: str, n: int, families: int, *, repeat: bool = True) -> np.ndarray:
        """The rows of n captions of some families, in random parts. repeat: draw with replacement."""
        chosen = [self._rows[label][number] for number in rng.permutation(len(self._rows[label]))[:families]]
        parts = rng.multinomial(n, rng.dirichlet(np.ones(len(chosen))))
        drawn = [rng.choice(rows, part, replace=repeat) for rows, part in zip(chosen, parts, strict=True)]
        return np.concatenate(drawn)

    def reference(
        self, rng: np.random.Generator, n: int, share: float, *, is_other: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a reference and of a dataset, at most n each, without common rows; the machine is one family."""
        order = rng.permutation(len(self._rows["human"]))
        count = int(rng.integers(3, 6)) if not is_other else len(order) // 2
        pool = rng.permutation(np.concatenate([self._rows["human"][number] for number in order[:count]]))
        half = min(n, len(pool) // 2)
        known, people = pool[:half], pool[half : 2 * half]
        if is_other:
            known = np.concatenate([self._rows["human"][number] for number in order[count:]])[:n]
        machines = self._rows["machine"][int(rng.integers(len(self._rows["machine"])))]
        machine = min(len(machines), round(share * half))
        rows = np.concatenate([people[: round(machine / share) - machine] if share else people, machines[:machine]])
        return known, rng.permutation(rows)

    def mixture(self, rng: np.random.Generator, n: int, share: float, *, repeat: bool = True) -> np.ndarray:
        """The rows of a dataset: 1 to 4 families of people, and 1 to 3 machines for a share of its captions."""
        machine = rng.binomial(n, share)
        human = self.draw(rng, "human", n - machine, int(rng.integers(1, 5)), repeat=repeat)
        return np.concatenate([human, self.draw(rng, "machine", machine, int(rng.integers(1, 4)), repeat=repeat)])


def bounds(lines: pd.DataFrame, n: int, share: float, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """The lower bounds and the true shares of simulated datasets."""
    rng, families = np.random.default_rng([n, round(1000 * share)]), Families(lines, MIN_FAMILY)
    hit, is_machine = lines.artefact.to_numpy(), (lines.label == "machine").to_numpy()
    lower = lru_cache(lambda hits: bound.lower_bound(hits, n)[1])
    found, truth = [], []
    for _ in range(runs):
        rows = families.mixture(rng, n, share)
        found.append(lower(int(hit[rows].sum())))
        truth.append(is_machine[rows].mean())
    return np.array(found), np.array(truth)


def simulated(lines: pd.DataFrame, n: int, runs: int) -> Iterator[Sequence[str]]:
    for share in SHARES:
        low, truth = bounds(lines, n, share, runs)
        yield (
            f"{n:,}",
            f"{100 * share:g} %",
            f"{100 * np.mean(low > 0):.1f} %",
            f"{100 * np.mean(low <= truth):.1f} %",
            f"{low.mean():.3f}",
            f"{np.quantile(low, 0.9):.3f}",
        )


# ---- diversity


def by_source(lines: pd.DataFrame) -> pd.DataFrame:
    """The figures of each source in English with a block of captions or more."""
    rows = []
    for (label, source), group in lines[lines.language == ENGLISH].groupby(["label", "source"]):
        if len(group) >= diversity.BLOCK:
            texts = list(group.text.sample(frac=1, random_state=0))
            rows.append({"label": label, "source": source, **diversity.figures(texts)})
    return pd.DataFrame(rows)


def measured_ranges(lines: pd.DataFrame) -> dict[str, object]:
    """The content of ranges.json."""
    table = by_source(lines)
    figures = {
        name: {
            label: [round(float(group[name].quantile(q)), 4) for q in (0, 0.5, 1)]
            for label, group in table.groupby("label")
        }
        for name in table.columns[2:]
    }
    sources = {label: sorted(group.source) for label, group in table.groupby("label")}
    return {"block": diversity.BLOCK, "sources": sources, "figures": figures}


def diversity_power(lines: pd.DataFrame, runs: int) -> Iterator[Sequence[str]]:
    """How often a figure of datasets with some model-generated captions is outside the human range, which knows the
    families of people."""
    texts, families = lines.text.to_numpy(), Families(lines, diversity.BLOCK)
    for share in SHARES:
        rng = np.random.default_rng(round(1000 * share))
        drawn = (families.mixture(rng, diversity.BLOCK, share, repeat=False) for _ in range(runs))
        samples = (ranges.diversity_of(list(texts[rows]), is_english=True) for rows in drawn)
        outside = [any(figure.is_outside for figure in sample.figures.values()) for sample in samples]
        yield f"{100 * share:g} %", f"{100 * np.mean(outside):.0f} %"


def outside_of_the_others(lines: pd.DataFrame) -> Iterator[Sequence[str]]:
    """The sources of people that are outside of the range of the other ones: how new sources do."""
    human = by_source(lines).query("label == 'human'").set_index("source")
    for source in human.index:
        others = human.drop(index=source)
        outside = [
            name
            for name, is_more in ranges.REPETITION.items()
            if (human[name][source] > others[name].max() if is_more else human[name][source] < others[name].min())
        ]
        yield source, ", ".join(outside) or "none"


# ---- a reference of captions by people


def with_reference(lines: pd.DataFrame, runs: int, n: int = 1000) -> Iterator[Sequence[str]]:
    """Datasets and references of the same 3 to 5 families of people, disjoint; the first row in which share is None has
    a reference of other families."""
    texts, families = lines.text.to_numpy(), Families(lines, 300)
    for share in (None, 0.0, 0.05, 0.1, 0.2, 0.5):
        rng, lower = np.random.default_rng(round(1000 * (share or 0))), []
        for _ in range(runs):
            known, rows = families.reference(rng, n, share or 0.0, is_other=share is None)
            found = reference.compare(list(texts[known]), list(texts[rows]), name="", seed=0)
            lower.append(found.lower if found else 0.0)
        low = np.array(lower)
        yield (
            "0 %, reference of other families" if share is None else f"{100 * share:g} %",
            f"{100 * np.mean(low > 0):.0f} %",
            f"{100 * np.mean(low <= (share or 0.0)):.0f} %",
            f"{low.mean():.3f}",
        )


# ---- cost


def cost(lines: pd.DataFrame, rows: int = 200_000) -> Iterator[Sequence[str]]:
    """Microseconds a caption of finding marks, beside pyarrow's read of the column from parquet."""
    for label, group in lines.groupby("label"):
        texts = group.text.sample(rows, replace=True, random_state=0)
        column = pa.array(texts)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "captions.parquet"
            pq.write_table(pa.table({"caption": column}), path, compression="zstd")
            read_seconds = _seconds(partial(pq.read_table, path))
        seconds = _seconds(partial(_marked, column))
        characters = texts.str.len().mean()
        each, per_225 = 1e6 * seconds / rows, 1e6 * seconds / rows * 225 / characters
        yield label, f"{characters:.0f}", f"{each:.2f}", f"{per_225:.2f}", f"{1e6 * read_seconds / rows:.2f}"


def _marked(column: pa.Array) -> pa.Array:
    return marks.stored(marks.find(column), column)


def _seconds(function: partial[object]) -> float:
    """Of processor time, which other programs do not change."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


# ---- the command


def tables(lines: pd.DataFrame, runs: int) -> None:
    """Prints docs/benchmarks/captions.md's tables."""
    human = lines[lines.label == "human"]
    print(
        f"\n{int(human.artefact.sum())} artefacts and {int(human.prompt.sum())} prompts in {len(human):,} human lines\n"
    )
    show(("machine family", "captions", "artefacts", "recall (95 % CI)"), recall(lines, "machine", "artefact"))
    print()
    show(("prompt family", "captions", "strong", "recall (95 % CI)"), recall(lines, "prompt", "strong"))
    print()
    show(("prompt family", "captions", "strong or weak", "recall (95 % CI)"), recall(lines, "prompt", "prompt"))
    print()
    heads = ("n", "model-generated", "bound above 0", "“at least” is true", "mean bound", "90 % of bounds below")
    show(heads, (row for n in (500, 2000, 10_000) for row in simulated(lines, n, runs)))
    print()
    show(("source", *by_source(lines).columns[2:]), _source_rows(lines))
    print()
    show(("source of people", "outside of the other nine"), outside_of_the_others(lines))
    print()
    heads = ("model-generated", "bound above 0", "“at least” is true", "mean bound")
    show(heads, with_reference(lines, max(20, runs // 5)))
    print()
    show(("model-generated", "a figure outside the human range"), diversity_power(lines, max(20, runs // 5)))


def _source_rows(lines: pd.DataFrame) -> Iterator[Sequence[str]]:
    for row in by_source(lines).itertuples(index=False):
        yield f"{row.label}: {row.source}", *(f"{value:g}" for value in row[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("--runs", type=int, default=1000, help="datasets of a cell")
    parser.add_argument("--ranges", action="store_true", help="write ranges.json")
    parser.add_argument("--cost", action="store_true", help="microseconds a caption")
    given = parser.parse_args()
    lines = read(given.captions)
    if given.ranges:
        ranges.PATH.write_text(json.dumps(measured_ranges(lines), indent=1) + "\n")
    elif given.cost:
        show(("captions", "characters", "µs a caption", "µs per 225 characters", "µs to read"), cost(lines))
    else:
        tables(lines, given.runs)


if __name__ == "__main__":
    main()
