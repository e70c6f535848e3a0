"""The network that is trained (Student), and what ships of it (Pair): an embedding like CLIP's, and a logit.

The higher the logit, the more synthetic.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.backbone import FEATURES, Lite, load_backbone

EMBEDDING = 512
# ImageNet's mean and deviation, as the trunk's weights were trained with, in units of a byte.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
TRACES = 2, 4  # stages whose statistics the logit also sees: fine scales, where resampling leaves its marks


class Student(nn.Module):
    """uint8 images (N, S, S, 3) -> unit embeddings (N, 512), logits (N,)."""

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: Lite, *, traces: bool = True, dropout: float = 0.3) -> None:
        super().__init__()
        self.trunk = trunk
        self.traces = traces
        width = FEATURES
        if traces:
            width += 2 * sum(trunk.widths[stage] for stage in TRACES)
        self.embed = nn.Linear(FEATURES, EMBEDDING)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(dropout)
        self.judge = nn.Linear(width, 1)
        nn.init.zeros_(self.judge.weight)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding and logit."""
        return self.judged(self.maps(images))

    def pooled(self, images: Tensor) -> Tensor:
        """The trunk's last features, averaged over the image."""
        return self.maps(images)[-1].mean((2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        """The trunk's feature maps."""
        pixels = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        maps: list[Tensor] = self.trunk(pixels.contiguous(memory_format=torch.channels_last))
        return maps

    def judged(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Embedding and logit, given the trunk's maps."""
        pooled = maps[-1].mean((2, 3))
        embedding = functional.normalize(self.embed(pooled), dim=-1)
        parts = [pooled]
        if self.traces:
            for stage in TRACES:
                parts += _statistics(maps[stage])
        features = self.norm(torch.cat(parts, dim=1))
        return embedding, self.judge(self.drop(features)).squeeze(1)


class Bystander(nn.Module):
    """A linear function of the trunk as it was before training, added to the logit: it cannot learn sources by heart.

    Its first stages are the student's own, which stayed frozen.
    """

    def __init__(self, trunk: Lite, weight: Tensor, bias: float, shared: int) -> None:
        super().__init__()
        self.trunk, self.shared = trunk, shared
        self.judge = nn.Linear(len(weight), 1)
        with torch.no_grad():
            self.judge.weight.copy_(weight[None])
            self.judge.bias.fill_(bias)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Its part of the logit."""
        first = maps[: self.shared]
        logit: Tensor = self.judge(frozen_features(self.trunk.onward(first, first[-1]))).squeeze(1)
        return logit


class Pair(nn.Module):
    """uint8 views (N, 2, S, S, 3), whole and centre -> unit embeddings of the whole (N, 512), logits of both (N,).

    The logit is the mean of the student's for the two views and, if there is one, the bystander's of the whole.
    """

    def __init__(self, student: Student, bystander: Bystander | None = None) -> None:
        super().__init__()
        self.student, self.bystander = student, bystander

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding and logit of each image."""
        maps = self.student.maps(views.flatten(0, 1))
        embedding, logit = self.student.judged(maps)
        logit = (logit[::2] + logit[1::2]) / 2
        if self.bystander is not None:
            logit = logit + self.bystander([stage[::2] for stage in maps])
        return embedding[::2], logit


def frozen_features(maps: list[Tensor]) -> Tensor:
    """Mean and log deviation of each channel of every stage but the last, and the pooled last one."""
    parts = [part for stage in maps[:-1] for part in _statistics(stage)]
    return torch.cat([*parts, maps[-1].mean((2, 3))], dim=1)


def _statistics(features: Tensor) -> list[Tensor]:
    """Mean and log deviation of each channel over the image."""
    mean = features.mean((2, 3))
    variance = (features - mean[:, :, None, None]).square().mean((2, 3))
    return [mean, torch.log(variance + 1e-4)]


def new_student(weights: Path, name: str = "lite0", *, traces: bool = True, dropout: float = 0.3) -> Student:
    """A student on an ImageNet trunk, its heads fresh."""
    return Student(load_backbone(name, weights), traces=traces, dropout=dropout).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
