"""The built-in encoder: unit vectors of images, and in the same pass the tokens that the classifier's head reads.

It is CLIP ViT-B/16's image tower in int8, an ONNX file shipped with the detectors: no torch, no download. It sees the
whole image, resized to a square (preparation.py). training/ made it. When it is loaded, its outputs on some test images
are compared with those in parity.npz.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from auditor.embeddings import preparation
from auditor.errors import CalibrationError, ModelError
from auditor.estimate.calibration import Calibration, parse
from auditor.estimate.head import Head

EMBEDDED = Path(__file__).resolve().parents[2] / "detectors" / "models" / "ouro-v2"
SECONDS_PER_IMAGE = 0.12  # of one core, decoding included; measured by benchmarks/model.py, differs between machines
_FILES = ("encoder.onnx", "head.npz", "preprocessing.json", "calibration.json", "parity.npz")
_HEAD = ("mean", "deviation", "weights", "bias")


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """vector: float32 (dimension,) of unit length. tokens: float32 (features,), the input of a head; None from encoders
    without tokens."""

    vector: np.ndarray
    tokens: np.ndarray | None = None


def tokens_of(encodings: Sequence[Encoding]) -> np.ndarray:
    """float32 (n, features). Raises ModelError if the encoder gives no tokens."""
    tokens = [encoding.tokens for encoding in encodings if encoding.tokens is not None]
    if len(tokens) < len(encodings):
        raise ModelError("the classifier needs the tokens of the built-in encoder, and this encoder gives none")
    return np.stack(tokens)


class Encoder(ABC):
    """An encoder. Only vectors with the same fingerprint (model, weights, preprocessing) can be compared."""

    fingerprint: str
    dimension: int

    @abstractmethod
    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """One encoding for each upright uint8 (height, width, 3) RGB image, independent of the other images."""


class EmbeddedEncoder(Encoder):
    """A folder with encoder.onnx, head.npz, preprocessing.json, calibration.json and parity.npz.

    threads: per process; one, because audits use several processes. Raises ModelError for a missing file, files that
    do not belong together, a preparation that differs from this code's, or outputs that differ from parity.npz.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        import onnxruntime as ort

        require_files(folder)
        preprocessing = _read(folder / "preprocessing.json")
        self.weights = _digest_of_file(folder / "encoder.onnx")
        self.fingerprint = f"{folder.name}:{self.weights[:16]}:{hashlib.sha256(preprocessing).hexdigest()[:8]}"
        self.head = _head(folder)
        self._check_parts(folder)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no other common base class
            raise ModelError(f"{folder}: encoder.onnx cannot be loaded ({error}); reinstall") from error
        self._size = int(self._session.get_inputs()[0].shape[1])
        self.dimension = int(self._session.get_outputs()[1].shape[0])
        if json.loads(preprocessing) != preparation.described(self._size):
            raise ModelError(f"{folder}: preprocessing.json does not match this version's preparation; reinstall")
        self._check_parity(folder)

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoding]:
        """See Encoder. Images are encoded one by one, because int8 activations are scaled over the whole batch."""
        return [self._encoded(image) for image in images]

    def sha256(self, head: Head) -> str:
        """The digest of what determines a score: the encoder and a head."""
        return hashlib.sha256(f"{self.weights} {head.digest}".encode()).hexdigest()

    def _encoded(self, image: np.ndarray) -> Encoding:
        pixels = preparation.squashed(Image.fromarray(image), self._size)
        tokens, vector = self._session.run(["tokens", "vector"], {"pixels": pixels})
        return Encoding(vector, tokens.reshape(-1))

    def _check_parts(self, folder: Path) -> None:
        expected = shipped_calibration(folder).sha256
        if expected != self.sha256(self.head):
            raise ModelError(f"{folder}: encoder.onnx and head.npz do not match calibration.json; reinstall")

    def _check_parity(self, folder: Path) -> None:
        with _arrays(folder / "parity.npz") as known:
            encodings = self.encode([known[name] for name in known.files if name.startswith("picture")])
            vectors, tokens = np.stack([encoding.vector for encoding in encodings]), tokens_of(encodings)
            cosine = float((vectors * known["vector"]).sum(axis=1).min())
            difference = float(np.abs(self.head.scores(tokens) - known["score"]).max())
            if not (cosine >= float(known["cosine"]) and difference <= float(known["tolerance"])):
                raise ModelError(
                    f"{folder}: on this machine the model's outputs differ from parity.npz (scores by "
                    f"{difference:.3f}, cosine of vectors {cosine:.4f}): its measured error rates would not apply. "
                    "Another version of onnxruntime, or another processor, may be the cause: please report it"
                )


def require_files(folder: Path) -> None:
    """Raises ModelError for a missing file; nothing is loaded."""
    for name in _FILES:
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: no {name}; reinstall, or name a complete folder")


@cache
def embedded() -> EmbeddedEncoder:
    """The built-in encoder, loaded once per process."""
    return EmbeddedEncoder(EMBEDDED)


@cache
def shipped_calibration(folder: Path = EMBEDDED) -> Calibration:
    """The calibration beside the weights. Raises ModelError."""
    try:
        return parse(_read(folder / "calibration.json").decode("utf-8", "replace"))
    except CalibrationError as error:
        raise ModelError(f"{folder}: calibration.json: {error}; reinstall") from error


def _head(folder: Path) -> Head:
    with _arrays(folder / "head.npz") as known:
        try:
            return Head(*(known[name] for name in _HEAD)).checked()
        except (KeyError, ValueError) as error:
            raise ModelError(f"{folder}: head.npz is not a valid head ({error}); reinstall") from error


def _arrays(path: Path) -> np.lib.npyio.NpzFile:
    import io
    import zipfile

    try:
        arrays: np.lib.npyio.NpzFile = np.load(io.BytesIO(_read(path)), allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.parent}: {path.name} cannot be read ({error}); reinstall") from error
    return arrays


def _digest_of_file(path: Path) -> str:
    """sha256, without holding the file in memory."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path.parent}: {path.name} cannot be read ({error.strerror}); reinstall") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path.parent}: no {path.name} ({error.strerror}); reinstall, or name a complete folder"
        ) from error
