"""From trained weights to the ONNX file: half-precision weights, float32 arithmetic; parity is checked on the way."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from training.reference import SIZE, Model
from training.student import Student

OPSET = 17
TOLERANCE = 1e-3
BATCH = {0: "n"}


def export(student: Student, path: Path) -> None:
    """Writes the file. Its weights are rounded to half precision, the student's too, so that both say the same."""
    _round_weights(student.eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"images": BATCH, "embedding": BATCH, "logit": BATCH}
    example = torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            student,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["images"],
            output_names=["embedding", "logit"],
            dynamic_axes=names,
        )
    model = onnx.load(str(path))
    _halve(model, {name for name, parameter in student.named_parameters() if parameter.ndim > 1})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    difference = parity(student, path)
    if difference > TOLERANCE:
        raise ValueError(f"{path}: logits differ from the trained model's by {difference}")


def parity(student: Student, path: Path) -> float:
    """The largest difference of a logit between file and student, alone and in a batch."""
    images = example_images()
    _, logit = Model(path).run(images)
    with torch.inference_mode():
        _, wanted = student.eval()(torch.from_numpy(images))
    alone = np.concatenate([Model(path).run(image[None])[1] for image in images])
    return float(max(np.abs(logit - wanted.numpy()).max(), np.abs(logit - alone).max()))


def example_images(count: int = 8, *, seed: int = 2026) -> np.ndarray:
    """Made-up pictures: blotches of several scales."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, SIZE, SIZE, 3), np.float64)
    for side in (2, 7, 28, 112):
        blotches = rng.normal(0, 40, (count, side, side, 3))
        images += np.kron(blotches, np.ones((1, SIZE // side, SIZE // side, 1)))
    return np.clip(images + 128, 0, 255).astype(np.uint8)


@torch.no_grad()
def _round_weights(student: Student) -> None:
    for parameter in student.parameters():
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
