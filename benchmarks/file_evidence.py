"""Speed of metadata checks without decoding: images per second and core, compared with two tools that read headers.

    python benchmarks/file_evidence.py FOLDER_OF_JPEGS [--images 2000]

One run compares, on the same cached files: all file detectors of auditor (`--depth file`, one process, evidence written
to disk), Pillow opening the header, and `exiftool -fast` if it is installed.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import auditor
from auditor.config import Config
from auditor.types import Need


def lay_out(source: Path, target: Path, count: int) -> None:
    """`count` JPEGs in one folder, the source's again and again."""
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise SystemExit(f"no JPEG below {source}")
    for number, path in zip(range(count), itertools.cycle(found), strict=False):
        shutil.copyfile(path, target / f"{number:06d}.jpg")


def open_headers(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            _ = image.size


def scan_files(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        auditor.scan(folder, out=out, engine="serial", config=Config.of(depth=Need.FILE))


def exiftool(folder: Path) -> None:
    subprocess.run(["exiftool", "-fast", "-q", "-json", "-r", str(folder)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    args = parser.parse_args()
    sides: dict[str, Callable[[Path], None]] = {
        "auditor, all file evidence": scan_files,
        "Pillow, header only": open_headers,
    }
    if shutil.which("exiftool"):
        sides["exiftool -fast"] = exiftool
    with tempfile.TemporaryDirectory() as folder:
        lay_out(args.folder, Path(folder), args.images)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / args.images / 1024
        print(f"{args.images} JPEGs of {size:.0f} KiB on average; best of three, in turn\n")
        best = dict.fromkeys(sides, float("inf"))
        for _, (name, side) in itertools.product(range(3), sides.items()):
            started = time.perf_counter()
            side(Path(folder))
            best[name] = min(best[name], time.perf_counter() - started)
    print("| | images/s a core | against auditor |\n|---|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {args.images / seconds:,.0f} | {best['auditor, all file evidence'] / seconds:.2f} × |")


if __name__ == "__main__":
    main()
