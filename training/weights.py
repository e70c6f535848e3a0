"""How much an image counts: its source's weight, spread over generators and images."""

from __future__ import annotations

from collections import Counter, defaultdict

from training.folds import source_weights
from training.listing import File


def image_weights(files: list[File]) -> dict[str, float]:
    """Each image's share of its class's samples; each class sums to one."""
    weights: dict[str, float] = {}
    sizes = Counter((file.source, file.generator) for file in files)
    roots_of: dict[str, float] = defaultdict(float)
    for (source, _), size in sizes.items():
        roots_of[source] += size**0.5
    for label in (0, 1):
        own = [file for file in files if file.label == label]
        by_source = source_weights(own)
        total = sum(by_source.values())
        for file in own:
            size = sizes[file.source, file.generator]
            weights[file.path] = by_source[file.source] / total * size**-0.5 / roots_of[file.source]
    return weights
