"""PCA whitening of embeddings: centred, projected on the main components, and scaled.

An encoder's vectors have a large mean (unrelated images have a cosine of 0.5), so raw cosines separate images poorly.
After centring and whitening (Jégou & Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of
PCA and whitening", ECCV 2012) the cosine of unrelated images is about 0, and fewer dimensions are enough. A whitening
is fitted to one encoder; that of the built-in encoder is shipped with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from auditor.embeddings.embedded_encoder import EMBEDDED
from auditor.errors import ModelError
from auditor.evidence_store.vectors import blocks

COMPONENTS = 128
MIN_VECTORS = 1000  # with fewer vectors the components would be noise
SAMPLE = 50_000  # vectors that a whitening is fitted to, at most
_RIDGE = 0.1  # times the mean variance, added to each component's variance: the last components are mostly noise
_SHIPPED = EMBEDDED / "space.npz"


@dataclass(frozen=True, slots=True, eq=False)
class PcaWhitening:
    """mean: float32 (dimension,). components: float32 (dimension, COMPONENTS), each divided by its standard
    deviation."""

    mean: np.ndarray
    components: np.ndarray

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """float (n, dimension) -> float32 (n, components), of unit length."""
        projected = (np.asarray(vectors, np.float32) - self.mean) @ self.components
        length = np.linalg.norm(projected, axis=1, keepdims=True)
        unit: np.ndarray = np.ascontiguousarray(projected / np.maximum(length, 1e-12), np.float32)
        return unit

    def transform_blocks(self, vectors: np.ndarray) -> np.ndarray:
        """As `transform`, block by block."""
        transformed = np.empty((len(vectors), self.components.shape[1]), np.float32)
        for start, block in blocks(vectors):
            transformed[start : start + len(block)] = self.transform(block)
        return transformed


def fit(sample: np.ndarray) -> PcaWhitening:
    """The whitening of float (n, dimension) vectors; with fewer than MIN_VECTORS it only centres."""
    vectors = np.asarray(sample, np.float32)
    mean = vectors.mean(axis=0)
    if len(vectors) < MIN_VECTORS:
        return PcaWhitening(mean, np.eye(len(mean), dtype=np.float32))
    variance, components = np.linalg.eigh(np.cov((vectors - mean).T.astype(np.float64)))
    variance, components = variance[::-1][:COMPONENTS], components[:, ::-1][:, :COMPONENTS]
    deviation = np.sqrt(np.maximum(variance, 0) + _RIDGE * max(float(variance.sum()) / len(mean), 1e-12))
    return PcaWhitening(mean, (components / deviation).astype(np.float32))


def space_for(fingerprint: str, sample: np.ndarray) -> PcaWhitening:
    """The shipped whitening if it belongs to this encoder, otherwise one that is fitted to the sample."""
    known = shipped()
    return known[1] if known and known[0] == fingerprint else fit(sample)


@cache
def shipped() -> tuple[str, PcaWhitening] | None:
    """The built-in encoder's fingerprint and whitening; None if the model has none. Raises ModelError."""
    if not _SHIPPED.exists():
        return None
    return read(_SHIPPED)


def read(path: Path) -> tuple[str, PcaWhitening]:
    """The fingerprint and the whitening in a file. Raises ModelError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as known:
            mean, components = known["mean"].astype(np.float32), known["axes"].astype(np.float32)
            return str(known["fingerprint"]), PcaWhitening(mean, components)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not a whitening ({error})") from error


def write(path: Path, fingerprint: str, space: PcaWhitening) -> None:
    """Writes the file that `read` reads, in float16, which is precise enough."""
    np.savez(
        path, fingerprint=fingerprint, mean=space.mean.astype(np.float16), axes=space.components.astype(np.float16)
    )
