"""Processor time of scans: of ten images, of an image at each depth, and of a scan with nothing to do.

    python benchmarks/costs.py [--images 200] [--files 20000]
        [--cleanvision PYTHON]   # the interpreter of an environment with cleanvision, to compare with
        [--other FOLDER]         # another version of this package, to compare with

Artificial JPEGs of 512 and 1,000 pixels. Processor time is user and system time of all processes, the smallest of
two runs, because time on the clock means little on a busy machine. The cost of an image is the difference between
two scans of different size, so that it is without what every scan costs.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parents[1]
_RUNS = 2
_FEW = 10
_SIZES = (512, 1000)
_CLEANVISION = """
import sys
from cleanvision import Imagelab
if __name__ == "__main__":
    Imagelab(data_path=sys.argv[1]).find_issues(verbose=False)
"""


@dataclass(frozen=True)
class Program:
    """A version of this package: its folder."""

    folder: Path

    def scan(self, dataset: Path, out: Path, *options: str) -> float:
        """Processor seconds of one scan."""
        command = [sys.executable, "-m", "auditor", "scan", str(dataset), "--out", str(out), "--quiet", *options]
        spent = seconds(command, PYTHONPATH=str(self.folder))
        if not (out / "report.html").exists():
            raise SystemExit(f"{self.folder} wrote no report about {dataset}")
        return spent

    def first(self, dataset: Path, *options: str) -> float:
        """Processor seconds of a scan from the beginning."""
        return min(self._first(dataset, *options) for _ in range(_RUNS))

    def again(self, dataset: Path, *options: str) -> float:
        """Processor seconds of a scan with nothing to do."""
        with tempfile.TemporaryDirectory() as folder:
            self.scan(dataset, Path(folder) / "audit", *options)
            return min(self.scan(dataset, Path(folder) / "audit", *options) for _ in range(_RUNS))

    def of_image(self, few: Path, many: Path, *options: str) -> float:
        """Processor milliseconds of one more image."""
        counts = len(list(many.rglob("*.jpg"))) - len(list(few.rglob("*.jpg")))
        return 1000 * (self.first(many, *options) - self.first(few, *options)) / counts

    def _first(self, dataset: Path, *options: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            return self.scan(dataset, Path(folder) / "audit", *options)


def seconds(command: list[str], **environment: str) -> float:
    """Processor seconds of a command and of the processes that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as elsewhere:  # Python would take this package from the folder that it runs in
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, cwd=elsewhere)
    if done.returncode not in (0, 1, 4):  # passed, failed, inconclusive
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def write_images(folder: Path, count: int, side: int) -> Path:
    """JPEGs of noise that is coarse enough to compress like photographs: 40 KB at 512 pixels."""
    for number in range(count):
        blotches = np.random.default_rng(number).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(blotches).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    return folder


def cells(programs: list[Program], measure: str, *arguments: Path | str) -> list[str]:
    """One figure per program, and how often the first one's fits into the last one's."""
    found = [getattr(program, measure)(*arguments) for program in programs]
    return [*(f"{value:.2f}" for value in found), f"{found[-1] / found[0]:.1f} ×" if len(found) > 1 else ""]


def of_cleanvision(python: str, few: Path, many: Path) -> float:
    """Processor milliseconds of one more image."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(_CLEANVISION)
        script.flush()
        costs = [min(seconds([python, script.name, str(folder)]) for _ in range(_RUNS)) for folder in (few, many)]
    return 1000 * (costs[1] - costs[0]) / (len(list(many.rglob("*.jpg"))) - len(list(few.rglob("*.jpg"))))


def rows(options: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    programs = [Program(HERE), *([Program(options.other)] if options.other else [])]
    few = {side: write_images(folder / f"few{side}", _FEW, side) for side in _SIZES}
    many = {side: write_images(folder / f"many{side}", options.images, side) for side in _SIZES}
    without = ("--without", "classifier")
    yield ["ten images, s", *cells(programs, "first", few[512])]
    yield ["ten images without the classifier, s", *cells(programs, "first", few[512], *without)]
    yield ["ten images with nothing to do, s", *cells(programs, "again", few[512])]
    for side in _SIZES:
        at = few[side], many[side]
        yield [f"an image of {side} pixels, ms", *cells(programs, "of_image", *at)]
        yield ["the same without the classifier, ms", *cells(programs, "of_image", *at, *without)]
        if options.cleanvision:
            yield ["the same by cleanvision, ms", f"{of_cleanvision(options.cleanvision, *at):.2f}"]
    for path in (*few.values(), *many.values()):
        shutil.rmtree(path)
    files = write_images(folder / "files", options.files, 64)
    yield [
        f"{options.files:,} files of 64 pixels, metadata alone, s",
        *cells(programs, "first", files, "--depth", "file"),
    ]
    yield ["the same with nothing to do, s", *cells(programs, "again", files, "--depth", "file")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200, help="images of each size")
    parser.add_argument("--files", type=int, default=20_000, help="small files")
    parser.add_argument("--cleanvision", metavar="PYTHON")
    parser.add_argument("--other", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    print("| processor time | this version | the other | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(options, Path(folder)):
            print(f"| {' | '.join([*row, '', ''][:4])} |", flush=True)


if __name__ == "__main__":
    main()
