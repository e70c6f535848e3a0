"""From decoded pixels to what the embedded encoder sees: the whole image, squashed to a square. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

GAP = 2.0  # large images are reduced by a whole factor first, to no less than this times the size: as good, and quicker


def squashed(image: Image.Image, size: int) -> np.ndarray:
    """uint8 (1, size, size, 3) of an RGB image: bicubic, antialiased (Pillow's resampling and `reducing_gap`)."""
    import numpy as np
    from PIL import Image as Pillow

    return np.asarray(image.resize((size, size), Pillow.Resampling.BICUBIC, reducing_gap=GAP))[None]


def described(size: int) -> dict[str, object]:
    """What an implementation in another language has to know; preprocessing.json beside the weights says the same."""
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
