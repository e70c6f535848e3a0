"""The tables of the embedded model's card, and its speed here and now.

    python benchmarks/model.py [--images FOLDER]

Quality comes from the out-of-fold scores in training/ (oof.parquet and baselines/*.parquet), never from the shipped
weights. Speed is measured live, one thread, from JPEG bytes to score, beside decoding alone, on pictures made up on
the spot or on the images of a folder.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from training import reference, tables  # noqa: E402
from training.card import BESIDE, SHOWN  # noqa: E402

MODEL = ROOT / "detectors" / "models" / "ouro-v1" / "model.onnx"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="measure speed on these JPEGs instead of made-up ones")
    options = parser.parse_args()
    records = ROOT / "training"
    scores = pd.read_parquet(records / "oof.parquet")
    paths = {title: records / "baselines" / f"{name}.parquet" for name, title in BESIDE.items()}
    print(tables.by_condition(scores, {title: pd.read_parquet(path) for title, path in paths.items() if path.exists()}))
    for label in (0, 1):
        print("\n" + tables.by_source(scores, label, SHOWN))
    print("\n" + tables.hard_reals(scores, SHOWN))
    if MODEL.exists():
        print("\n" + speed(list(_files(options.images))))


def speed(files: list[bytes]) -> str:
    model = reference.Model(MODEL)
    model(_decode(files[0]))
    rows = [["one thread", "images/s"]]
    rows.append(["decode alone", f"{_rate(_decode, files):.0f}"])
    rows.append(["JPEG bytes to score", f"{_rate(lambda data: model(_decode(data)), files):.0f}"])
    return tables.markdown(rows)


def _files(folder: Path | None, count: int = 60) -> list[bytes]:
    if folder:
        return [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))[:count]]
    rng = np.random.default_rng(3)
    return [_jpeg(rng) for _ in range(count)]


def _jpeg(rng: np.random.Generator) -> bytes:
    blotches = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blotches).resize((512, 384), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _rate(work: Callable[[bytes], object], files: list[bytes]) -> float:
    start = time.perf_counter()
    for data in files:
        work(data)
    return len(files) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
