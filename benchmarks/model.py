"""The tables of the embedded model's card, and its speed here and now.

    python benchmarks/model.py [--images FOLDER] [--processes 2] [--clip clip_encoder.int8.onnx]

Quality comes from the out-of-fold scores in training/ (oof.parquet and baselines/*.parquet), never from the shipped
weights. Speed is measured live with the product's own encoder, from JPEG bytes to score, in so many processes of one
thread each at once, beside decoding alone and, where its file is given, CLIP's image tower in ONNX Runtime; on
pictures of 512 pixels made up on the spot, or on the images of a folder. Processor time an image is shown too: unlike
images a second, it says something on a machine that is busy with other work.
"""

from __future__ import annotations

import argparse
import functools
import io
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pandas as pd
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from auditor.embedding.encoders import embedded  # noqa: E402
from training import tables  # noqa: E402
from training.card import BESIDE, SHOWN  # noqa: E402

MODEL = ROOT / "detectors" / "models" / "ouro-v1" / "model.onnx"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="measure speed on these JPEGs instead of made-up ones")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--clip", type=Path, help="CLIP's image tower as ONNX (1, 3, size, size), to compare with")
    options = parser.parse_args()
    records = ROOT / "training"
    scores = pd.read_parquet(records / "oof.parquet")
    paths = {title: records / "baselines" / f"{name}.parquet" for name, title in BESIDE.items()}
    print(tables.by_condition(scores, {title: pd.read_parquet(path) for title, path in paths.items() if path.exists()}))
    for label in (0, 1):
        print("\n" + tables.by_source(scores, label, SHOWN))
    print("\n" + tables.hard_reals(scores, SHOWN))
    if MODEL.exists():
        print("\n" + speed(list(_files(options.images)), options.processes, options.clip))


def speed(files: list[bytes], processes: int, clip: Path | None) -> str:
    works = {"decode alone": _decode_all, "JPEG bytes to score": _score_all}
    if clip:
        works["JPEG bytes to CLIP's vector"] = functools.partial(_clip_all, str(clip))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        rates, costs = {}, {}
        for name, work in works.items():
            list(pool.map(work, [files[:16]] * processes))  # models are loaded
            timed = np.array(list(pool.map(functools.partial(_timed, work), [files] * processes)))
            rates[name], costs[name] = (len(files) / timed[:, 0]).sum(), timed[:, 1].mean() / len(files)
    ours = rates["JPEG bytes to score"]
    rows = [[f"{processes} processes", "images/s", "ours is", "processor time an image"]]
    rows += [[n, f"{rate:.0f}", f"{ours / rate:.2f} ×", f"{1000 * costs[n]:.1f} ms"] for n, rate in rates.items()]
    return tables.markdown(rows)


def _decode_all(files: list[bytes]) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in files]


def _score_all(files: list[bytes]) -> None:
    for start in range(0, len(files), 16):
        embedded().encode(_decode_all(files[start : start + 16]))


def _clip_all(path: str, files: list[bytes]) -> None:
    session = _clip(path)
    size = session.get_inputs()[0].shape[-1]
    for image in _decode_all(files):
        square = np.asarray(Image.fromarray(image).resize((size, size)), np.float32).transpose(2, 0, 1) / 255
        session.run(None, {session.get_inputs()[0].name: square[None]})


@functools.cache
def _clip(path: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _timed(work: Callable[[list[bytes]], object], files: list[bytes]) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work(files)
    return time.perf_counter() - clock, time.process_time() - processor


def _files(folder: Path | None, count: int = 96) -> list[bytes]:
    if folder:
        return [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))[:count]]
    rng = np.random.default_rng(3)
    return [_jpeg(rng) for _ in range(count)]


def _jpeg(rng: np.random.Generator) -> bytes:
    blotches = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blotches).resize((512, 384), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
