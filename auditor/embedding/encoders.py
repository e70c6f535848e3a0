"""Images -> unit vectors, and, from the embedded model, a synthetic score in the same pass.

The embedded encoder lies beside the detectors as an ONNX file: no torch, nothing downloaded. It sees two views of an
image (longer side at most 512 pixels): the whole, squashed to a square, and its centre, where traces of generation
live. Both go into the graph, one vector and one logit come out. What exactly is done before the graph stands in
preprocessing.json beside the weights; on loading, the answers to some pictures are compared with those in parity.npz.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

EMBEDDED = Path(__file__).resolve().parents[2] / "detectors" / "models" / "ouro-v1"


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """vector: float32 (dimension,) of unit length. logit: higher is synthetic; None where the encoder gives none."""

    vector: np.ndarray
    logit: float | None = None


class Encoder(ABC):
    """Vectors of one fingerprint (model, weights, preprocessing) can be compared with each other and no others."""

    fingerprint: str
    dimension: int

    @abstractmethod
    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """One encoding for each uint8 (height, width, 3) RGB image, upright; independent of its neighbours."""


class EmbeddedEncoder(Encoder):
    """A folder with model.onnx, preprocessing.json, calibration.json and parity.npz.

    threads: of one process; one, because audits spread over processes. Raises ModelError for a folder that lacks a
    file, weights that are not those of the calibration, or answers to its pictures that are not those of parity.npz.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        import onnxruntime as ort

        weights = _read(folder / "model.onnx")
        preprocessing = _read(folder / "preprocessing.json")
        self.fingerprint = f"{folder.name}:{_short(weights)}:{_short(preprocessing)[:8]}"
        self._check_weights(folder, weights)
        steps = json.loads(preprocessing)
        self._size = int(steps["input"]["size"])
        self._longest = int(steps["canonical"]["longest_side_at_most"])
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self.dimension = int(self._session.get_outputs()[0].shape[1])
        self._check_parity(folder)

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """See Encoder."""
        return [self._encoded(image) for image in images]  # several at once gain nothing on a CPU

    def views(self, image: np.ndarray) -> np.ndarray:
        """uint8 (2, size, size, 3): the whole and the centre."""
        import numpy as np
        from PIL import Image

        canonical = _reduced(Image.fromarray(image), self._longest)
        whole = canonical.resize((self._size, self._size), Image.Resampling.BICUBIC)
        return np.stack([np.asarray(whole), np.asarray(_centre(canonical, self._size))])

    def _encoded(self, image: np.ndarray) -> Encoding:
        (vector,), (logit,) = self._session.run(["embedding", "logit"], {"views": self.views(image)[None]})
        return Encoding(vector, float(logit))

    def _check_weights(self, folder: Path, weights: bytes) -> None:
        wanted = json.loads(_read(folder / "calibration.json")).get("sha256")
        if wanted != hashlib.sha256(weights).hexdigest():
            raise ModelError(f"{folder}: model.onnx is not the one that calibration.json is for ({wanted})")

    def _check_parity(self, folder: Path) -> None:
        import numpy as np

        _read(folder / "parity.npz")
        with np.load(folder / "parity.npz", allow_pickle=False) as known:
            found = self.encode([known[name] for name in known.files if name.startswith("picture")])
            vectors, logits = np.stack([one.vector for one in found]), np.array([one.logit for one in found])
            apart = max(np.abs(vectors - known["embedding"]).max(), np.abs(logits - known["logit"]).max())
            if not apart <= float(known["tolerance"]):
                raise ModelError(f"{folder}: answers differ from those of parity.npz by {apart:g} on this machine")


@cache
def embedded() -> EmbeddedEncoder:
    """The encoder that ships with the package, loaded once a process."""
    return EmbeddedEncoder(EMBEDDED)


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path.parent}: no {path.name} ({error.strerror}); reinstall, or name a complete folder"
        ) from error


def _reduced(image: Image.Image, longest: int) -> Image.Image:
    scale = longest / max(image.size)
    return image if scale >= 1 else _scaled(image, scale, least=1)


def _centre(image: Image.Image, size: int) -> Image.Image:
    """The middle square, not resampled unless the image is too small for it."""
    if min(image.size) < size:
        image = _scaled(image, size / min(image.size), least=size)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _scaled(image: Image.Image, scale: float, *, least: int) -> Image.Image:
    from PIL import Image as Pillow

    size: Any = tuple(max(least, round(side * scale)) for side in image.size)
    return image.resize(size, Pillow.Resampling.BICUBIC)
