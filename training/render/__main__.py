"""Renders everything into a folder with an index.csv: `python -m training.render DIR`."""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from training.render.charts import draw_chart
from training.render.pages import PAGES

CHART_COUNT = 160
PAGE_COUNTS = {"rendered-screens": 180, "rendered-slides": 120, "rendered-documents": 80}
BROWSER = ("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")


def render(folder: Path) -> None:
    """Charts and pages that are not there yet, then the index."""
    for number in range(CHART_COUNT):
        path = folder / "rendered-charts" / f"{number:04d}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draw_chart(path, np.random.default_rng([31, number]))
    for number, (source, count) in enumerate(PAGE_COUNTS.items()):
        for index in range(count):
            path = folder / source / f"{index:04d}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _shoot(source, path, np.random.default_rng([32, number, index]))
    _write_index(folder)


def _shoot(source: str, path: Path, rng: np.random.Generator) -> None:
    """One page as the browser shows it."""
    kinds = PAGES[source]
    html = kinds[int(rng.integers(len(kinds)))](rng)
    width, height = int(rng.integers(500, 1500)), int(rng.integers(450, 1300))
    with tempfile.NamedTemporaryFile("w", suffix=".html") as page:
        page.write(html)
        page.flush()
        options = (f"--screenshot={path}", f"--window-size={width},{height}", page.name)
        subprocess.run([*BROWSER, *options], check=True, capture_output=True, timeout=120)


def _write_index(folder: Path) -> None:
    with (folder / "index.csv").open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("path", "package", "width", "height"))
        for path in sorted(folder.glob("*/*.png")):
            with Image.open(path) as image:
                writer.writerow((path.relative_to(folder).as_posix(), path.parent.name, *image.size))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    render(parser.parse_args().folder)
