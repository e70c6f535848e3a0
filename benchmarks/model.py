"""Speed of the embedded classifier, from JPEG bytes to score, compared with decoding alone and with other encoders.

    python benchmarks/model.py [--images FOLDER] [--processes 2]
        [--clip clip_encoder.int8.onnx]       # the wheel's INT8 graph, and the same tower in float32 under torch
        [--first model.onnx]                  # the first model: git show cc12a13:detectors/models/ouro-v1/model.onnx

Single-threaded processes run in parallel, as in an audit, on artificial images of 512 pixels or on the images of a
folder. CPU time per image is shown too, because images per second mean little on a busy machine. Quality is not
measured here; the model card has it, from scores of held-out groups.
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
from typing import Any

import numpy as np
import onnxruntime as ort
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "support")]
from auditor.embeddings.embedded_encoder import embedded  # noqa: E402

Files = list[bytes]
_OURS = "JPEG bytes to score"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="measure speed on these JPEGs instead of made-up ones")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--count", type=int, default=48, help="images a process")
    parser.add_argument("--clip", type=Path, help="the wheel's INT8 graph")
    parser.add_argument("--first", type=Path, help="the first model's graph")
    options = parser.parse_args()
    works: dict[str, Callable[[Files], object]] = {"decoding alone": decoded, _OURS: scored}
    if options.first:
        works["the first model (EfficientNet-Lite0)"] = functools.partial(first, str(options.first))
    if options.clip:
        works["the wheel's INT8 graph"] = functools.partial(clip_int8, str(options.clip))
        works["the same tower in float32, torch"] = functools.partial(clip_torch, str(options.clip))
    print(speed(list(files(options.images, options.count)), options.processes, works))


def speed(images: Files, processes: int, works: dict[str, Callable[[Files], object]]) -> str:
    rates, costs = {}, {}
    for name, work in works.items():
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(work, [images[:4]] * processes))  # models are loaded
            timed = np.array(list(pool.map(functools.partial(_timed, work), [images] * processes)))
        rates[name], costs[name] = (len(images) / timed[:, 0]).sum(), timed[:, 1].mean() / len(images)
    lines = [f"| {processes} processes | images/s | ours is | processor time an image |", "|---|---|---|---|"]
    ours = rates[_OURS]
    lines += [f"| {n} | {rate:.1f} | {ours / rate:.2f} × | {1000 * costs[n]:.1f} ms |" for n, rate in rates.items()]
    return "\n".join(lines)


def decoded(images: Files) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in images]


def scored(images: Files) -> None:
    for image in decoded(images):
        (encoding,) = embedded().encode([image])
        embedded().head.scores(encoding.tokens[None])


def first(path: str, images: Files) -> None:
    """Two views: the whole, and the centre of the image at no more than 512 pixels."""
    for image in decoded(images):
        picture = Image.fromarray(image)
        picture.thumbnail((512, 512), Image.Resampling.BICUBIC)
        left, top = ((side - 224) // 2 for side in picture.size)
        centre = picture.crop((left, top, left + 224, top + 224))
        both = np.stack([np.asarray(picture.resize((224, 224), Image.Resampling.BICUBIC)), np.asarray(centre)])
        _session(path).run(None, {"views": both[None]})


def clip_int8(path: str, images: Files) -> None:
    for pixels in _prepared(images):
        _session(path).run(None, {_session(path).get_inputs()[0].name: pixels})


def clip_torch(path: str, images: Files) -> None:
    import torch

    with torch.inference_mode():
        for pixels in _prepared(images):
            _tower(path)(torch.from_numpy(pixels))


@functools.cache
def _tower(path: str) -> Any:
    import open_clip
    import torch
    from real_clip import ARCHITECTURE, image_tower

    torch.set_num_threads(1)
    model = open_clip.CLIP(**open_clip.get_model_config(ARCHITECTURE))
    state = {name: torch.from_numpy(np.array(part)) for name, part in image_tower(Path(path)).items()}
    model.load_state_dict(state, strict=False)
    return model.visual.eval()


def _prepared(images: Files) -> list[np.ndarray]:
    return [
        np.asarray(Image.fromarray(image).resize((224, 224)), np.float32).transpose(2, 0, 1)[None] / 255
        for image in decoded(images)
    ]


@functools.cache
def _session(path: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _timed(work: Callable[[Files], object], images: Files) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    work(images)
    return time.perf_counter() - clock, time.process_time() - processor


def files(folder: Path | None, count: int) -> Files:
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
