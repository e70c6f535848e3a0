"""The null distribution of the dwtDct statistic on real images, and the thresholds derived from it.

    python benchmarks/watermark_null.py FOLDER_OF_REAL_IMAGES... [--write]

Half of the images (by a hash of their names) set the thresholds. They are tested against random keys, at their own
width and cut to widths where blocks and message stay in step, or nearly so. A generalised Pareto distribution is fitted
to the upper tail and extrapolated to the level of a decisive hit; the threshold is the larger of that value and of
Student's quantile. The other half validates the thresholds: hits of the true messages among its images are false
positives. --write stores the thresholds and their provenance in detectors/data/dwt_dct.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from auditor.errors import SampleError
from auditor.estimate.intervals import clopper_pearson
from auditor.images import decode
from auditor.images.view import View
from auditor.storage.content import FileContent
from auditor.types import Sample
from detectors import dwt_dct

_LEVEL = 1e-8  # an image, over all deciding messages and planes
_KEYS = 1000
_TAIL = 1e-3  # the share of null values that the tail is fitted to
_MIN_BLOCKS = 256 * 256 // 64
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def views(folders: list[Path]) -> Iterator[tuple[str, View]]:
    """Real images that can hold a mark, by name."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                name = path.relative_to(folder).as_posix()
                view = View(Sample(name, "", name, FileContent(str(folder.resolve()), name)))
                try:
                    if dwt_dct.refusal(view) is None:
                        _ = view.pixels
                        yield name, view
                except SampleError:
                    continue


def widths(columns: int, length: int) -> dict[str, int]:
    """Kinds of width -> block columns to cut to."""
    kinds = {"as it is": columns}
    if columns >= length:
        kinds["in step"] = columns // length * length
        kinds["nearly in step"] = columns // length * length + (1 if columns % length else -1)
    return kinds


def null(soft: np.ndarray, length: int, keys: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """t of random keys at each kind of width."""
    for kind, columns in widths(soft.shape[2], length).items():
        if soft.shape[1] * columns >= _MIN_BLOCKS:
            found = dwt_dct.unit(dwt_dct._averaged(soft[:, :, :columns].reshape(4, -1), length))
            c = np.clip(found @ keys.T, -1, 1)
            yield kind, (c * np.sqrt((length - 2) / np.maximum(1 - c**2, 1e-9))).astype(np.float32).ravel()


def random_keys(length: int) -> np.ndarray:
    rng = np.random.default_rng(length)
    bits = rng.integers(0, 2, (_KEYS, length)).astype(np.float64)
    return dwt_dct.unit(bits - bits.mean(axis=1, keepdims=True))


def fitted(values: np.ndarray, level: float) -> float:
    """The quantile at an upper-tail probability, by a generalised Pareto tail."""
    start = float(np.quantile(values, 1 - _TAIL))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape, _, scale = stats.genpareto.fit(values[values > start] - start, floc=0)
    return start + float(stats.genpareto.isf(level / _TAIL, shape, scale=scale))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    marks = dwt_dct.marks()
    keys = {mark.length: random_keys(mark.length) for mark in marks}
    values: dict[tuple[int, str], list[np.ndarray]] = defaultdict(list)
    proof: list[np.ndarray] = []  # an image: each mark's best t over the planes
    setting = 0
    for name, view in views(args.folders):
        if hashlib.sha256(name.encode()).digest()[0] % 2:
            proof.append(np.array([dwt_dct.t_values(dwt_dct._positions(view)[m.length], m).max() for m in marks]))
            continue
        setting += 1
        soft = dwt_dct.soft_bits(decode.rgb(view.pixels))
        for mark in marks:
            for kind, found in null(soft, mark.length, keys[mark.length]):
                values[mark.length, kind].append(found)
    tests = len(dwt_dct.PLANES) * sum(mark.decides for mark in marks)
    report(marks, values, proof, setting, tests, write=args.write)


def row(*cells: object) -> None:
    """A line of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |")


def report(
    marks: tuple[dwt_dct.Mark, ...],
    values: dict[tuple[int, str], list[np.ndarray]],
    proof: list[np.ndarray],
    setting: int,
    tests: int,
    *,
    write: bool,
) -> None:
    level = _LEVEL / tests
    print(f"{setting} images set the thresholds, {len(proof)} others prove them; level {level:.1e} a test\n")
    row("message", "width", "null values", "sd", "times Student's 1e-4, 1e-5, 1e-6", "fitted", "Student")
    row(*["---"] * 7)
    entries = [entry(mark, values, level) for mark in marks]
    print()
    row("message", "threshold", "largest t of a real image", "false positives", "upper bound at 95 %")
    row(*["---"] * 5)
    scores = np.array(proof)
    for column, made in enumerate(entries):
        hits = int((scores[:, column] >= made["threshold"]).sum())
        high = clopper_pearson(hits, len(scores), 0.90)[1]  # two-sided 90 % is one-sided 95 %
        row(made["id"], made["threshold"], f"{scores[:, column].max():.2f}", f"{hits} of {len(scores)}", f"{high:.1e}")
    if write:
        how = (
            f"benchmarks/watermark_null.py: {setting} real images, random keys, at their own width and at widths "
            "where blocks and message stay in step or nearly so; the larger of Student's quantile and of a fitted "
            f"generalised Pareto tail at {level:.1e} a test ({tests} tests an image): an extrapolation. "
            f"{len(proof)} other real images prove it: docs/explanation/watermarks.md"
        )
        Path(dwt_dct._DATA).write_text(json.dumps({"how": how, "marks": entries}, indent=2) + "\n")


def entry(mark: dwt_dct.Mark, values: dict[tuple[int, str], list[np.ndarray]], level: float) -> dict[str, object]:
    """The data file's entry of a mark; prints a line for each kind of width."""
    freedom = mark.length - 2
    quantile = largest = float(stats.t.isf(level, freedom))
    count = 0
    for (length, kind), parts in sorted(values.items()):
        if length == mark.length:
            found = np.concatenate(parts)
            ratios = ", ".join(f"{np.mean(found > stats.t.isf(p, freedom)) / p:.2f}" for p in (1e-4, 1e-5, 1e-6))
            tail = fitted(found, level)
            largest, count = max(largest, tail), count + len(found)
            row(mark.id, kind, f"{len(found):,}", f"{found.std():.2f}", ratios, f"{tail:.2f}", f"{quantile:.2f}")
    return {
        "id": mark.id,
        "generator": mark.generator,
        "message": mark.message,
        "threshold": float(np.ceil(largest * 10) / 10),
        "decides": mark.decides,
        "null_values": count,
    }


if __name__ == "__main__":
    main()
