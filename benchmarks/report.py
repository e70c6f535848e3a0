"""Time to make reports of 1,000, 100,000 and 10,000,000 rows: python benchmarks/report.py [ROWS …]

Evidence is artificial (eleven detectors, one of fifty rows declared, a classifier score for every row), and the images
are noise, which compresses worst. Columns are seconds of one run each, on one core:

    summarise    evidence -> audit, which every scan does; the reference for the others
    choose       evidence -> the rows of the examples (240), and the most suspicious ones
    decided      evidence -> the rows that SARIF shows (1,000)
    export       evidence -> CSV, the first 100,000 rows, extrapolated
    render       audit, the most suspicious and 240 examples with images -> report.html; again with 1,000
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import auditor
from auditor.aggregate.build import build_audit
from auditor.config import Config
from auditor.evidence_store import checksums, export
from auditor.evidence_store import rows as rows_of_evidence
from auditor.evidence_store.selection import RowRef
from auditor.evidence_store.store import PartWriter, Store, dataset_digest
from auditor.gallery import select, suspicious, thumbnails
from auditor.plugin import SUSPICIOUS, Example, Input, Shard
from auditor.results import Digests, InputRecord
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

PART = 100_000
SIZES = (1_000, 100_000, 10_000_000)


def signals(number: int, score: float) -> tuple[Signal, ...]:
    quiet = [Signal(f"declared-{n}", Evidence.DECLARED, SignalOutcome.NEGATIVE, score=0.0) for n in range(9)]
    claim = Claim.LIKELY_SYNTHETIC if score > 0.95 else Claim.LIKELY_REAL if score < 0.05 else None
    outcome = SignalOutcome.HIT if claim is Claim.LIKELY_SYNTHETIC else SignalOutcome.NEGATIVE
    found = [Signal("classifier", Evidence.STATISTICAL, outcome, score=round(score, 3), claim=claim)]
    if number % 50 == 0:
        found.append(
            Signal(
                "generator-text", Evidence.DECLARED, SignalOutcome.HIT, Tier.C, 1.0, "settings", Claim.SYNTHETIC, "X"
            )
        )
    return (*quiet, *found)


def rows(count: int) -> list[Row]:
    scores = np.random.default_rng(0).beta(0.4, 1.2, count)
    known: dict[tuple[bool, float], tuple[Signal, ...]] = {}
    found = []
    for number, score in enumerate(scores.tolist()):
        key = number % 50 == 0, round(score, 3)
        said = known.setdefault(key, signals(number, score))
        label = VerdictKind.SYNTHETIC if key[0] else VerdictKind.LIKELY_REAL if score < 0.05 else VerdictKind.UNKNOWN
        label = VerdictKind.LIKELY_SYNTHETIC if score > 0.95 and not key[0] else label
        facts = Covariates("JPEG", 512, 512, 90, f"{number:064x}", "NIKON" if number % 1000 == 0 else None, 2020)
        place = f"{number:08d}.jpg"
        verdict = Verdict(label, said[-1].detector, score)
        found.append(Row(place, f"host-{number % 997}", place, Status.OK, "", "a caption", verdict, said, facts))
    return found


def evidence(out: Path, count: int) -> Store:
    """`count` rows in parts of PART; after the first they differ by their keys alone."""
    store = Store(out)
    store.folder.mkdir(parents=True)
    input = Input("made-up", "made-up")
    first = PartWriter(store.path("part-0000"), Shard("part-0000", input, "folder"), "c")
    first.write(rows(min(count, PART)))
    first.close()
    table = pq.read_table(store.path("part-0000"))
    facts = json.loads(pq.read_metadata(store.path("part-0000")).metadata[b"auditor"])
    for number in range(1, -(-count // PART)):
        keys = pa.array([f"{number:04d}-{key}" for key in table["key"].to_pylist()])
        meta = {b"auditor": json.dumps({**facts, "shard": f"part-{number:04d}"}).encode()}
        part = table.set_column(0, "key", keys).replace_schema_metadata(meta)
        path = store.path(f"part-{number:04d}")
        pq.write_table(part, path, compression="zstd")
        checksums.write(checksums.beside(path), {path.name: checksums.digest(path)})
    return store


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def examples(store: Store, chosen: dict[select.Group, list[RowRef]], most: int) -> list[Example]:
    """The chosen rows with noise for pictures, over and over until there are `most`."""
    rng = np.random.default_rng(0)
    noise = [thumbnails.small(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)) for _ in range(50)]
    found = []
    for group, places in chosen.items():
        for shard in {place.shard for place in places}:
            numbers = [place.number for place in places if place.shard == shard]
            some = rows_of_evidence.at(store.path(shard), numbers)
            found += [Example(row, group.name, noise[len(found) % len(noise)]) for row in some.values()]
    return [found[number % len(found)] for number in range(most)]


def large_examples(store: Store, refs: list[RowRef]) -> list[Example]:
    """The most suspicious rows with larger noise."""
    rng = np.random.default_rng(1)
    return [
        Example(
            rows_of_evidence.at(store.path(ref.shard), {ref.number})[ref.number],
            SUSPICIOUS,
            thumbnails.small(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8), thumbnails.LARGE_SIDE),
        )
        for ref in refs
    ]


def measure(count: int, folder: Path) -> list[str]:
    store = evidence(folder, count)
    parts = list(store.parts())
    paths = [(part.shard, part.path) for part in parts]
    inputs = (InputRecord("made-up", "folder", count),)
    summarise, audit = timed(
        lambda: build_audit(parts, inputs, Config.of(detectors=()), Digests(dataset_digest(parts)))
    )
    subgroups = [each for each in audit.subgroups if each.by == "source"][:5]
    also, suspects = timed(lambda: suspicious.suspicious(paths, subgroups))
    choose, chosen = timed(lambda: select.examples(paths, thumbnails.USUAL))
    decided, shown = timed(lambda: thumbnails.decided(folder, 1000, audit))
    exported, taken = timed(lambda: sum(1 for _ in islice(export.lines([p for _, p in paths], "csv"), 100_000)))
    decision = auditor.decide(audit)
    cells = [
        f"{count:,}",
        f"{summarise:.2f}",
        f"{choose + also:.2f}",
        f"{decided:.2f}",
        f"{exported * count / taken:.1f}",
    ]
    auditor.render(audit, decision, "html")  # the first one imports matplotlib
    for most in (thumbnails.USUAL, thumbnails.MOST):
        some = large_examples(store, suspects[SUSPICIOUS]) + examples(store, chosen, most)
        seconds, text = timed(lambda some=some: auditor.render(audit, decision, "html", examples=some))
        cells.append(f"{seconds:.2f} ({len(text.encode()) / 1e6:.2f} MB)")
    cells.append(f"{len(auditor.render(audit, decision, 'sarif', examples=shown).encode()) / 1e6:.2f} MB")
    return cells


if __name__ == "__main__":
    print("| rows | summarise | choose | decided | export | render, 240 examples | render, 1,000 | SARIF |")
    print("|---|---|---|---|---|---|---|---|")
    for size in [int(text.replace(",", "")) for text in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as place:
            print("|", " | ".join(measure(size, Path(place))), "|", flush=True)
