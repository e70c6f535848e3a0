"""A small decoder that was trained elsewhere, for reconstructions: UpscalerJS' ESRGAN-slim (MIT), read from its files.

A residual dense network; what is read is Keras' description of it and one blob of float32 weights.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional


class Decoder:
    """Enlarges an RGB image `scale` times."""

    def __init__(self, folder: Path, scale: int) -> None:
        described = json.loads((folder / f"x{scale}" / "model.json").read_text())
        (group,) = described["weightsManifest"]
        blob = b"".join((folder / f"x{scale}" / part).read_bytes() for part in group["paths"])
        self.scale = scale
        self._weights = _weights(group["weights"], np.frombuffer(blob, np.float32))
        topology = described["modelTopology"]
        self._layers = topology.get("model_config", topology)["config"]["layers"]

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Image.Image:
        """The enlarged image."""
        pixels = torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)[None]
        done: dict[str, Tensor] = {}
        for layer in self._layers:
            before = [done[name] for name, *_ in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else [pixels]
            done[layer["name"]] = self._applied(layer, before)
        out = done[self._layers[-1]["name"]][0].permute(1, 2, 0).clamp(0, 1)
        return Image.fromarray((out * 255).round().to(torch.uint8).numpy())

    def _applied(self, layer: dict[str, Any], before: list[Tensor]) -> Tensor:
        first = before[0]
        match layer["class_name"]:
            case "Conv2D":
                kernel, bias = (self._weights[f"{layer['name']}/{part}"] for part in ("kernel", "bias"))
                return functional.conv2d(first, kernel, bias, padding="same")
            case "Activation":
                return functional.relu(first)
            case "Concatenate":
                return torch.cat(before, 1)
            case "Add":
                return before[0] + before[1]
            case "UpSampling2D":
                return functional.interpolate(first, scale_factor=self.scale, mode="nearest")
            case _:
                return first


def _weights(listed: list[dict[str, Any]], values: np.ndarray) -> dict[str, Tensor]:
    """Kernels as torch wants them: (out, in, height, width)."""
    weights, start = {}, 0
    for entry in listed:
        size = math.prod(entry["shape"])
        value = torch.from_numpy(values[start : start + size].reshape(entry["shape"]).copy())
        weights[entry["name"]] = value.permute(3, 2, 0, 1).contiguous() if value.ndim == 4 else value
        start += size
    return weights
