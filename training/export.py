"""From trained weights to the ONNX file: half-precision weights, float32 arithmetic; parity is checked on the way."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from training.reference import SIZE, Model, views
from training.student import Pair

OPSET = 17
TOLERANCE = 1e-3
BATCH = {0: "n"}


def export(pair: Pair, path: Path) -> None:
    """Writes the file. Its weights are rounded to half precision, the module's too, so that both say the same."""
    _round_weights(pair.eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"views": BATCH, "embedding": BATCH, "logit": BATCH}
    example = torch.zeros(2, 2, SIZE, SIZE, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            pair,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["views"],
            output_names=["embedding", "logit"],
            dynamic_axes=names,
        )
    model = onnx.load(str(path))
    _halve(model, {name for name, parameter in pair.named_parameters() if parameter.ndim > 1})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    difference = parity(pair, path)
    if difference > TOLERANCE:
        raise ValueError(f"{path}: logits differ from the trained model's by {difference}")


def parity(pair: Pair, path: Path) -> float:
    """The largest difference of a logit between file and module, alone and in a batch."""
    model, both = Model(path), np.stack([views(Image.fromarray(picture)) for picture in example_pictures()])
    _, logit = model.run(both)
    with torch.inference_mode():
        _, wanted = pair.eval()(torch.from_numpy(both))
    alone = np.concatenate([model.run(one[None])[1] for one in both])
    return float(max(np.abs(logit - wanted.numpy()).max(), np.abs(logit - alone).max()))


def example_pictures(*, seed: int = 2026) -> list[np.ndarray]:
    """Made up of blotches of several scales: one picture to be reduced, one to be cropped, one to be enlarged."""
    rng = np.random.default_rng(seed)
    return [_blotches(rng, *size) for size in ((520, 600), (360, 240), (150, 210))]


def _blotches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 (height, width, 3)."""
    picture = np.full((height, width, 3), 128.0)
    for side in (2, 7, 28, 112):
        rows, columns = (np.arange(length) * side // length for length in (height, width))
        picture += rng.normal(0, 40, (side, side, 3))[rows][:, columns]
    return np.clip(picture, 0, 255).astype(np.uint8)


@torch.no_grad()
def _round_weights(pair: Pair) -> None:
    for parameter in pair.parameters():
        if parameter.ndim > 1:
            parameter.copy_(parameter.half().float())


def _halve(model: onnx.ModelProto, learned: set[str]) -> None:
    """Stores matrices and kernels as float16, cast back when the file is loaded. The pixels' mean stays exact."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.name in learned:
            name, halves = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for place, cast in enumerate(casts):
        graph.node.insert(place, cast)
