"""From a decoded image to the model's answer, with numpy, Pillow and ONNX Runtime alone: the product does just this.

Two views of one canonical image (longer side at most 512 pixels): the whole, squashed to a square, and its centre at
that scale, where traces of generation live. The model takes both and says one embedding and one logit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

CANONICAL = 512
SIZE = 224


def canonical(image: Image.Image) -> Image.Image:
    """Reduced to CANONICAL pixels on the longer side, if it is longer."""
    scale = CANONICAL / max(image.size)
    if scale >= 1:
        return image
    width, height = image.size
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def whole(image: Image.Image) -> Image.Image:
    """The whole canonical image, squashed to a square."""
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def enlarge_to_size(image: Image.Image) -> Image.Image:
    """So that a SIZE x SIZE square fits in."""
    width, height = image.size
    scale = SIZE / min(width, height)
    if scale <= 1:
        return image
    return image.resize((max(SIZE, round(width * scale)), max(SIZE, round(height * scale))), Image.Resampling.BICUBIC)


def centre(image: Image.Image) -> Image.Image:
    """The middle of the canonical image, not resampled unless it is too small."""
    image = enlarge_to_size(image)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    return image.crop((left, top, left + SIZE, top + SIZE))


def views(image: Image.Image) -> np.ndarray:
    """uint8 (2, SIZE, SIZE, 3): the whole and the centre of an RGB image."""
    image = canonical(image)
    return np.stack([np.asarray(whole(image)), np.asarray(centre(image))])


class Model:
    """The ONNX file, run on an image's two views."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        data = path.read_bytes()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.digest = hashlib.sha256(data).hexdigest()
        self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(self, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings and logits of N images' views, uint8 (N, 2, SIZE, SIZE, 3)."""
        embedding, logit = self._session.run(["embedding", "logit"], {"views": both})
        return embedding, logit

    def __call__(self, image: Image.Image) -> tuple[np.ndarray, float]:
        """An RGB image's embedding and logit."""
        embedding, logit = self.run(views(image)[None])
        return embedding[0], float(logit[0])
