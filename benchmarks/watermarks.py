"""Robustness of the watermark detectors, compared with the decoder of the invisible-watermark package on the same
files.

    python benchmarks/watermarks.py FOLDER_OF_REAL_IMAGES... [--carriers 16] [--only crops]

Carriers are real images cut to several widths (384 and 768 keep blocks and message in step). Watermarks are embedded
with the package, in the three ways that generators use. The package counts a hit at 44 of 48 bits, or the same share of
other message lengths.
"""

from __future__ import annotations

import argparse
import io
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
import looking
import marking
import watermark_null

from auditor.estimate.intervals import clopper_pearson
from auditor.images.view import View
from detectors import dwt_dct
from detectors.dalle2_bar import Dalle2Bar
from detectors.dwt_dct_crops import DwtDctCrops

_WIDTHS = (384, 512, 768, 1024)
_MARKS = ("sd1", "sdxl", "flux")
row = watermark_null.row


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return _through(image, "JPEG", quality)


def _through(image: Image.Image, format: str, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, format, quality=quality)
    return Image.open(out).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def letter_boxed(image: Image.Image) -> Image.Image:
    """256 pixels square, as img2dataset leaves images by default."""
    return ImageOps.pad(image, (256, 256), Image.Resampling.LANCZOS, color="white")


def cropped(image: Image.Image, left: int, top: int) -> Image.Image:
    return image.crop((left, top, image.width, image.height))


CONDITIONS = {
    "PNG": lambda image: image,
    "JPEG 98": lambda image: jpeg(image, 98),
    "JPEG 95": lambda image: jpeg(image, 95),
    "JPEG 90": lambda image: jpeg(image, 90),
    "JPEG 85": lambda image: jpeg(image, 85),
    "WebP 90": lambda image: _through(image, "WEBP", 90),
    "resize 0.75": lambda image: scaled(image, 0.75),
    "resize 0.5": lambda image: scaled(image, 0.5),
    "resize to 256": letter_boxed,
    "crop 8 px": lambda image: cropped(image, 8, 0),
    "crop 25 %": lambda image: cropped(image, image.width // 4, image.height // 4),
}


def carriers(folders: list[Path], width: int, count: int) -> Iterator[np.ndarray]:
    """Real images at least as wide as asked, scaled to the width, at most square and at least 256 pixels high."""
    found = 0
    for name, view in watermark_null.views(folders):
        if found == count:
            return
        if view.header.width >= width and view.header.height >= 256 and hash_of(name) % 7 == 0:
            with Image.open(io.BytesIO(view.data)) as image:
                height = max(256, min(width, round(image.height * width / image.width)) // 8 * 8)
                found += 1
                yield np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def hash_of(name: str) -> int:
    return sum(name.encode())


def decides(view: View, id: str) -> bool:
    reading = dwt_dct.DwtDct().look(view)
    mark = next(mark for mark in dwt_dct.marks() if mark.id == id)
    return bool(reading.score) and reading.generator == mark.generator


def robustness(folders: list[Path], count: int) -> None:
    ours: Counter[tuple[str, str, int, str]] = Counter()  # embedding path, condition, width, mark
    theirs: Counter[tuple[str, str, int, str]] = Counter()
    totals: Counter[tuple[str, int]] = Counter()
    missed = 0
    marks = {mark.id: mark for mark in dwt_dct.marks()}
    for width in _WIDTHS:
        for rgb in carriers(folders, width, count):
            for path, id in itertools.product(marking.PATHS, _MARKS):
                marked = Image.fromarray(marking.embed(rgb, marks[id], path))
                totals[path, width] += 1
                for name, change in CONDITIONS.items():
                    changed = np.asarray(change(marked))
                    mine = decides(looking.view(marking.saved(changed)), id)
                    package = min(changed.shape[:2]) >= 256 and marking.package_decodes(changed, marks[id])
                    ours[path, name, width, id] += mine
                    theirs[path, name, width, id] += package
                    missed += package and not mine
    most = max(totals.values())
    print(f"\nFound of {most} a cell ({' + '.join(_MARKS)}), ours / the package's\n")
    row("embedded as", "then", *(f"{width} px" for width in _WIDTHS))
    row(*["---"] * (2 + len(_WIDTHS)))
    for path, name in itertools.product(marking.PATHS, CONDITIONS):
        cells = (tuple(sum(side[path, name, w, id] for id in _MARKS) for side in (ours, theirs)) for w in _WIDTHS)
        row(path, name, *(f"{mine} / {package}" for mine, package in cells))
    print(f"\nThe same by mark, of {most // len(_MARKS) * len(_WIDTHS)} a cell\n")
    row("embedded as", "then", *_MARKS)
    row(*["---"] * (2 + len(_MARKS)))
    for path, name in itertools.product(marking.PATHS, CONDITIONS):
        cells = (tuple(sum(side[path, name, w, id] for w in _WIDTHS) for side in (ours, theirs)) for id in _MARKS)
        row(path, name, *(f"{mine} / {package}" for mine, package in cells))
    both = [sum(n for (_, name, _, _), n in side.items() if name == "JPEG 95") for side in (ours, theirs)]
    print(f"\nfound by the package and not by us: {missed}; at JPEG 95: {both[0]} against {both[1]}")


def false_positives(folders: list[Path]) -> None:
    hits, n = Counter(), 0
    for _, view in watermark_null.views(folders):
        n += 1
        hits["dwt-dct"] += bool(dwt_dct.DwtDct().look(view).score)
        hits["dalle2-bar"] += bool(Dalle2Bar().look(view).score)
    print(f"\nFalse positives on {n} real images\n")
    row("detector", "hits", "upper bound at 95 %")
    row(*["---"] * 3)
    for id in ("dwt-dct", "dalle2-bar"):
        row(id, hits[id], f"{clopper_pearson(hits[id], n, 0.90)[1]:.1e}")


def crops(folders: list[Path], count: int, clean: int) -> None:
    """The search for crops: what it finds of what dwt-dct lost, its false positives and its time."""
    found: Counter[tuple[str, int]] = Counter()
    total: Counter[int] = Counter()
    marks = {mark.id: mark for mark in dwt_dct.marks()}
    search = DwtDctCrops()
    for width in _WIDTHS[1:]:
        for rgb in carriers(folders, width, count):
            for id in _MARKS:
                marked = Image.fromarray(marking.embed(rgb, marks[id], "float BGR"))
                total[width] += 1
                for name in ("crop 8 px", "crop 25 %"):
                    view = looking.view(marking.saved(np.asarray(CONDITIONS[name](marked))))
                    found[name, width] += bool(search.look(view).score)
    print(f"\nFound by dwt-dct-crops of {max(total.values())} ({' + '.join(_MARKS)}, float BGR), as PNG\n")
    row("then", *(f"{width} px" for width in _WIDTHS[1:]))
    row(*["---"] * len(_WIDTHS))
    for name in ("crop 8 px", "crop 25 %"):
        row(name, *(found[name, width] for width in _WIDTHS[1:]))
    started, hits, n = time.process_time(), 0, 0
    for _, view in itertools.islice(watermark_null.views(folders), 0, None, max(1, 8000 // clean)):
        hits, n = hits + bool(search.look(view).score), n + 1
    seconds = (time.process_time() - started) / n
    print(
        f"\nfalse positives: {hits} of {n} (at most {clopper_pearson(hits, n, 0.90)[1]:.1e}); {seconds:.1f} s an image"
    )


def mixture(folders: list[Path], size: int = 2000) -> None:
    """A marked share among real images, everything re-encoded as JPEG 90."""
    mark = next(mark for mark in dwt_dct.marks() if mark.id == "sdxl")
    step = max(1, 8000 // size)
    pool = [view.data for _, view in itertools.islice(watermark_null.views(folders), 0, size * step, step)]
    print(f"\nSDXL's mark in a share of {len(pool)} real images (longest side at most 768), all at JPEG 90\n")
    row("marked", "decided one by one", "t of the others", "exceedances", "p, corrected", "share, lower bound")
    row(*["---"] * 6)
    for share in (0.0, 0.01, 0.03, 0.05, 0.1):
        row(f"{100 * share:g} %", *mixed(pool, round(share * len(pool)), mark))


def mixed(pool: list[bytes], marked: int, mark: dwt_dct.Mark) -> tuple[object, ...]:
    """The marked images are the first of the pool that are large enough to hold a mark."""
    detector = dwt_dct.DwtDct()
    total, n, decided = 0.0, 0, 0
    for data in pool:
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB")
            small.thumbnail((768, 768))
        if marked and min(small.size) >= 256:
            small = Image.fromarray(marking.embed(np.asarray(small), mark, "float BGR"))
            marked -= 1
        view = looking.view(marking.saved(np.asarray(small), "JPEG", quality=90))
        if detector.look(view).score:
            decided += 1
        elif (statistic := detector.statistic(view)) is not None:
            total, n = total + statistic, n + 1
    found = next(p for p in detector.dataset_test(n, np.asarray(total)) if p.generator == mark.generator)
    return decided, f"{found.t:.1f}", found.exceedances, f"{found.p_value:.1e}", f"{100 * found.share_low:.2f} %"


def speed() -> None:
    rgb = np.asarray(
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).resize((1024, 1024))
    )
    mark = next(mark for mark in dwt_dct.marks() if mark.id == "sdxl")

    def ours() -> None:
        found = dwt_dct.positions(dwt_dct.soft_bits(rgb))
        for known in dwt_dct.marks():
            dwt_dct.t_values(found[known.length], known)

    best = dict.fromkeys(("ours", "package"), float("inf"))
    for _ in range(15):
        for name, side in (("ours", ours), ("package", lambda: marking.package_decodes(rgb, mark))):
            started = time.process_time()
            side()
            best[name] = min(best[name], time.process_time() - started)
    print("\nOne image of 1024², pixels in memory, CPU time on one core, best of 15 in turn\n")
    row("", "ms", "against ours")
    row(*["---"] * 3)
    row("four messages on four planes (ours)", f"{1000 * best['ours']:.1f}", "1 ×")
    row(
        "one message on one plane (the package)",
        f"{1000 * best['package']:.1f}",
        f"{best['package'] / best['ours']:.1f} ×",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--carriers", type=int, default=16, help="images a width")
    parser.add_argument("--clean", type=int, default=250, help="real images for the search for crops, a second each")
    parser.add_argument("--only", choices=("speed", "robustness", "mixture", "false-positives", "crops"))
    args = parser.parse_args()
    parts = {
        "speed": speed,
        "robustness": lambda: robustness(args.folders, args.carriers),
        "mixture": lambda: mixture(args.folders),
        "false-positives": lambda: false_positives(args.folders),
        "crops": lambda: crops(args.folders, max(1, args.carriers // 4), args.clean),
    }
    for name in [args.only] if args.only else parts:
        parts[name]()


if __name__ == "__main__":
    main()
