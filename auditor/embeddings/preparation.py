"""The built-in encoder's preprocessing: the whole image, resized to a square. Pure."""

from __future__ import annotations

import numpy as np
from PIL import Image

GAP = 2.0  # large images are first reduced by an integer factor, to at least this times the size: as good, and faster


def squashed(image: Image.Image, size: int) -> np.ndarray:
    """uint8 (1, size, size, 3) of an RGB image: bicubic, antialiased (Pillow's resampling and `reducing_gap`)."""
    from PIL import Image as Pillow

    return np.asarray(image.resize((size, size), Pillow.Resampling.BICUBIC, reducing_gap=GAP))[None]


def described(size: int) -> dict[str, object]:
    """The preprocessing in words, for implementations in other languages; equal to preprocessing.json with the
    weights."""
    return {
        "input": {"name": "pixels", "dtype": "uint8", "axes": ["1", "row", "column", "channel (RGB)"], "size": size},
        "before": "apply EXIF orientation; composite transparency on white; convert to RGB",
        "resize": {
            "to": "size x size, whatever the shape",
            "filter": "bicubic, Pillow's: the support grows with the reduction",
            "reducing_gap": GAP,
        },
        "normalisation": "inside the graph",
        "outputs": {
            "tokens": "CLS tokens of the blocks that the head reads: float32 (blocks, 768)",
            "vector": "CLIP's image embedding, of unit length: float32 (512)",
        },
    }
