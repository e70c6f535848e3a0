"""Small models in the format of the embedded one, and artificial calibrations."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auditor.embeddings import hub as catalogue
from auditor.embeddings import preparation
from auditor.estimate.calibration import Calibration, Condition, dumps
from auditor.estimate.head import Head

SIZE = 32
THRESHOLDS = (-2.0, -1.0, 0.0, 1.0, 2.0)
GOOD = {"real": (90, 50, 10, 1, 0), "synthetic": (100, 99, 95, 90, 60)}  # of 100, at or above each threshold
RED = Head(*(np.array(part, np.float32) for part in ([0, 0, 0], [1, 1, 1], [0.04, -0.02, -0.02], [0])))


def scores(above: tuple[int, ...], thresholds: tuple[float, ...] = THRESHOLDS, *, n: int = 100) -> tuple[float, ...]:
    """Rising scores of n images, so many of them at or above each threshold: half a step above it, or below the first."""
    places = [thresholds[0] - 0.5, *(value + 0.5 for value in thresholds)]
    counts = [n, *above, 0]
    return tuple(
        place for place, more, less in zip(places, counts, counts[1:], strict=False) for _ in range(more - less)
    )


def calibration(conditions: tuple[str, ...] = ("clean", "jpeg75"), sources: int = 6, **more: Any) -> Calibration:
    """Sources that are all alike unless `real` or `synthetic` say how many of 100 reach each of THRESHOLDS."""
    real, synthetic = more.pop("real", GOOD["real"]), more.pop("synthetic", GOOD["synthetic"])

    def side(name: str, above: tuple[int, ...]) -> dict[str, tuple[float, ...]]:
        return {f"{name}{number}": scores(above) for number in range(sources)}

    settled = {
        "detector": "classifier", "model": "tiny", "sha256": "0", "origin": "made up", "prior": 0.5, "slope": 1.0,
        "intercept": 0.0,
    }  # fmt: skip
    found = {name: Condition(side("r", real), side("s", synthetic)) for name in conditions}
    return Calibration(**{**settled, "conditions": found, **more})


def folder(path: Path, *, size: int = SIZE, tolerance: float = 1e-3) -> Path:
    """A model whose vector is the mean colour and whose score its redness: bright red is synthetic."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "sides"], ["tokens"], keepdims=0),
        helper.make_node("Squeeze", ["tokens", "first"], ["mean"]),
        helper.make_node("LpNormalization", ["mean"], ["vector"], axis=0, p=2),
    ]
    constants = [
        helper.make_tensor("sides", TensorProto.INT64, [2], [1, 2]),
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, size, size, 3])],
        [
            helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, 3]),
            helper.make_tensor_value_info("vector", TensorProto.FLOAT, [3]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.mkdir(parents=True, exist_ok=True)
    weights = model.SerializeToString()
    onnx.checker.check_model(model)
    (path / "encoder.onnx").write_bytes(weights)
    np.savez(path / "head.npz", mean=RED.mean, deviation=RED.deviation, weights=RED.weights, bias=RED.bias)
    (path / "preprocessing.json").write_text(json.dumps(preparation.described(size)))
    both = f"{hashlib.sha256(weights).hexdigest()} {RED.digest}"
    (path / "calibration.json").write_text(dumps(calibration(sha256=hashlib.sha256(both.encode()).hexdigest())))
    colours = np.random.default_rng(0).integers(1, 256, (4, 3), dtype=np.uint8)
    np.savez(
        path / "parity.npz",
        **{f"picture{number}": np.full((60, 90, 3), colour, np.uint8) for number, colour in enumerate(colours)},
        vector=colours / np.linalg.norm(colours.astype(float), axis=1, keepdims=True),
        score=RED.scores(colours.astype(np.float32)),
        tolerance=tolerance,
        cosine=0.9999,
    )
    return path


def classifier(path: Path) -> Path:
    """A model in Community Forensics' form: prepared pixels in, one logit out; here the redness. Its weights' file."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["pixel_values", "sides"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "red"], ["logits"]),
    ]
    constants = [
        helper.make_tensor("sides", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("red", TensorProto.FLOAT, [3, 1], [2.0, -1.0, -1.0]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 384, 384])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def pin(monkeypatch: Any, folder: Path, weights: Path, id: str = "community-forensics") -> catalogue.OptionalModel:
    """Puts a small model's digest into the catalogue; `folder` is where it belongs, and where it is not yet."""
    data = weights.read_bytes()
    pinned = replace(catalogue.CATALOGUE[id], size=len(data), sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setitem(catalogue.CATALOGUE, id, pinned)
    monkeypatch.setenv("AUDITOR_MODELS", str(folder))
    return pinned


def clip(path: Path) -> Path:
    """A folder with a tiny CLIP of random weights, as the hub has them."""
    import torch
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
    from safetensors.torch import save_file

    vision = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
    text = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    prepared = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    torch.manual_seed(0)
    state = CLIP(16, CLIPVisionCfg(**vision), CLIPTextCfg(**text)).state_dict()
    path.mkdir(parents=True, exist_ok=True)
    save_file({name: part.contiguous() for name, part in state.items()}, path / "open_clip_model.safetensors")
    shape = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": shape, "preprocess_cfg": prepared}))
    return path
